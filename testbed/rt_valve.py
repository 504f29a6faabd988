"""A way out of the hang that a starving ``kubectl exec`` brings over the real-time node, prepared before it happens.

runc moves its half-started process into the container's cpuset, where the loop never lets it run again. If it happened
to hold its mmap lock, the kernel's cgroup_threadgroup_rwsem stays taken as well (cpuset_attach → mpol_rebind_mm): from
then on nothing on the node can fork, the kubelet, the runtime and sshd included (seen on Linux 6.1-rt). The only help
comes from a process that runs already: it takes the loop's priority away. On OpenShift stalld does the like.
"""

import select
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import IO, Final

from testbed import rt_vm
from testbed.errors import ClusterError

# Neither forks nor looks at cgroups, which would block. Kernel threads, children of PID 2, keep their priority.
_SCRIPT: Final = """
import os, sys
def loops():
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            stat = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()
            threads = [] if stat[1] == "2" else map(int, os.listdir(f"/proc/{pid}/task"))
            yield from (thread for thread in threads if os.sched_getscheduler(thread) == os.SCHED_FIFO)
        except OSError:
            pass
print("armed", flush=True)
for _ in sys.stdin:
    calmed = 0
    for thread in list(loops()):
        os.sched_setscheduler(thread, os.SCHED_OTHER, os.sched_param(0))
        calmed += 1
    print(calmed, flush=True)
"""
_ARMED_SECONDS: Final = 120.0
_CALMED_SECONDS: Final = 60.0
"""An emulated node is slow, but it does answer."""


@contextmanager
def armed() -> Iterator[Callable[[], int]]:
    """Yield a function that makes every real-time loop in the node an ordinary process and returns how many.

    It is to be entered before the node hangs. Raises ClusterError when the node does not answer even so.
    """
    # A connection of its own: the sshd behind the shared one is stuck as soon as it forks for somebody else.
    argv = rt_vm.ssh_argv(["python3", "-c", _SCRIPT], shared=False)
    with subprocess.Popen(argv, cwd=rt_vm.FOLDER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin  # noqa: S101 - tells mypy what PIPE promises
        assert process.stdout  # noqa: S101
        commands, answers = process.stdin, process.stdout

        def calm() -> int:
            with suppress(BrokenPipeError):
                commands.write("\n")
                commands.flush()
            answer = _line(answers, _CALMED_SECONDS)
            if not answer:
                raise ClusterError("the real-time node has lost its valve")
            return int(answer)

        try:
            if _line(answers, _ARMED_SECONDS) != "armed\n":
                raise ClusterError("the real-time node does not let its valve be armed; is it up?")
            yield calm
        finally:
            with suppress(BrokenPipeError):
                commands.close()
            process.kill()


def _line(answers: IO[str], seconds: float) -> str:
    """The next line; empty when none comes in time. Each is asked for, so none is waiting in the buffer."""
    return answers.readline() if select.select([answers], [], [], seconds)[0] else ""
