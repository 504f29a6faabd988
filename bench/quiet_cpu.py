"""Makes the busy loop's CPU as quiet as an isolated CPU of a production node is.

The kernel's own work and everything of the machine is kept off there: by the boot parameters ``isolcpus``,
``nohz_full`` and ``rcu_nocbs``, by systemd's ``CPUAffinity``, and by TuneD's ``isolated_cores``, which moves every
task that can be moved (https://github.com/redhat-performance/tuned, profile cpu-partitioning). Here it would run
wherever there is room, and the loop would lose time to an API server that is never beside it in production. All of it
is given back.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from bench.errors import BenchError
from kubectl_nsexec.model.cpuset import CpuSet

_UNBOUND_WORK: Final = Path("/sys/devices/virtual/workqueue/cpumask")
"""Where the kernel's unbound workers may run, as a bitmap (kernel: Documentation/core-api/workqueue.rst)."""


@contextmanager
def quiet(isolated: CpuSet) -> Iterator[None]:
    """Keep every task that may run elsewhere off the CPUs ISOLATED; this process and what it starts as well.

    Raises BenchError without root.
    """
    former: dict[int, set[int]] = {}
    try:
        workers = _UNBOUND_WORK.read_text().strip()
        _UNBOUND_WORK.write_text(_bitmap(int(workers.replace(",", ""), 16), isolated))
    except OSError as error:
        raise BenchError(f"the kernel's workers cannot be kept off the CPUs {isolated}: {error}") from error
    try:
        # A thread that is born meanwhile has its parent's mask: once a look moves nobody, nobody is left.
        while moved := _move_off(frozenset(isolated)):
            former |= moved
        yield
    finally:
        _give_back(former)
        _UNBOUND_WORK.write_text(workers)


def _move_off(isolated: frozenset[int]) -> dict[int, set[int]]:
    """Return the threads that were moved, with the CPUs that they had; those who have no other CPU are left alone."""
    moved: dict[int, set[int]] = {}
    for _, thread in _threads():
        with suppress(OSError):  # it has ended, or the kernel has bound it
            cpus = os.sched_getaffinity(thread)
            if cpus & isolated and cpus - isolated:
                os.sched_setaffinity(thread, cpus - isolated)
                moved[thread] = cpus
    return moved


def _give_back(former: dict[int, set[int]]) -> None:
    """Let every thread run where it could; one that was born since, where its process could."""
    for process, thread in _threads():
        if cpus := former.get(thread) or former.get(process):
            with suppress(OSError):
                os.sched_setaffinity(thread, cpus)


def _threads() -> list[tuple[int, int]]:
    """Return (process, thread) of every thread there is."""
    return [(int(task.parts[2]), int(task.name)) for task in Path("/proc").glob("[0-9]*/task/[0-9]*")]


def _bitmap(now: int, without: CpuSet) -> str:
    """Return the CPUs of the bitmap NOW but those WITHOUT, as the kernel reads it: hexadecimal, words of 32 bits."""
    digits = f"{now & ~sum(1 << cpu for cpu in without):x}"
    digits = digits.zfill(-(-len(digits) // 8) * 8)
    return ",".join(digits[at : at + 8] for at in range(0, len(digits), 8))
