"""What oslat, the busy loop on the isolated CPU, loses while commands run one after another in its pod."""

import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench import pod_time, published
from bench.commands import KEEP, KEEP_NO_MORE, kubectl_exec, nsexec_in, run
from bench.errors import BenchError
from bench.meter import Loop, Meter
from bench.quiet_cpu import quiet
from bench.results import Result
from bench.verdicts import IDLE, KEPT, KUBECTL, NSEXEC, SSH, Phase, can_tell, phase_table, results
from kubectl_nsexec.model.cpuset import CpuSet
from testbed import host_kubelet, processes
from testbed.paths import RT_NODE
from testbed.progress import say
from testbed.sshd import Sshd

LEAST_ROUNDS: Final = 4
MOST_ROUNDS: Final = 10
COMMANDS_SECONDS: Final = 10.0
"""A command that has begun before they are over ends after them."""
TIDY_SECONDS: Final = 2.0
"""After the last command, and counted: the node removes what the command left."""
MOST_SECONDS: Final = 300
"""Of one run of oslat, which is ended long before, when all of that is over."""


@dataclass(frozen=True)
class Way:
    """One kind of command; None: nothing runs beside the loop."""

    argv: list[str] | None
    environment: Mapping[str, str] = field(default_factory=dict)
    """What it has besides."""
    before: list[str] | None = None
    """What runs before the loop begins to measure, and after it has ended, without being counted."""
    after: list[str] | None = None


def measure(meter: Meter, *, publish: bool) -> tuple[list[Result], str]:
    """Run the phases in turn, so that drift shows; return the results and a table of the phases. Raises BenchError.

    PUBLISH: what they were goes into the documentation's data and picture.
    """
    if processes.alive(RT_NODE):
        # It would take CPU time from the loop, or starve the helper pod when it is moved to the other CPU.
        raise BenchError("the real-time node's virtual machine runs; end it by `make cluster-down` first")
    phases: list[Phase] = []
    with ExitStack() as stack:
        stack.enter_context(quiet(CpuSet.parse(host_kubelet.isolated())))
        ways = stack.enter_context(_ways())
        for turn in range(1, MOST_ROUNDS + 1):
            for name, way in ways.items():
                say(f"oslat, round {turn} of {LEAST_ROUNDS} to {MOST_ROUNDS}: {name}")
                phases.append(_phase(meter, name, way))
            if turn >= LEAST_ROUNDS and can_tell(phases):
                break
    if publish:
        published.write(phases)
    return results(phases), phase_table(phases)


@contextmanager
def _ways() -> Iterator[dict[str, Way]]:
    """In the order in which they take turns."""
    with tempfile.TemporaryDirectory() as folder, Sshd(Path(folder)).running() as sshd:
        kept = nsexec_in("true", options=KEEP)
        yield {
            IDLE: Way(None),
            KUBECTL: Way(kubectl_exec("true")),
            NSEXEC: Way(nsexec_in("true")),
            KEPT: Way(kept, before=kept, after=nsexec_in("true", options=KEEP_NO_MORE)),
            SSH: Way(nsexec_in("true"), environment=sshd.environment),
        }


def _phase(meter: Meter, name: str, way: Way) -> Phase:
    with _helper(way):
        loop = meter.start(MOST_SECONDS)
        try:
            before, began = _look(loop), time.monotonic()
            commands, end = 0, began + COMMANDS_SECONDS
            while way.argv is not None and time.monotonic() < end:
                run(way.argv, more=way.environment)
                commands += 1
            time.sleep(max(0.0, end - time.monotonic()))
            busy = time.monotonic() - began
            time.sleep(TIDY_SECONDS)
            after, policy = _look(loop), loop.policy
        finally:
            seen = meter.end(loop)
    return Phase(
        name,
        commands,
        busy,
        seen,
        policy,
        after.clock_seconds - before.clock_seconds,
        after.run_delay_ns - before.run_delay_ns,
        after.stolen_ms - before.stolen_ms,
        None if before.pods_ns is None or after.pods_ns is None else after.pods_ns - before.pods_ns,
    )


@contextmanager
def _helper(way: Way) -> Iterator[None]:
    """What the way needs, outside of what is measured."""
    if way.before is not None:
        run(way.before)
    try:
        yield
    finally:
        if way.after is not None:
            run(way.after)


@dataclass(frozen=True)
class _Look:
    clock_seconds: float
    run_delay_ns: int
    stolen_ms: int
    pods_ns: int | None


def _look(loop: Loop) -> _Look:
    return _Look(time.monotonic(), loop.run_delay_ns(), _stolen_ms(loop.cpu), pod_time.others_ns(loop))


def _stolen_ms(cpu: int) -> int:
    """Return what the hypervisor took from the CPU so far (proc(5), /proc/stat, the eighth column)."""
    rows = [line.split() for line in Path("/proc/stat").read_text().splitlines()]
    return sum(int(row[8]) for row in rows if row and row[0] == f"cpu{cpu}") * 10
