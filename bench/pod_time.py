"""CPU time that pods other than the busy loop had on the loop's CPU, by the kernel's own account.

Exact however busy the machine is, because it leaves out everything that is not in a pod. Only cgroup v1 counts by CPU
(cpuacct.usage_percpu; https://docs.kernel.org/admin-guide/cgroup-v1/cpuacct.html): elsewhere there is no such number.
"""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kubectl_nsexec.model.cpuset import CpuSet

_COMMAND_LINE: Final = b"/bench/gaps\0/bench/record\0"
_FOLDERS: Final = [
    Path("/sys/fs/cgroup") / controller / pods
    for controller in ("cpuacct", "cpu,cpuacct")
    for pods in ("kubepods", "kubepods.slice")
]


@dataclass(frozen=True)
class PodTime:
    """Where to read it: the account of all pods, the CPU, and the loop, whose own time is taken off."""

    usage: Path
    cpu: int
    loop: Path

    def others_ns(self) -> int:
        """Return the time so far, in ns; only differences say something."""
        used = int(self.usage.read_text().split()[self.cpu])
        return used - int((self.loop / "schedstat").read_text().split()[0])


def find() -> PodTime | None:
    """Find the loop of this run; None where the kernel does not count by CPU."""
    usage = next((file for folder in _FOLDERS if (file := folder / "cpuacct.usage_percpu").exists()), None)
    if usage is None:
        return None
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (process / "cmdline").read_bytes() == _COMMAND_LINE:
                (cpu,) = CpuSet.parse(_allowed(process))
                return PodTime(usage, cpu, process)
    return None


def _allowed(process: Path) -> str:
    lines = (process / "status").read_text().splitlines()
    return next(line.split()[1] for line in lines if line.startswith("Cpus_allowed_list:"))
