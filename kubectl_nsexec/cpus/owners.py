"""Who owns which CPU of a node, whatever its kubelet's policy is: one decision, from facts alone.

The kernel's isolated CPUs are somebody's own (isolcpus, nohz_full: an application pins itself there), and so are those
that the kubelet gave away (cpu_manager_state), and those that a container is allowed by what else gives CPUs away: a
DRA driver, an NRI plugin, ``docker run --cpuset-cpus``.
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, NamedTuple

from kubectl_nsexec.cpus.kubelet import POLICY_STATIC
from kubectl_nsexec.model.cpuset import CpuSet
from kubectl_nsexec.model.proof import LookedAt

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kubectl_nsexec.cpus.kubelet import CpuManagerState
    from kubectl_nsexec.model.messages import Claims, FolderCpus

ISOLATED = "/sys/devices/system/cpu/isolated"
NOHZ_FULL = "/sys/devices/system/cpu/nohz_full"
PARTITIONS = "/sys/fs/cgroup/cpuset.cpus.isolated"
"""Of cpuset partitions made while the node runs (Documentation/admin-guide/cgroup-v2.rst, since Linux 6.7)."""
CHECKPOINT = "cpu_manager_state"
FOLDERS = "cpusets of containers"
NOBODYS = CpuSet()


class Pools(NamedTuple):
    """What explains that a container is allowed some of the CPUs only, without owning any of them."""

    online: CpuSet
    reserved: CpuSet = NOBODYS
    """What somebody reserves for the system: a profile, CRI-O, workload pinning, the kubelet."""
    default: CpuSet | None = None
    """The static CPU manager's shared pool; None under another policy, or where it is not known."""
    best_effort: CpuSet = NOBODYS
    """The cpuset of a container that was promised nothing; empty where it has none, or none was started."""

    def owned(self, allowed: CpuSet) -> CpuSet:
        """What a container that is allowed these CPUs has for itself.

        Under the static policy: what is not in the shared pool, but for who stands on the reserved CPUs of a pool that
        has none of them (strict-cpu-reservation). Else all of it, but for who is allowed all CPUs, just the reserved
        ones (workload partitioning), or all that a best-effort pod is (the shared pool of a CPU driver).
        """
        allowed, reserved = allowed & self.online, self.reserved & self.online
        if self.default is not None:
            strict = reserved.isdisjoint(self.default)
            shared = allowed <= self.default or (strict and allowed <= reserved)
            return NOBODYS if shared else allowed - self.default
        if allowed in (self.online, reserved):
            return NOBODYS
        pool = self.best_effort & self.online
        return allowed - pool if pool <= allowed else allowed


class Owners(NamedTuple):
    """Somebody's own CPUs, by what says so."""

    kernel: CpuSet = NOBODYS
    exclusive: CpuSet = NOBODYS
    """By the kubelet's checkpoint."""
    folders: CpuSet = NOBODYS
    """By the cpusets of containers."""
    looked_at: tuple[LookedAt, ...] = ()
    """What was read on the node, in this order: see LookedAt."""
    cores: tuple[CpuSet, ...] = ()
    pools: Pools = Pools(NOBODYS)
    first: tuple[FolderCpus, ...] = ()
    """Folders that own something, to name one."""

    @property
    def all(self) -> CpuSet:
        """Nothing of ours runs on these."""
        return self.kernel | self.exclusive | self.folders

    def whose(self, cpus: CpuSet) -> str:
        """Who owns some of ``cpus``, in words; "" when nobody does."""
        parts = [
            f"the kernel isolates {look.cpus} ({look.source})"
            for look in self.looked_at
            if look.source in _KERNEL_FILES and not look.cpus.isdisjoint(cpus)
        ]
        if not self.exclusive.isdisjoint(cpus):
            parts.append(f"the kubelet has given {self.exclusive} to containers for themselves ({CHECKPOINT})")
        if not self.folders.isdisjoint(cpus):
            folder = next(folder for folder in self.first if not folder.cpus.isdisjoint(cpus))
            parts.append(f"containers are allowed {self.folders} for themselves ({folder.cpus}: cgroup {folder.path})")
        return ", and ".join(parts)

    def neighbours(self, ours: CpuSet) -> tuple[CpuSet, CpuSet]:
        """(those of ``ours`` that share a core with somebody's own CPU, those CPUs)."""
        pairs = [(core & ours, (core & self.all) - ours) for core in self.cores]
        met = [pair for pair in pairs if pair[0] and pair[1]]
        return _union(mine for mine, _ in met), _union(theirs for _, theirs in met)


_KERNEL_FILES = (ISOLATED, NOHZ_FULL, PARTITIONS)


def find(claims: Claims, state: CpuManagerState | None, *, online: CpuSet, reserved: CpuSet = NOBODYS) -> Owners:
    """The owners by what the node says; ``reserved`` by others' word than the user's (--cpus)."""
    files = (claims.isolated, claims.nohz_full, claims.partitions)
    looks = [LookedAt(path, cpus or NOBODYS, cpus is not None) for path, cpus in zip(_KERNEL_FILES, files, strict=True)]
    kernel = _union(look.cpus for look in looks)
    default = state.default if state is not None and state.policy == POLICY_STATIC else None
    exclusive = state.exclusive if state is not None else NOBODYS
    pools = Pools(online, reserved - kernel, default, claims.pool or NOBODYS)
    owning = [folder._replace(cpus=own) for folder in claims.folders if (own := pools.owned(folder.cpus))]
    folders = _union(folder.cpus for folder in owning)
    words = f"{CHECKPOINT}, policy {state.policy}" if state is not None else CHECKPOINT
    looks += [LookedAt(words, exclusive, state is not None), LookedAt(FOLDERS, folders)]
    return Owners(kernel, exclusive, folders, tuple(looks), claims.cores, pools, tuple(owning))


def choose(cpus: CpuSet, owned: CpuSet, target: CpuSet = NOBODYS) -> CpuSet:
    """Those of ``cpus`` that are nobody's, off the target's if that leaves any; empty when all are somebody's own."""
    free = cpus - owned
    return free - target or free


def _union(sets: Iterable[CpuSet]) -> CpuSet:
    return reduce(CpuSet.__or__, sets, NOBODYS)
