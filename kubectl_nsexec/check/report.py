"""All rows of a check: replicas in one row with a count, sums by node against the limits, the exit status."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from kubectl_nsexec.check import judge, rows, rules
from kubectl_nsexec.check.landing import LIKELY
from kubectl_nsexec.check.owners import owner_of
from kubectl_nsexec.check.rules import Finding
from kubectl_nsexec.model.severity import INFO, SEVERITIES, that_fail

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kubectl_nsexec.check.facts import Facts
    from kubectl_nsexec.check.on_node import OnNodes
    from kubectl_nsexec.check.rows import Row
    from kubectl_nsexec.model.http import Json

EXIT_FINDINGS, EXIT_NOT_ALL_LOOKED_AT = 3, 4
_FINISHED = frozenset({"Succeeded", "Failed"})


class Replicas(NamedTuple):
    """A row, and where it stands: how many on each node ("" for none)."""

    row: Row
    examples: Mapping[str, str]
    """Node → its first pod: of the first node, and of each that was looked at."""
    nodes: Counter[str]

    @property
    def example(self) -> str:
        """The first pod."""
        return next(iter(self.examples.values()))

    @property
    def pods(self) -> int:
        """How many."""
        return self.nodes.total()


class NodeSum(NamedTuple):
    """The exec probes of a node that go on and on, liveness and readiness, of what was looked at."""

    name: str
    exec_probes: int
    per_minute: float
    findings: tuple[Finding, ...] = ()


class Report:
    """What has been looked at so far; its size grows with the owners, and by a number with each pod."""

    def __init__(self, facts: Facts, nodes: OnNodes | None = None) -> None:
        """``nodes``: what they were seen to say of the pods that are added."""
        self.pods = 0
        self.finished = 0
        self.notes: list[str] = []
        """Warnings, a line each: annotations that count for nothing."""
        self.on_nodes = nodes
        self._facts = facts
        self._rows: dict[Row, tuple[dict[str, str], Counter[str]]] = {}

    def add(self, pod: Json, line: int = 0) -> None:
        """Looks at a v1 Pod; one that has ended, or is for Windows, starts nothing."""
        if starts_nothing(pod):
            self.finished += 1
            return
        self.pods += 1
        metadata = pod.get("metadata") or {}
        for name in judge.without_reason(metadata.get("annotations") or {}):
            note = f"{owner_of(pod)}: annotation {name} has no reason, or no rule of that id: it is not heeded"
            if note not in self.notes:
                self.notes.append(note)
        node, name = str((pod.get("spec") or {}).get("nodeName") or ""), str(metadata.get("name") or "")
        for row in rows.of_pod(pod, self._facts, line, self.on_nodes):
            examples, nodes = self._rows.setdefault(row, ({}, Counter()))
            if self.on_nodes is not None or not examples:
                examples.setdefault(node, name)
            nodes[node] += 1

    @property
    def replicas(self) -> list[Replicas]:
        """The worst first, then by namespace, owner and container."""
        order = {severity: number for number, severity in enumerate((*SEVERITIES, ""))}
        found = [Replicas(row, examples, nodes) for row, (examples, nodes) in self._rows.items()]
        found.sort(key=lambda each: (order[each.row.severity], each.row.namespace, each.row.owner, each.row.container))
        return found

    def node_sums(self) -> list[NodeSum]:
        """By the node's name; those without one, not scheduled yet, as one."""
        probes: Counter[str] = Counter()
        counting: Counter[str] = Counter()
        commands: dict[str, float] = {}
        reasons: dict[str, str] = {}
        for row, (_, nodes) in self._rows.items():
            for node, count in nodes.items():
                probes[node] += count * row.way.recurs
                counting[node] += 0 if row.out_of_sum else count * row.way.recurs
                commands[node] = commands.get(node, 0.0) + count * row.way.per_minute
                if row.out_of_sum:
                    reasons.setdefault(node, f"{row.owner}: {row.out_of_sum}")
        return [
            NodeSum(node, probes[node], commands[node], _too_many(probes[node], counting[node], reasons.get(node, "")))
            for node in sorted(commands)
        ]

    def findings(self) -> Iterator[Finding]:
        """Each once for its row, and those of nodes."""
        for row in self._rows:
            yield from row.findings
        for node in self.node_sums():
            yield from node.findings

    def counts(self) -> dict[str, int]:
        """How many findings of each severity, those that are suppressed, and rows that could not be looked at."""
        counts = dict.fromkeys((*SEVERITIES, "suppressed"), 0)
        for finding in self.findings():
            counts["suppressed" if finding.suppressed else finding.severity] += 1
        return {**counts, "notLookedAt": sum(bool(row.unknown) for row in self._rows)}

    def exit_status(self, fail_on: str) -> int:
        """0, EXIT_FINDINGS where something is as bad as ``fail_on``, else EXIT_NOT_ALL_LOOKED_AT where that is so."""
        severities = that_fail(fail_on)
        counts = self.counts()
        if any(counts[severity] for severity in severities):
            return EXIT_FINDINGS
        return EXIT_NOT_ALL_LOOKED_AT if counts["notLookedAt"] else 0


def starts_nothing(pod: Json) -> bool:
    """Whether it has ended, or is for Windows."""
    ended = (pod.get("status") or {}).get("phase") in _FINISHED
    return ended or ((pod.get("spec") or {}).get("os") or {}).get("name") == "windows"


def _too_many(exec_probes: int, counting: int, reason: str) -> tuple[Finding, ...]:
    """``counting``: those of pods that do not leave the rule alone, which others do for ``reason``."""
    if exec_probes < rules.FEWER_EXEC_PROBES_THAN:
        return ()
    suppressed = reason if counting < rules.FEWER_EXEC_PROBES_THAN else ""
    return (Finding(rules.TOO_MANY, INFO, LIKELY, "httpGet, tcpSocket or grpc", suppressed),)
