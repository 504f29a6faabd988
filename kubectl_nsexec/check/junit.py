"""A report as JUnit's XML: a suite a node, a case a container and way in.

A finding as bad as ``--fail-on`` is a failure, a lesser one is told in ``system-out``, and below it what lives where
the exec lands; a case whose findings are all suppressed, or that could not be looked at, is skipped, with the reason.
Form: github.com/testmoapp/junitxml, and the stricter one of Jenkins' xUnit (junit-10.xsd).
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from kubectl_nsexec.check import evidence
from kubectl_nsexec.model.severity import that_fail
from kubectl_nsexec.ui.console import harmless

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kubectl_nsexec.check.evidence import Evidence
    from kubectl_nsexec.check.report import Report
    from kubectl_nsexec.check.rows import Row
    from kubectl_nsexec.check.rules import Finding

_NOT_SCHEDULED = "not scheduled"
_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'


def xml(report: Report, fail_on: str) -> str:
    """Without the last newline. Characters that XML has no place for stand as Python's escapes."""
    failing = that_fail(fail_on)
    suites = Element("testsuites", name="oc nsexec --check")
    by_node: dict[str, Element] = {}
    for replicas in report.replicas:
        for node, count in sorted(replicas.nodes.items()):
            suite = by_node.get(node)
            if suite is None:
                suite = by_node[node] = SubElement(suites, "testsuite", name=harmless(node or _NOT_SCHEDULED))
            _case(suite, replicas.row, count, failing, evidence.of_row(replicas, report.on_nodes, node))
    for node_sum in report.node_sums():
        if node_sum.findings:
            case = SubElement(by_node[node_sum.name], "testcase", classname="node", name="exec probes in all")
            _results(case, node_sum.findings, "", failing)
    for suite in by_node.values():
        suite.set("tests", str(len(suite)))
        suite.set("failures", str(len(suite.findall("testcase/failure"))))
        suite.set("errors", "0")
        suite.set("skipped", str(len(suite.findall("testcase/skipped"))))
    for name in ("tests", "failures", "errors"):
        suites.set(name, str(sum(int(suite.get(name, "0")) for suite in by_node.values())))
    indent(suites)
    return _DECLARATION + tostring(suites, encoding="unicode")


def _case(suite: Element, row: Row, count: int, failing: tuple[str, ...], seen: Evidence | None) -> None:
    pods = f" ({count} pods)" if count > 1 else ""
    case = SubElement(
        suite,
        "testcase",
        classname=harmless(f"{row.namespace}.{row.owner}"),
        name=harmless(f"{row.container} {row.way.kind}{pods}"),
    )
    lives = seen.lines() if seen else []
    _results(case, row.findings, row.unknown, failing, f"lands on {row.landing.words} ({row.landing.verdict})", lives)


def _results(
    case: Element,
    findings: tuple[Finding, ...],
    unknown: str,
    failing: tuple[str, ...],
    where: str = "",
    lives: Sequence[str] = (),
) -> None:
    """``lives``: lines of what lives ``where`` it lands; of use only where that is found to be bad."""
    counting = [finding for finding in findings if not finding.suppressed]
    failures = [finding for finding in counting if finding.severity in failing]
    suppressed = [f"{each.rule.id} suppressed: {each.suppressed}" for each in findings if each.suppressed]
    if failures:
        first = failures[0]
        message = f"{first.rule.id} {first.rule.name} ({first.verdict})"
        lines = [where, *map(_line, failures)]
        SubElement(case, "failure", type=first.severity, message=message).text = harmless(
            "\n".join(filter(None, lines))
        )
    elif unknown or (suppressed and not counting):
        reasons = [*([f"not looked at: {unknown}"] if unknown else []), *suppressed]
        SubElement(case, "skipped", message=harmless("; ".join(reasons)))
    told = [*(_line(each) for each in counting if each not in failures), *(suppressed if counting else [])]
    told += lives if counting else []
    if told:
        SubElement(case, "system-out").text = harmless("\n".join(told))


def _line(finding: Finding) -> str:
    rule = finding.rule
    return f"{rule.id} {rule.name}: {finding.severity}, {finding.verdict}. Instead: {finding.remedy}"
