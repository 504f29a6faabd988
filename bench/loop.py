"""What the busy loop on the isolated CPU loses while commands run one after another in its pod."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import Final

from tabulate import tabulate

from bench.commands import kubectl_exec, nsexec_in, run
from bench.quiet_cpu import daemons_on
from bench.record import Loss, Record
from bench.results import Result
from kubectl_nsexec.cpuset import CpuSet
from testbed import host_kubelet
from testbed.progress import say

ROUNDS: Final = 4
PHASE_SECONDS: Final = 10.0
TIDY_SECONDS: Final = 2.0
"""After the last command, still counted: the node removes what the command left."""
SHARE: Final = 0.1

IDLE, KUBECTL, NSEXEC = "idle", "kubectl exec", "oc nsexec"
_COMMANDS: Final[dict[str, Callable[[], list[str]] | None]] = {
    IDLE: None,
    KUBECTL: lambda: kubectl_exec("true"),
    NSEXEC: lambda: nsexec_in("true"),
}


@dataclass(frozen=True)
class Phase:
    """One stretch of time: what ran, how often, and what it cost. ``stolen_ms``: by the hypervisor, in 10 ms steps."""

    name: str
    commands: int
    loss: Loss
    stolen_ms: int


@dataclass(frozen=True)
class Cost:
    """What one kind of command adds to idle, in ms: in a second of commands one after another, and per command."""

    per_second_ms: float
    per_command_ms: float


def measure(record: Record) -> tuple[list[Result], str]:
    """Run the phases in turn, so that drift shows; return the results and a table of the phases. Raises BenchError."""
    phases = []
    with daemons_on(frozenset(CpuSet.parse(host_kubelet.RESERVED))):
        for turn in range(ROUNDS):
            for name in _COMMANDS:
                say(f"busy loop, round {turn + 1} of {ROUNDS}: {name}")
                phases.append(_phase(record, name))
        record.rest()
    return results(phases), phase_table(phases)


def _phase(record: Record, name: str) -> Phase:
    make = _COMMANDS[name]
    slot = record.start()
    stolen = _stolen_ms()
    commands, end = 0, time.monotonic() + PHASE_SECONDS
    while make is not None and time.monotonic() < end:
        run(make())
        commands += 1
    time.sleep(max(0.0, end - time.monotonic()) + TIDY_SECONDS)
    stolen = _stolen_ms() - stolen
    record.rest()
    return Phase(name, commands, record.read(slot), stolen)


def results(phases: Sequence[Phase]) -> list[Result]:
    """Return the verdicts on the phases of all rounds together."""
    lost = {name: cost(phases, name, lambda loss: loss.lost_ns) for name in (KUBECTL, NSEXEC)}
    by_tasks = {name: cost(phases, name, lambda loss: loss.run_delay_ns) for name in (KUBECTL, NSEXEC)}
    return [
        _compared("loop: time lost per second of commands, over idle", lost, "per_second_ms", "ms/s", SHARE),
        _compared("loop: the same per command", lost, "per_command_ms", "ms", None),
        _compared("loop: of it to other tasks, per second", by_tasks, "per_second_ms", "ms/s", SHARE),
        _compared("loop: of it to other tasks, per command", by_tasks, "per_command_ms", "ms", None),
        long_gaps(phases),
    ]


def cost(phases: Sequence[Phase], name: str, what: Callable[[Loss], int]) -> Cost:
    """Return what the commands NAME add to idle in WHAT (ns)."""
    idle = [phase.loss for phase in phases if phase.name == IDLE]
    idle_share = sum(map(what, idle)) / sum(loss.elapsed_ns for loss in idle)
    ours = [phase for phase in phases if phase.name == name]
    elapsed_ns = sum(phase.loss.elapsed_ns for phase in ours)
    added_ms = (sum(what(phase.loss) for phase in ours) - idle_share * elapsed_ns) / 1e6
    commanding_seconds = elapsed_ns / 1e9 - TIDY_SECONDS * len(ours)
    return Cost(added_ms / commanding_seconds, added_ms / sum(phase.commands for phase in ours))


def long_gaps(phases: Sequence[Phase]) -> Result:
    """Return whether gaps over 1 ms are more frequent than when idle.

    The hypervisor makes such gaps at any time. So their numbers are compared as what they are, random counts: more than
    idle means more than two standard deviations of the difference (Poisson: the root of the sum).
    """
    counts = {name: sum(p.loss.long_gaps for p in phases if p.name == name) for name in _COMMANDS}
    tasks = {name: sum(p.loss.long_gaps_by_tasks for p in phases if p.name == name) for name in _COMMANDS}
    elapsed = {name: sum(p.loss.elapsed_ns for p in phases if p.name == name) for name in _COMMANDS}

    def no_more(found: dict[str, int]) -> bool:
        expected = found[IDLE] * elapsed[NSEXEC] / elapsed[IDLE]
        return found[NSEXEC] - expected <= 2 * sqrt(found[NSEXEC] + expected)

    def words(name: str) -> str:
        return f"{counts[name]} ({tasks[name]} by tasks)"

    return Result(
        "loop: gaps over 1 ms",
        words(NSEXEC),
        f"idle {words(IDLE)}, kubectl exec {words(KUBECTL)}",
        "",
        "none that idle has not",
        no_more(counts) and no_more(tasks),
    )


def phase_table(phases: Sequence[Phase]) -> str:
    """Return every phase in the order in which it ran."""
    rows = [
        (
            phase.name,
            phase.commands,
            f"{phase.loss.elapsed_ns / 1e9:.1f}",
            phase.loss.gaps,
            f"{phase.loss.lost_ns / 1e6:.1f}",
            f"{phase.loss.run_delay_ns / 1e6:.1f}",
            phase.stolen_ms,
            phase.loss.long_gaps,
            phase.loss.long_gaps_by_tasks,
            f"{phase.loss.longest_ns / 1e6:.2f}",
        )
        for phase in phases
    ]
    headers = ["phase", "commands", "s", "gaps > 10 µs", "lost ms", "by tasks ms", "steal ms"]
    return tabulate(rows, [*headers, "gaps > 1 ms", "by tasks", "longest ms"])


def _compared(what: str, costs: dict[str, Cost], field: str, unit: str, share: float | None) -> Result:
    ours, other = float(getattr(costs[NSEXEC], field)), float(getattr(costs[KUBECTL], field))
    ratio = ours / other
    return Result(
        what,
        f"{ours:.2f} {unit}",
        f"kubectl exec {other:.2f} {unit}",
        f"{ratio:.2f}",
        "" if share is None else f"≤ {share:g}",
        None if share is None else other > 0 and ratio <= share,
    )


def _stolen_ms() -> int:
    """Return what the hypervisor took from the isolated CPUs so far (proc(5), /proc/stat, the eighth column)."""
    isolated = {f"cpu{cpu}" for cpu in CpuSet.parse(host_kubelet.isolated())}
    rows = [line.split() for line in Path("/proc/stat").read_text().splitlines()]
    return sum(int(row[8]) for row in rows if row and row[0] in isolated) * 10
