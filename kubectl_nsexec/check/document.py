"""A report for scripts, as docs/reference/check.schema.json has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kubectl_nsexec.check.report import NodeSum, Replicas, Report
    from kubectl_nsexec.check.rules import Finding

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
        "rows": [_row(each) for each in replicas],
        "nodes": [_node(each) for each in report.node_sums()],
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


def _node(node: NodeSum) -> dict[str, object]:
    return {
        "name": node.name,
        "execProbes": node.exec_probes,
        "commandsPerMinute": round(node.per_minute, 2),
        "findings": [_finding(finding) for finding in node.findings],
    }
