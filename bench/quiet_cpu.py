"""Keeps the cluster's own daemons off the isolated CPU, as systemd does on a real node.

On this machine control plane, kubelet and runtime would run wherever there is room, and the busy loop would lose time
to an API server that is never on the same node in production. What is pinned is given back on the way out.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from testbed import containerd, processes


@contextmanager
def daemons_on(cpus: frozenset[int]) -> Iterator[None]:
    """Run this process, what it starts and every process of the test bed on ``cpus`` only."""
    pids = [pid for name in processes.noted() if (pid := processes.pid_of(name))]
    everyone = [os.getpid(), *pids, *containerd.shims()]
    former = {pid: _move(pid, cpus) for pid in everyone}
    try:
        yield
    finally:
        for pid, mask in former.items():
            if mask:
                _move(pid, mask)


def _move(pid: int, cpus: frozenset[int]) -> frozenset[int]:
    """Move every thread of a process and return where its first one was; empty when it is gone."""
    with suppress(ProcessLookupError):
        former = frozenset(os.sched_getaffinity(pid))
        moved: set[int] = set()
        # A thread that is born meanwhile has its parent's mask: once a look finds nobody new, nobody is left.
        while threads := _threads(pid) - moved:
            for thread in threads:
                with suppress(ProcessLookupError):
                    os.sched_setaffinity(thread, cpus)
            moved |= threads
        return former
    return frozenset()


def _threads(pid: int) -> set[int]:
    with suppress(OSError):
        return {int(task.name) for task in Path(f"/proc/{pid}/task").iterdir()}
    return set()
