"""CPU time that pods other than the busy loop had on the loop's CPU, by the kernel's own account.

Exact however busy the machine is, because it leaves out everything that is not in a pod. Only cgroup v1 counts by CPU
(cpuacct.usage_percpu; https://docs.kernel.org/admin-guide/cgroup-v1/cpuacct.html): elsewhere there is no such number.
"""

from pathlib import Path
from typing import Final

from bench.meter import Loop

_FOLDERS: Final = [
    Path("/sys/fs/cgroup") / controller / pods
    for controller in ("cpuacct", "cpu,cpuacct")
    for pods in ("kubepods", "kubepods.slice")
]


def others_ns(loop: Loop) -> int | None:
    """Return the time so far, in ns, of which only differences say something; None where nobody counts by CPU.

    While LOOP measures, its process's main thread sleeps, so that its own time is all that is taken off.
    """
    usage = next((file for folder in _FOLDERS if (file := folder / "cpuacct.usage_percpu").exists()), None)
    if usage is None:
        return None
    return int(usage.read_text().split()[loop.cpu]) - loop.had_ns()
