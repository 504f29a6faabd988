"""From the phases of the busy loop to verdicts: what the commands add to idle."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import mean, stdev
from typing import Final

from tabulate import tabulate

from bench.results import Result, Verdict, verdict
from testbed.oslat import Histogram, total

SHARE: Final = 0.1
GAP_US: Final = 10
"""What is longer between two looks at the clock is lost; a loop that nothing disturbs looks twenty times a µs."""
LONG_GAP_US: Final = 1000
_DEVIATIONS: Final = 2

IDLE, KUBECTL, NSEXEC, KEPT, SSH = "idle", "kubectl exec", "oc nsexec", "oc nsexec --keep", "oc nsexec --via ssh"
_OURS: Final = (NSEXEC, KEPT, SSH)


@dataclass(frozen=True)
class Phase:
    """One run of oslat: what ran beside it, how often, and what it cost."""

    name: str
    commands: int
    busy_seconds: float
    """From the begin of the first command to the end of the last."""
    seen: Histogram
    policy: str
    """Of the loop, SCHED_FIFO or SCHED_OTHER."""
    watched_seconds: float
    """The part of the run that the numbers below are of: all but its first and last moment."""
    run_delay_ns: int
    """How long other tasks had the loop's CPU while it could run, by the kernel's account."""
    stolen_ms: int
    """By the hypervisor, which counts in steps of 10 ms."""
    pods_ns: int | None
    """CPU time of pods' other processes on the loop's CPU; None where the kernel does not say."""

    @property
    def lost_ms(self) -> float:
        """The time of all gaps of more than GAP_US."""
        return self.seen.sum_us(GAP_US) / 1e3


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


@dataclass(frozen=True)
class _What:
    """One of the numbers of a phase."""

    title: str
    ms: Callable[[Phase], float]
    seconds: Callable[[Phase], float]
    """How long it was counted."""


_LOST: Final = _What("time lost", lambda phase: phase.lost_ms, lambda phase: phase.seen.seconds)
_TO_TASKS: Final = _What(
    "of it to other tasks", lambda phase: phase.run_delay_ns / 1e6, lambda phase: phase.watched_seconds
)


def results(phases: Sequence[Phase]) -> list[Result]:
    """Return the verdicts on the phases of all rounds together."""
    return [
        *(_per_second(name, phases, what) for what in (_LOST, _TO_TASKS) for name in _OURS),
        *(_per_command(phases, what) for what in (_LOST, _TO_TASKS)),
        *_pods(phases),
        *(long_gaps(name, phases) for name in _OURS),
        _longest(phases),
    ]


def can_tell(phases: Sequence[Phase]) -> bool:
    """Whether the rounds agree well enough for every verdict on the time lost over idle."""
    other = cost(phases, KUBECTL, _LOST)
    return all(_agree(cost(phases, name, _LOST), other) for name in _OURS)


def _agree(ours: Cost, other: Cost) -> bool:
    """Whether two standard errors are less than the share that is to be told."""
    return _DEVIATIONS * ours.scatter_ms < SHARE * mean(other.per_second_ms)


def of(phases: Iterable[Phase], name: str) -> list[Phase]:
    """Those of one kind, in the order of the rounds."""
    return [phase for phase in phases if phase.name == name]


def cost(phases: Sequence[Phase], name: str, what: _What = _LOST) -> Cost:
    """Return what the commands NAME add to the idle phase of the same round in WHAT."""
    added = Cost([], [])
    for phase, quiet in zip(of(phases, name), of(phases, IDLE), strict=True):
        added_ms = what.ms(phase) - what.ms(quiet) / what.seconds(quiet) * what.seconds(phase)
        added.per_second_ms.append(added_ms / phase.busy_seconds)
        added.per_command_ms.append(added_ms / phase.commands)
    return added


def _per_second(name: str, phases: Sequence[Phase], what: _What) -> Result:
    """Return the verdict on what a second of commands adds.

    With a helper that is kept the time lost is to be none that can be told from idle: not above two standard errors.
    """
    ours, other = cost(phases, name, what), cost(phases, KUBECTL, what)
    mine, theirs = mean(ours.per_second_ms), mean(other.per_second_ms)
    limit, target = SHARE * theirs, f"≤ {SHARE:g}"
    if name == KEPT and what is _LOST:
        limit, target = _DEVIATIONS * ours.scatter_ms, "not told from idle"
    return Result(
        f"loop: {what.title} per second, over idle: {name}",
        f"{mine:.2f} ± {ours.scatter_ms:.2f} ms/s",
        f"kubectl exec {theirs:.2f} ± {other.scatter_ms:.2f} ms/s",
        _ratio(mine, theirs),
        target,
        verdict(reached=mine <= limit) if _agree(ours, other) else Verdict.UNKNOWN,
    )


def _per_command(phases: Sequence[Phase], what: _What) -> Result:
    ours, other = cost(phases, NSEXEC, what), cost(phases, KUBECTL, what)
    mine, theirs = mean(ours.per_command_ms), mean(other.per_command_ms)
    words = f"loop: {what.title} per command, over idle"
    return Result(words, f"{mine:.2f} ms", f"kubectl exec {theirs:.2f} ms", _ratio(mine, theirs), "", Verdict.NONE)


def _ratio(mine: float, theirs: float) -> str:
    """Nothing takes the CPU from a loop at SCHED_FIFO where nothing forces it to share: then there is no ratio."""
    return f"{mine / theirs:.2f}" if theirs else ""


def _pods(phases: Sequence[Phase]) -> list[Result]:
    """Return the one number that no noise reaches, where there is one."""

    def per_command_ms(name: str) -> float:
        ours = of(phases, name)
        return sum(phase.pods_ns or 0 for phase in ours) / 1e6 / sum(phase.commands for phase in ours)

    if any(phase.pods_ns is None for phase in phases):
        return []
    theirs = per_command_ms(KUBECTL)
    return [
        Result(
            f"loop: CPU time of pods' processes beside it, per command: {name}",
            f"{per_command_ms(name):.3f} ms",
            f"kubectl exec {theirs:.3f} ms",
            _ratio(per_command_ms(name), theirs),
            f"≤ {SHARE:g}",
            verdict(reached=per_command_ms(name) <= SHARE * theirs),
        )
        for name in _OURS
    ]


def long_gaps(name: str, phases: Sequence[Phase]) -> Result:
    """Return whether gaps over 1 ms are more frequent than when idle.

    The hypervisor makes such gaps at any time. So their numbers are compared as what they are, random counts: more
    means more than two standard deviations of the difference (Poisson: the root of the sum).
    """
    ours, quiet, theirs = (total(phase.seen for phase in of(phases, each)) for each in (name, IDLE, KUBECTL))
    found, idle = ours.number(LONG_GAP_US), quiet.number(LONG_GAP_US)
    expected = idle * ours.seconds / quiet.seconds
    return Result(
        f"loop: gaps over 1 ms, against idle: {name}",
        str(found),
        f"idle {idle}; kubectl exec {theirs.number(LONG_GAP_US)}",
        "",
        "no more",
        verdict(reached=found - expected <= _DEVIATIONS * sqrt(found + expected)),
    )


def _longest(phases: Sequence[Phase]) -> Result:
    """Return the longest gap of all, which is one number of chance and has no verdict."""

    def words(name: str) -> str:
        return f"{name} {total(phase.seen for phase in of(phases, name)).longest_us / 1e3:.2f} ms"

    ours, others = ("; ".join(map(words, names)) for names in (_OURS, (IDLE, KUBECTL)))
    return Result("loop: the longest gap", ours.removeprefix(f"{NSEXEC} "), others, "", "", Verdict.NONE)


def phase_table(phases: Sequence[Phase]) -> str:
    """Return every phase in the order in which it ran."""
    rows = [
        (
            phase.name,
            phase.policy,
            phase.commands,
            f"{phase.busy_seconds:.1f}",
            f"{phase.seen.seconds:.1f}",
            phase.seen.number(GAP_US),
            f"{phase.lost_ms:.1f}",
            f"{phase.run_delay_ns / 1e6:.1f}",
            phase.stolen_ms,
            "" if phase.pods_ns is None else f"{phase.pods_ns / 1e6:.1f}",
            phase.seen.number(LONG_GAP_US),
            f"{phase.seen.longest_us / 1e3:.2f}",
        )
        for phase in phases
    ]
    headers = ["phase", "policy", "commands", "in s", "oslat s", "gaps > 10 µs", "lost ms", "by tasks ms", "steal ms"]
    return tabulate(rows, [*headers, "by pods ms", "gaps > 1 ms", "longest ms"])
