"""What the busy loop on the isolated CPU loses while commands run one after another in its pod."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from statistics import mean, stdev
from typing import Final

from tabulate import tabulate

from bench import pod_time
from bench.commands import kubectl_exec, nsexec_in, run
from bench.pod_time import PodTime
from bench.quiet_cpu import daemons_on
from bench.record import Loss, Record
from bench.results import Result, Verdict, verdict
from kubectl_nsexec.cpuset import CpuSet
from testbed import host_kubelet
from testbed.progress import say

LEAST_ROUNDS: Final = 4
MOST_ROUNDS: Final = 10
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


def measure(record: Record) -> tuple[list[Result], str]:
    """Run the phases in turn, so that drift shows; return the results and a table of the phases. Raises BenchError."""
    phases: list[Phase] = []
    pods = pod_time.find()
    with daemons_on(frozenset(CpuSet.parse(host_kubelet.RESERVED))):
        for turn in range(1, MOST_ROUNDS + 1):
            for name in _COMMANDS:
                say(f"busy loop, round {turn} of {LEAST_ROUNDS} to {MOST_ROUNDS}: {name}")
                phases.append(_phase(record, pods, name))
            if turn >= LEAST_ROUNDS and can_tell(*_costs(phases, _lost)):
                break
    return results(phases), phase_table(phases)


def _phase(record: Record, pods: PodTime | None, name: str) -> Phase:
    make = _COMMANDS[name]
    slot = record.start()
    stolen, others_ns = _stolen_ms(), pods.others_ns() if pods else 0
    commands, end = 0, time.monotonic() + PHASE_SECONDS
    while make is not None and time.monotonic() < end:
        run(make())
        commands += 1
    time.sleep(max(0.0, end - time.monotonic()) + TIDY_SECONDS)
    stolen, pods_ns = _stolen_ms() - stolen, pods.others_ns() - others_ns if pods else None
    record.rest()
    return Phase(name, commands, record.read(slot), stolen, pods_ns)


def results(phases: Sequence[Phase]) -> list[Result]:
    """Return the verdicts on the phases of all rounds together."""
    lost, by_tasks = _costs(phases, _lost), _costs(phases, lambda loss: loss.run_delay_ns)
    return [
        _per_second("loop: time lost per second of commands", *lost),
        _per_command("loop: the same per command", *lost),
        _per_second("loop: of it to other tasks, per second", *by_tasks),
        _per_command("loop: of it to other tasks, per command", *by_tasks),
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


def can_tell(ours: Cost, other: Cost) -> bool:
    """Whether the rounds agree well enough: two standard errors are less than the share that is to be told."""
    return 2 * ours.scatter_ms < SHARE * mean(other.per_second_ms)


def cost(phases: Sequence[Phase], name: str, what: Callable[[Loss], int]) -> Cost:
    """Return what the commands NAME add to the idle phase of the same round in WHAT (ns)."""
    added = Cost([], [])
    idle = [phase.loss for phase in phases if phase.name == IDLE]
    for phase, quiet in zip((phase for phase in phases if phase.name == name), idle, strict=True):
        elapsed_ns = phase.loss.elapsed_ns
        added_ms = (what(phase.loss) - what(quiet) / quiet.elapsed_ns * elapsed_ns) / 1e6
        added.per_second_ms.append(added_ms / (elapsed_ns / 1e9 - TIDY_SECONDS))
        added.per_command_ms.append(added_ms / phase.commands)
    return added


def _costs(phases: Sequence[Phase], what: Callable[[Loss], int]) -> tuple[Cost, Cost]:
    return cost(phases, NSEXEC, what), cost(phases, KUBECTL, what)


def _lost(loss: Loss) -> int:
    return loss.lost_ns


def _per_second(what: str, ours: Cost, other: Cost) -> Result:
    mine, theirs = mean(ours.per_second_ms), mean(other.per_second_ms)
    known = verdict(reached=mine <= SHARE * theirs) if can_tell(ours, other) else Verdict.UNKNOWN
    return Result(
        f"{what}, over idle",
        f"{mine:.2f} ± {ours.scatter_ms:.2f} ms/s",
        f"kubectl exec {theirs:.2f} ± {other.scatter_ms:.2f} ms/s",
        f"{mine / theirs:.2f}",
        f"≤ {SHARE:g}",
        known,
    )


def _per_command(what: str, ours: Cost, other: Cost) -> Result:
    mine, theirs = mean(ours.per_command_ms), mean(other.per_command_ms)
    return Result(what, f"{mine:.2f} ms", f"kubectl exec {theirs:.2f} ms", f"{mine / theirs:.2f}", "", Verdict.NONE)


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


def _stolen_ms() -> int:
    """Return what the hypervisor took from the isolated CPUs so far (proc(5), /proc/stat, the eighth column)."""
    isolated = {f"cpu{cpu}" for cpu in CpuSet.parse(host_kubelet.isolated())}
    rows = [line.split() for line in Path("/proc/stat").read_text().splitlines()]
    return sum(int(row[8]) for row in rows if row and row[0] in isolated) * 10
