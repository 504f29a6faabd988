"""A report for scripts, as docs/reference/check.schema.json has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubectl_nsexec.check import evidence, on_node

if TYPE_CHECKING:
    from kubectl_nsexec.check.on_node import Looked, OnNodes
    from kubectl_nsexec.check.report import NodeSum, Replicas, Report
    from kubectl_nsexec.check.rules import Finding
    from kubectl_nsexec.cpus.survey import Survey

API_VERSION = "nsexec.io/v1"


def document(report: Report, fail_on: str) -> dict[str, object]:
    """All of it, rows without a finding as well."""
    replicas = report.replicas
    return {
        "apiVersion": API_VERSION,
        "kind": "Check",
        "failOn": fail_on,
        "exitStatus": report.exit_status(fail_on),
        "summary": {
            "pods": report.pods,
            "podsLeftOut": report.finished,
            "rows": len(replicas),
            **report.counts(),
        },
        "warnings": list(report.notes),
        "rows": [_row(each) for each in replicas],
        "nodes": [_node(each, report.on_nodes) for each in report.node_sums()],
        "containers": [] if report.on_nodes is None else [_container(each) for each in report.on_nodes.looked_at()],
    }


def _row(replicas: Replicas) -> dict[str, object]:
    row, way = replicas.row, replicas.row.way
    return {
        "namespace": row.namespace,
        "owner": {"kind": row.owner.kind, "name": row.owner.name},
        "container": row.container,
        "containerKind": row.container_kind,
        "wayIn": {
            "kind": way.kind,
            "program": way.program,
            "periodSeconds": way.period_seconds,
            "timeoutSeconds": way.timeout_seconds,
            "commandsPerMinute": round(way.per_minute, 2),
        },
        "lands": {
            "on": row.landing.kind,
            "cpu": row.landing.cpu,
            "exclusiveCPUs": row.landing.cpus,
            "verdict": row.landing.verdict,
            "why": list(row.landing.why),
        },
        "realTime": {"verdict": row.tenants.real_time, "signs": list(row.tenants.why), "harm": row.tenants.harm},
        "severity": row.severity,
        "findings": [_finding(finding) for finding in row.findings],
        "notLookedAt": row.unknown,
        "containerCommandsPerMinute": round(row.per_minute, 2),
        "pods": replicas.pods,
        "pod": replicas.example,
        "nodes": dict(sorted(replicas.nodes.items())),
        "line": row.line,
    }


def _finding(finding: Finding) -> dict[str, object]:
    return {
        "id": finding.rule.id,
        "name": finding.rule.name,
        "severity": finding.severity,
        "verdict": finding.verdict,
        "certsuite": list(finding.rule.certsuite),
        "remedy": finding.remedy,
        "suppressed": finding.suppressed,
    }


def _node(node: NodeSum, on_nodes: OnNodes | None) -> dict[str, object]:
    return {
        "name": node.name,
        "execProbes": node.exec_probes,
        "commandsPerMinute": round(node.per_minute, 2),
        "findings": [_finding(finding) for finding in node.findings],
        "seen": None if on_nodes is None else _seen(on_nodes.nodes.get(node.name, "")),
    }


def _seen(survey: Survey | str) -> dict[str, object] | None:
    if isinstance(survey, str):
        return None
    ours, theirs = survey.siblings
    return {
        "kernel": survey.release,
        "cgroup": survey.cgroup,
        "schedRtRuntimeUs": survey.rt_runtime_us,
        "stalld": survey.stalld,
        "siblings": {"cpus": str(ours), "of": str(theirs)},
    }


def _container(looked: Looked) -> dict[str, object]:
    target, container = looked
    starving = on_node.stuck(container)
    return {
        "namespace": target.namespace,
        "pod": target.pod,
        "container": target.container,
        "node": target.node,
        "cpus": str(container.allowed),
        "exclusiveCPUs": str(container.own),
        "execCPUs": str(container.exec_on),
        "execBy": container.exec_by,
        "threads": [evidence.thread_object(thread) for thread in container.threads],
        "stuck": [evidence.stuck_object(each) for each in starving],
    }
