"""From the phases of the busy loop to verdicts: what the commands add to idle."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import mean, stdev
from typing import Final

from tabulate import tabulate

from bench.record import Loss
from bench.results import Result, Verdict, verdict

TIDY_SECONDS: Final = 2.0
"""At the end of each phase, after the last command, and counted: the node removes what the command left."""
SHARE: Final = 0.1

What = Callable[[Loss], int]
"""One of the numbers of a phase, in ns."""

IDLE, KUBECTL, NSEXEC = "idle", "kubectl exec", "oc nsexec"


@dataclass(frozen=True)
class Phase:
    """One stretch of time: what ran, how often, and what it cost."""

    name: str
    commands: int
    loss: Loss
    stolen_ms: int
    """By the hypervisor, which counts in steps of 10 ms."""
    pods_ns: int | None
    """CPU time of pods' other processes on the loop's CPU; None where the kernel does not say."""


@dataclass(frozen=True)
class Cost:
    """What one kind of command adds to idle, in ms, in each round."""

    per_second_ms: list[float]
    """In a second of commands one after another."""
    per_command_ms: list[float]

    @property
    def scatter_ms(self) -> float:
        """The standard error of the mean of ``per_second_ms``."""
        return stdev(self.per_second_ms) / sqrt(len(self.per_second_ms))


def results(phases: Sequence[Phase]) -> list[Result]:
    """Return the verdicts on the phases of all rounds together."""
    lost, tasks = "loop: time lost", "loop: of it to other tasks"
    return [
        _per_second(lost, phases, _lost),
        _per_command(lost, phases, _lost),
        _per_second(tasks, phases, _to_tasks),
        _per_command(tasks, phases, _to_tasks),
        *_pods(phases),
        long_gaps(phases),
    ]


def _pods(phases: Sequence[Phase]) -> list[Result]:
    """Return the one number that no noise reaches, where there is one."""

    def per_command_ms(name: str) -> float:
        ours = [phase for phase in phases if phase.name == name]
        return sum(phase.pods_ns or 0 for phase in ours) / 1e6 / sum(phase.commands for phase in ours)

    if any(phase.pods_ns is None for phase in phases):
        return []
    mine, theirs = per_command_ms(NSEXEC), per_command_ms(KUBECTL)
    return [
        Result(
            "loop: CPU time of pods' processes beside it, per command",
            f"{mine:.3f} ms",
            f"kubectl exec {theirs:.3f} ms",
            f"{mine / theirs:.2f}",
            f"≤ {SHARE:g}",
            verdict(reached=mine <= SHARE * theirs),
        )
    ]


def can_tell(phases: Sequence[Phase]) -> bool:
    """Whether the rounds agree well enough for a verdict on the time lost over idle."""
    return _agree(*_costs(phases, _lost))


def _agree(ours: Cost, other: Cost) -> bool:
    """Whether two standard errors are less than the share that is to be told."""
    return 2 * ours.scatter_ms < SHARE * mean(other.per_second_ms)


def cost(phases: Sequence[Phase], name: str, what: What) -> Cost:
    """Return what the commands NAME add to the idle phase of the same round in WHAT."""
    added = Cost([], [])
    idle = [phase.loss for phase in phases if phase.name == IDLE]
    for phase, quiet in zip((phase for phase in phases if phase.name == name), idle, strict=True):
        elapsed_ns = phase.loss.elapsed_ns
        added_ms = (what(phase.loss) - what(quiet) / quiet.elapsed_ns * elapsed_ns) / 1e6
        added.per_second_ms.append(added_ms / (elapsed_ns / 1e9 - TIDY_SECONDS))
        added.per_command_ms.append(added_ms / phase.commands)
    return added


def _costs(phases: Sequence[Phase], what: What) -> tuple[Cost, Cost]:
    return cost(phases, NSEXEC, what), cost(phases, KUBECTL, what)


def _lost(loss: Loss) -> int:
    return loss.lost_ns


def _to_tasks(loss: Loss) -> int:
    return loss.run_delay_ns


def _per_second(title: str, phases: Sequence[Phase], what: What) -> Result:
    ours, other = _costs(phases, what)
    mine, theirs = mean(ours.per_second_ms), mean(other.per_second_ms)
    known = verdict(reached=mine <= SHARE * theirs) if _agree(ours, other) else Verdict.UNKNOWN
    return Result(
        f"{title} per second, over idle",
        f"{mine:.2f} ± {ours.scatter_ms:.2f} ms/s",
        f"kubectl exec {theirs:.2f} ± {other.scatter_ms:.2f} ms/s",
        f"{mine / theirs:.2f}",
        f"≤ {SHARE:g}",
        known,
    )


def _per_command(title: str, phases: Sequence[Phase], what: What) -> Result:
    ours, other = _costs(phases, what)
    mine, theirs = mean(ours.per_command_ms), mean(other.per_command_ms)
    words = f"{title} per command, over idle"
    return Result(words, f"{mine:.2f} ms", f"kubectl exec {theirs:.2f} ms", f"{mine / theirs:.2f}", "", Verdict.NONE)


def long_gaps(phases: Sequence[Phase]) -> Result:
    """Return whether gaps over 1 ms are more frequent than when idle.

    The hypervisor makes such gaps at any time. So their numbers are compared as what they are, random counts: more
    means more than two standard deviations of the difference (Poisson: the root of the sum).
    """
    counts = {name: sum(p.loss.long_gaps for p in phases if p.name == name) for name in (IDLE, KUBECTL, NSEXEC)}
    tasks = {name: sum(p.loss.long_gaps_by_tasks for p in phases if p.name == name) for name in (IDLE, KUBECTL, NSEXEC)}
    elapsed = {name: sum(p.loss.elapsed_ns for p in phases if p.name == name) for name in (IDLE, KUBECTL, NSEXEC)}

    def no_more(found: dict[str, int]) -> bool:
        expected = found[IDLE] * elapsed[NSEXEC] / elapsed[IDLE]
        return found[NSEXEC] - expected <= 2 * sqrt(found[NSEXEC] + expected)

    def words(name: str) -> str:
        return f"{counts[name]} ({tasks[name]} by tasks)"

    return Result(
        "loop: gaps over 1 ms, against idle",
        words(NSEXEC),
        f"{words(IDLE)}; kubectl exec {words(KUBECTL)}",
        "",
        "no more",
        verdict(reached=no_more(counts) and no_more(tasks)),
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
            "" if phase.pods_ns is None else f"{phase.pods_ns / 1e6:.1f}",
            phase.loss.long_gaps,
            phase.loss.long_gaps_by_tasks,
            f"{phase.loss.longest_ns / 1e6:.2f}",
        )
        for phase in phases
    ]
    headers = ["phase", "commands", "s", "gaps > 10 µs", "lost ms", "by tasks ms", "steal ms", "by pods ms"]
    return tabulate(rows, [*headers, "gaps > 1 ms", "by tasks", "longest ms"])
