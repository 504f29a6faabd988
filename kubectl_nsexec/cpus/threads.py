"""The threads of processes on a node: with what policy each runs, where it may, and whether it starves.

Sources: proc_pid_stat(5), whose numbers of fields are used here; sched(7); Documentation/scheduler/sched-stats.rst for
schedstat (its first field: time on a CPU, ns).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from kubectl_nsexec.model.cpuset import CpuSet

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kubectl_nsexec.model.messages import ThreadsSeen

_POLICIES = {
    0: "SCHED_OTHER",
    1: "SCHED_FIFO",
    2: "SCHED_RR",
    3: "SCHED_BATCH",
    5: "SCHED_IDLE",
    6: "SCHED_DEADLINE",
    7: "SCHED_EXT",
}
"""include/uapi/linux/sched.h."""
REAL_TIME = frozenset({"SCHED_FIFO", "SCHED_RR", "SCHED_DEADLINE"})
STARVING_SECONDS = 1.0
_TICKS_PER_SECOND = 100
"""USER_HZ of every architecture that nodes have."""
_NS = 10**9
_LINE = re.compile(rb"(\d{1,9})/task/(\d{1,9})/(stat|schedstat|status):(.*)", re.DOTALL)
_STATE, _UTIME, _STIME, _STARTED, _PROCESSOR, _PRIORITY, _POLICY = (
    number - 3 for number in (3, 14, 15, 22, 39, 40, 41)
)
"""Of what follows the name, whose fields are counted from 1."""

Key = tuple[int, int]
"""PID and TID, the node's numbers."""


class Thread(NamedTuple):
    """One thread, at the last look at it."""

    pid: int
    tid: int
    process: str
    """comm of the process's first thread, and of this one: both are the workload's own word."""
    thread: str
    state: str
    """A letter of proc_pid_stat(5), field 3."""
    policy: str
    priority: int
    """rt_priority: 1 to 99 for SCHED_FIFO and SCHED_RR, else 0."""
    cpu: int
    """Where it ran last."""
    affinity: CpuSet
    share: float | None = None
    """What it had of a CPU between two looks, 0 to 1; None where it was seen once only."""
    starving: bool = False
    """It could run for more than STARVING_SECONDS, and did not."""

    @property
    def real_time(self) -> bool:
        """Whether ordinary threads wait for it for as long as it runs."""
        return self.policy in REAL_TIME

    @property
    def words(self) -> str:
        """``SCHED_FIFO 1 "lcore-worker-2"``."""
        return f'{self.policy}{f" {self.priority}" if self.priority else ""} "{self.thread}"'


class _Sample(NamedTuple):
    name: str
    state: str
    policy: str
    priority: int
    cpu: int
    started: int
    ran_ns: int
    uptime_seconds: float
    affinity: CpuSet


def of_processes(looks: Iterable[ThreadsSeen]) -> dict[int, list[Thread]]:
    """PID → its threads, by TID. Raises ValueError for what is not in the kernel's form."""
    samples: tuple[dict[Key, _Sample], dict[Key, _Sample]] = ({}, {})
    for look in looks:
        samples[look.look - 1].update(_samples(look))
    first, second = samples
    found: dict[int, list[Thread]] = {}
    for key in sorted({*first, *second}):
        before, now = first.get(key), second.get(key)
        last = now or first[key]
        process = second.get((key[0], key[0])) or first.get((key[0], key[0]))
        found.setdefault(key[0], []).append(_thread(key, process.name if process else last.name, before, last))
    return found


def _thread(key: Key, process: str, before: _Sample | None, last: _Sample) -> Thread:
    share, starving = None, False
    if before is not None and before is not last and before.started == last.started:
        seconds, ran_ns = last.uptime_seconds - before.uptime_seconds, last.ran_ns - before.ran_ns
        if seconds > 0:
            share = min(1.0, max(0.0, ran_ns / _NS / seconds))
        starving = seconds > STARVING_SECONDS and ran_ns == 0 and before.state == last.state == "R"
    return Thread(
        *key,
        process,
        last.name,
        last.state,
        last.policy,
        last.priority,
        last.cpu,
        last.affinity,
        share,
        starving,
    )


def _samples(look: ThreadsSeen) -> dict[Key, _Sample]:
    """Those threads of which both files were read: the others ended meanwhile."""
    files = _files(look.stat)
    masks = _files(look.status)
    found = {}
    for pid, tid, file in files:
        mask = masks.get((pid, tid, b"status"))
        if file == b"stat" and mask is not None:
            stat, schedstat = files[pid, tid, file], files.get((pid, tid, b"schedstat"), b"")
            found[pid, tid] = _sample(stat, schedstat, mask, look.uptime_seconds)
    return found


def _files(grepped: bytes) -> Mapping[tuple[int, int, bytes], bytes]:
    """(PID, TID, file) → its text, of lines that have the file's name before them."""
    found: dict[tuple[int, int, bytes], bytes] = {}
    for line in grepped.split(b"\n")[:-1]:
        match = _LINE.fullmatch(line)
        if match is None:
            raise ValueError(f"{line[:80]!r} is no line of a thread's file")
        key = int(match[1]), int(match[2]), match[3]
        found[key] = found[key] + b"\n" + match[4] if key in found else match[4]
    return found


def _sample(stat: bytes, schedstat: bytes, mask: bytes, uptime_seconds: float) -> _Sample:
    """A name may hold anything, parentheses and newlines too; what follows its last one are numbers."""
    begin, end = stat.index(b"("), stat.rindex(b")")
    fields = stat[end + 1 :].split()
    if len(fields) <= _POLICY:
        raise ValueError(f"{stat[:80]!r} has too few fields")
    times = schedstat.split()
    ticks = int(fields[_UTIME]) + int(fields[_STIME])
    policy = int(fields[_POLICY])
    return _Sample(
        name=stat[begin + 1 : end].decode(errors="backslashreplace"),
        state=fields[_STATE].decode(errors="backslashreplace"),
        policy=_POLICIES.get(policy, str(policy)),
        priority=int(fields[_PRIORITY]),
        cpu=int(fields[_PROCESSOR]),
        started=int(fields[_STARTED]),
        ran_ns=int(times[0]) if times else ticks * _NS // _TICKS_PER_SECOND,
        uptime_seconds=uptime_seconds,
        affinity=CpuSet.parse(mask.partition(b":")[2].decode("ascii")),
    )
