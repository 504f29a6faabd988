"""What a node says of its containers: the CPUs that each may use and owns, where an exec lands, its threads."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from kubectl_nsexec.cpus import threads
from kubectl_nsexec.model.cpuset import CpuSet

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kubectl_nsexec.cpus.owners import Owners
    from kubectl_nsexec.cpus.threads import Thread
    from kubectl_nsexec.model.messages import ContainerSeen, SurveyBegun, ThreadsSeen

BY_FOLDER, BY_SPEC = "cgroup exec", "execCPUAffinity"
"""What keeps an exec on some of the container's CPUs: CRI-O's cgroup folder for them, or the runtime's config.json."""


class Container(NamedTuple):
    """One container, as its node shows it."""

    allowed: CpuSet
    own: CpuSet
    """Those of them that it has for itself: see owners.Pools."""
    exec_on: CpuSet
    """Where an exec lands: ``allowed``, where nothing says less."""
    exec_by: str = ""
    """BY_FOLDER, BY_SPEC, or "" where nothing does."""
    threads: tuple[Thread, ...] = ()

    def real_time_on(self, cpus: CpuSet) -> list[Thread]:
        """Its real-time threads that may run on some of ``cpus``, the highest priority first."""
        there = [each for each in self.threads if each.real_time and not each.affinity.isdisjoint(cpus)]
        return sorted(there, key=lambda each: (each.policy != "SCHED_DEADLINE", -each.priority, each.pid, each.tid))


class Survey(NamedTuple):
    """One node, looked at."""

    release: str
    """The kernel's."""
    cgroup: str
    rt_runtime_us: int | None
    stalld: bool
    containers: Mapping[str, Container | str]
    """By container ID; a text says why one could not be looked at."""
    siblings: tuple[CpuSet, CpuSet] = (CpuSet(), CpuSet())
    """(our CPUs that share a core with somebody's own, those)."""


def made(begun: SurveyBegun, containers: Mapping[str, Container | str], owners: Owners) -> Survey:
    """``containers``: as ``of_containers`` has them; ``owners``: of the node's CPUs."""
    return Survey(
        begun.release,
        begun.cgroup,
        begun.rt_runtime_us,
        begun.stalld,
        containers,
        owners.neighbours(begun.node.mask),
    )


def of_containers(
    containers: Sequence[ContainerSeen], looks: Sequence[ThreadsSeen], owners: Owners
) -> dict[str, Container | str]:
    """By container ID: see Survey. Raises ValueError for what is not in the form of the kernel or the runtime."""
    by_process = threads.of_processes(looks)
    return {each.id: each.missing or _container(each, by_process, owners) for each in containers}


def _container(seen: ContainerSeen, by_process: Mapping[int, list[Thread]], owners: Owners) -> Container:
    allowed = seen.cpus
    own = owners.pools.owned(allowed)
    found = tuple(thread for pid in seen.processes for thread in by_process.get(pid, ()))
    for by, cpus in ((BY_FOLDER, seen.exec_folder or CpuSet()), (BY_SPEC, affinity(seen.affinity))):
        if kept := cpus & allowed:
            return Container(allowed, own, kept, by, found)
    return Container(allowed, own, allowed, threads=found)


def affinity(text: bytes) -> CpuSet:
    """Of ``"execCPUAffinity":{"initial":…,"final":…}`` (OCI runtime specification, config.md): where a process ends.

    Empty for empty text. Raises ValueError.
    """
    if not text.strip():
        return CpuSet()
    found = json.loads(b"{%s}" % text.strip()).get("execCPUAffinity")
    if not isinstance(found, dict):
        raise ValueError(f"{text[:80]!r} is no execCPUAffinity")  # noqa: TRY004 - of what a node sent
    named = found.get("final") or found.get("initial") or ""
    if not isinstance(named, str):
        raise ValueError(f"{text[:80]!r} names no CPUs")  # noqa: TRY004 - as above
    return CpuSet.parse(named)
