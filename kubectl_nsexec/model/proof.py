"""The proof of where the command stands, and the evidence in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from kubectl_nsexec.model.cpuset import CpuSet


class CrossCheck(NamedTuple):
    """What another source says about the reserved CPUs."""

    source: str
    cpus: CpuSet
    agrees: bool


class LookedAt(NamedTuple):
    """Where it was looked whether CPUs are somebody's own, and which are."""

    source: str
    cpus: CpuSet
    found: bool = True
    """Whether the node has it."""


class PlainExec(NamedTuple):
    """What plain ``oc exec`` into the same container would have done."""

    on: str
    """``SharedCPU``, ``FirstExclusiveCPU``, ``AnyExclusiveCPU`` or ``SharedPool``: stable, for scripts."""
    cpus: CpuSet
    """Where it would have landed."""
    real_time: tuple[str, ...]
    """The real-time threads that live there: ``SCHED_FIFO 1 "lcore-worker-2"``."""
    safe: bool
    message: str


class Proof(NamedTuple):
    """The evidence that ``--verify`` prints."""

    namespace: str
    pod: str
    container: str
    node: str
    reserved: CpuSet
    source: str
    """Who says that these CPUs are reserved, e.g. ``PerformanceProfile "rt", spec.cpu.reserved``."""
    by: str
    """Which kind of source that is: ``cpus`` (by hand), ``profile``, ``node`` or ``kubelet``."""
    target_mask: CpuSet
    exclusive: CpuSet
    """What the kubelet's CPU manager has given to containers for themselves."""
    cmd_mask: CpuSet
    pin: str
    cgroup: str
    pid: int
    reason: str
    """Why that is safe: ``Apart``, ``NothingExclusive`` or ``SharedPool``."""
    verdict: str
    """The same in words."""
    granted: tuple[str, ...] = ()
    """What the command got beyond what `oc exec` would have given it."""
    cross_checks: tuple[CrossCheck, ...] = ()
    """What else says which CPUs are reserved, in the order in which it was asked."""
    looked_at: tuple[LookedAt, ...] = ()
    """Who could own CPUs of the node, and which they own."""
    siblings: tuple[CpuSet, CpuSet] | None = None
    """(CPUs of the command that share a core with somebody's own, those); None where no core is shared so."""
    warnings: tuple[str, ...] = ()
    plain_exec: PlainExec | None = None
    """None where it was not looked at."""
