"""A report for people: rows with a finding, and with ``-o wide`` all rows and what they come of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubectl_nsexec.ui import output

if TYPE_CHECKING:
    from collections import Counter

    from kubectl_nsexec.check.report import NodeSum, Replicas, Report
    from kubectl_nsexec.check.rules import Finding
    from kubectl_nsexec.cpus.survey import Survey

_COLUMNS = ("NAMESPACE", "OWNER", "PODS", "CONTAINER", "WAY IN", "LANDS ON", "SEVERITY", "VERDICT", "FOUND", "REMEDY")
_WIDE = ("NODES", "EVERY", "TIMEOUT", "PER MINUTE", "WHY")
_NODE_COLUMNS = ("NODE", "EXEC PROBES", "PER MINUTE", "FOUND", "REMEDY")
_NODES_SHOWN = 3
_NOT_SCHEDULED = "(none yet)"


def table(report: Report, *, wide: bool) -> str:
    """Without the last newline; "" where there is nothing to show."""
    shown = [each for each in report.replicas if wide or each.row.findings or each.row.unknown]
    seen = report.on_nodes.nodes if wide and report.on_nodes is not None else {}
    nodes = [each for each in report.node_sums() if each.findings or (wide and each.exec_probes) or each.name in seen]
    tables = []
    if shown:
        tables.append(output.table([*_COLUMNS, *(_WIDE if wide else ())], [_row(each, wide=wide) for each in shown]))
    if nodes:
        rows = [[*_node(each), *([_seen(seen.get(each.name, ""))] if seen else [])] for each in nodes]
        tables.append(output.table([*_NODE_COLUMNS, *(["SEEN"] if seen else [])], rows))
    return "\n\n".join(tables)


def _row(replicas: Replicas, *, wide: bool) -> list[str]:
    row = replicas.row
    first = next((finding for finding in row.findings if not finding.suppressed), None)
    cells = [
        row.namespace or "-",
        str(row.owner),
        str(replicas.pods),
        row.container,
        row.way.kind,
        row.landing.words,
        row.severity or ("suppressed" if row.findings else "-"),
        first.verdict if first else row.landing.verdict,
        _ids(row.findings) or (f"not looked at: {row.unknown}" if row.unknown else "-"),
        first.remedy if first else "-",
    ]
    if not wide:
        return _on_one_line(cells)
    way = row.way
    why = [
        *row.landing.why,
        *row.tenants.why,
        *filter(None, [row.tenants.harm]),
        *(f"not looked at: {row.unknown}" for _ in [0] if row.unknown),
    ]
    wider = [
        *cells,
        _nodes(replicas.nodes),
        "-" if way.period_seconds is None else f"{way.period_seconds}s",
        "-" if way.timeout_seconds is None else f"{way.timeout_seconds}s",
        f"{row.per_minute:g}" if way.recurs else "-",
        "; ".join(why) or "-",
    ]
    return _on_one_line(wider)


def _on_one_line(cells: list[str]) -> list[str]:
    """Nobody has validated the names of a manifest: none of them makes a row of its own."""
    return [" ".join(cell.split()) for cell in cells]


def _node(node: NodeSum) -> list[str]:
    remedy = node.findings[0].remedy if node.findings else "-"
    name = node.name or _NOT_SCHEDULED
    return _on_one_line([name, str(node.exec_probes), f"{node.per_minute:g}", _ids(node.findings) or "-", remedy])


def _seen(survey: Survey | str) -> str:
    """What a node says of itself: what makes an exec beside a loop worse or better there."""
    if isinstance(survey, str):
        return "-"
    ours, theirs = survey.siblings
    limit = "unknown" if survey.rt_runtime_us is None else survey.rt_runtime_us
    said = [
        f"kernel {survey.release}",
        f"cgroup {survey.cgroup}",
        f"sched_rt_runtime_us {limit}",
        "stalld runs" if survey.stalld else "no stalld",
        *([f"CPUs {ours} share cores with somebody's CPUs {theirs}"] if ours else []),
    ]
    return " ".join(", ".join(said).split())


def _ids(findings: tuple[Finding, ...]) -> str:
    return ",".join(f"({each.rule.id})" if each.suppressed else each.rule.id for each in findings)


def _nodes(nodes: Counter[str]) -> str:
    names = sorted(name or _NOT_SCHEDULED for name in nodes)
    more = [f"+{len(names) - _NODES_SHOWN}"] if len(names) > _NODES_SHOWN else []
    return ",".join([*names[:_NODES_SHOWN], *more])
