"""What the busy loop on the isolated CPU loses while commands run one after another in its pod."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from bench import pod_time
from bench.commands import kubectl_exec, nsexec_in, run
from bench.errors import BenchError
from bench.pod_time import PodTime
from bench.quiet_cpu import quiet
from bench.record import Record
from bench.results import Result
from bench.verdicts import IDLE, KUBECTL, NSEXEC, TIDY_SECONDS, Phase, can_tell, phase_table, results
from kubectl_nsexec.model.cpuset import CpuSet
from testbed import host_kubelet, processes
from testbed.paths import RT_NODE
from testbed.progress import say

LEAST_ROUNDS: Final = 4
MOST_ROUNDS: Final = 10
PHASE_SECONDS: Final = 10.0

_COMMANDS: Final[dict[str, Callable[[], list[str]] | None]] = {
    IDLE: None,
    KUBECTL: lambda: kubectl_exec("true"),
    NSEXEC: lambda: nsexec_in("true"),
}


def measure(record: Record) -> tuple[list[Result], str]:
    """Run the phases in turn, so that drift shows; return the results and a table of the phases. Raises BenchError."""
    if processes.alive(RT_NODE):
        # It would take CPU time from the loop, or starve the helper pod when it is moved to the other CPU.
        raise BenchError("the real-time node's virtual machine runs; end it by `make cluster-down` first")
    phases: list[Phase] = []
    pods = pod_time.find()
    with quiet(CpuSet.parse(host_kubelet.isolated())):
        for turn in range(1, MOST_ROUNDS + 1):
            for name in _COMMANDS:
                say(f"busy loop, round {turn} of {LEAST_ROUNDS} to {MOST_ROUNDS}: {name}")
                phases.append(_phase(record, pods, name))
            if turn >= LEAST_ROUNDS and can_tell(phases):
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
    time.sleep(max(0.0, end - time.monotonic()))
    time.sleep(TIDY_SECONDS)
    stolen, pods_ns = _stolen_ms() - stolen, pods.others_ns() - others_ns if pods else None
    record.rest()
    return Phase(name, commands, record.read(slot), stolen, pods_ns)


def _stolen_ms() -> int:
    """Return what the hypervisor took from the isolated CPUs so far (proc(5), /proc/stat, the eighth column)."""
    isolated = {f"cpu{cpu}" for cpu in CpuSet.parse(host_kubelet.isolated())}
    rows = [line.split() for line in Path("/proc/stat").read_text().splitlines()]
    return sum(int(row[8]) for row in rows if row and row[0] in isolated) * 10
