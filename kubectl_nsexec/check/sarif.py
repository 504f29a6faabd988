"""A report as SARIF 2.1.0 (OASIS), for code scanning: a result a finding, at the manifest's line where there is one."""

from __future__ import annotations

import hashlib
from pathlib import PurePath
from typing import TYPE_CHECKING
from urllib.parse import quote

from kubectl_nsexec import __version__
from kubectl_nsexec.check import evidence, rules
from kubectl_nsexec.model.severity import DANGER, INFO, LATENCY

if TYPE_CHECKING:
    from kubectl_nsexec.check.evidence import Evidence
    from kubectl_nsexec.check.report import Replicas, Report
    from kubectl_nsexec.check.rules import Finding, Rule

VERSION = "2.1.0"
SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_HOME = "https://github.com/kubectl-nsexec/kubectl-nsexec"
_LEVELS = {DANGER: "error", LATENCY: "warning", INFO: "note"}


def document(report: Report, filename: str | None) -> dict[str, object]:
    """One run; ``filename`` is the manifest's, as it was named. Suppressed findings are results that say so."""
    replicas = report.replicas
    results = []
    for each in replicas:
        seen = evidence.of_row(each, report.on_nodes)
        results += [_of_row(each, finding, filename, seen) for finding in each.row.findings]
    for node in report.node_sums():
        results += [_of_node(node.name, finding, filename) for finding in node.findings]
    missing = sorted({each.row.unknown for each in replicas if each.row.unknown})
    notices = [{"level": "warning", "message": {"text": f"not looked at: {text}"}} for text in missing]
    return {
        "$schema": SCHEMA,
        "version": VERSION,
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "oc nsexec --check",
                        "semanticVersion": __version__,
                        "informationUri": _HOME,
                        "rules": [_rule(rule) for rule in rules.RULES],
                    }
                },
                "invocations": [{"executionSuccessful": True, "toolExecutionNotifications": notices}],
                "results": results,
            }
        ],
    }


def _rule(rule: Rule) -> dict[str, object]:
    return {
        "id": rule.id,
        "name": rule.name,
        "shortDescription": {"text": rule.name.replace("-", " ")},
        "fullDescription": {"text": rule.meaning},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
        "properties": {"certsuite": list(rule.certsuite)},
    }


def _of_row(replicas: Replicas, finding: Finding, filename: str | None, seen: Evidence | None) -> dict[str, object]:
    """``seen``: of one of the pods; its list of threads is a property, as a result has no field for evidence."""
    row = replicas.row
    name = f"{row.namespace}/{row.owner.kind}/{row.owner.name}/{row.container}/{row.way.kind}"
    text = (
        f"{row.way.kind} into container {row.container} of {row.owner} lands on {row.landing.words} "
        f"({finding.verdict}). Instead: {finding.remedy}."
    )
    if finding.rule is rules.ON_REAL_TIME and row.tenants.harm:
        text += f" {row.tenants.harm}."
    nodes = dict(sorted(replicas.nodes.items()))
    properties: dict[str, object] = {"verdict": finding.verdict, "pods": replicas.pods, "nodes": nodes}
    if seen is not None:
        properties["evidence"] = evidence.document(seen)
        text = "\n".join([text, *seen.lines()])
    return {**_result(finding, name, text, filename, row.line), "properties": properties}


def _of_node(name: str, finding: Finding, filename: str | None) -> dict[str, object]:
    return _result(finding, f"node/{name}", f"{finding.rule.meaning} Instead: {finding.remedy}.", filename, 1)


def _result(finding: Finding, name: str, text: str, filename: str | None, line: int) -> dict[str, object]:
    location: dict[str, object] = {"logicalLocations": [{"fullyQualifiedName": name, "kind": "resource"}]}
    if filename is not None:
        location["physicalLocation"] = {
            "artifactLocation": {"uri": _uri(filename)},
            "region": {"startLine": max(line, 1)},
        }
    result: dict[str, object] = {
        "ruleId": finding.rule.id,
        "ruleIndex": rules.RULES.index(finding.rule),
        "level": _LEVELS[finding.severity],
        "message": {"text": text},
        "locations": [location],
        "partialFingerprints": {"nsexec/v1": hashlib.sha256(f"{finding.rule.id} {name}".encode()).hexdigest()},
    }
    if finding.suppressed:
        kind = "external" if filename is None else "inSource"
        result["suppressions"] = [{"kind": kind, "justification": finding.suppressed}]
    return result


def _uri(filename: str) -> str:
    """A relative reference stays one: whoever shows it knows the folder (RFC 3986)."""
    if filename == "-":
        return "stdin"
    path = PurePath(filename)
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())
