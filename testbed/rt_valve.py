"""A way out of the hang that a starving ``kubectl exec`` brings over the real-time node, prepared before it happens.

runc moves its half-started process into the container's cpuset, where the loop never lets it run again. If it happened
to hold its mmap lock, the kernel's cgroup_threadgroup_rwsem stays taken as well (cpuset_attach → mpol_rebind_mm): from
then on nothing on the node can fork, the kubelet, the runtime and sshd included (seen on Linux 6.1-rt). The only help
comes from a process that runs already: it takes the loop's priority away. On OpenShift stalld does the like.
"""

import select
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, Final, NamedTuple

from testbed import rt_vm
from testbed.errors import ClusterError

# Neither forks, nor looks at cgroups, nor reads the status of an ordinary process: each would block. A process that
# starves in the middle of its execve(2) keeps its task_lock, and on PREEMPT_RT who reads its /proc/PID/stat waits until
# it is given back, whatever the signal (do_task_stat; 1 in 60 tries on Linux 6.1-rt). sched_getscheduler(2) and a look
# into /proc/PID/task take no lock of it. Kernel threads, children of PID 2, keep their priority.
_SCRIPT: Final = """
import os, sys, time
def numbers(folder):
    try:
        return [int(name) for name in os.listdir(folder) if name.isdigit()]
    except OSError:
        return []
def fifo(thread):
    try:
        return os.sched_getscheduler(thread) == os.SCHED_FIFO
    except OSError:
        return False
def of_the_kernel(thread):
    try:
        return open(f"/proc/{thread}/stat").read().rpartition(")")[2].split()[1] == "2"
    except OSError:
        return True
def loops():
    threads = (thread for pid in numbers("/proc") for thread in numbers(f"/proc/{pid}/task"))
    return [thread for thread in threads if fifo(thread) and not of_the_kernel(thread)]
def calm(thread):
    try:
        os.sched_setscheduler(thread, os.SCHED_OTHER, os.sched_param(0))
    except OSError:
        pass
def waited(thread):
    try:
        return int(open(f"/proc/{thread}/schedstat").read().split()[1])
    except OSError:
        return 0
print("armed", flush=True)
for asked in sys.stdin:
    found, total = loops(), 0
    if asked == "calm\\n":  # at once, and nothing else is asked of a node that may hang
        for thread in found:
            calm(thread)
    else:
        total = sum(map(waited, found))
    clock = time.monotonic_ns()
    print(len(found), total, clock, flush=True)
"""
_ARMED_SECONDS: Final = 120.0
_ANSWER_SECONDS: Final = 60.0
"""An emulated node is slow, but it does answer."""


class Loops(NamedTuple):
    """The real-time loops of the node, at one moment."""

    number: int
    waited_ns: int
    """How long they were ready to run and did not: field 2 of /proc/PID/schedstat, added up (sched-stats.rst)."""
    clock_ns: int
    """CLOCK_MONOTONIC of the node."""


class Valve:
    """Talks to the process on the node. Its methods raise ClusterError when that does not answer any more."""

    def __init__(self, commands: IO[str], answers: IO[str]) -> None:
        self._commands, self._answers = commands, answers

    def look(self) -> Loops:
        """The loops as they are."""
        return self._ask("look")

    def calm(self) -> int:
        """Make every loop an ordinary process, and return how many there were."""
        return self._ask("calm").number

    def _ask(self, what: str) -> Loops:
        with suppress(BrokenPipeError):
            self._commands.write(f"{what}\n")
            self._commands.flush()
        answer = _line(self._answers, _ANSWER_SECONDS).split()
        if not answer:
            raise ClusterError("the real-time node has lost its valve")
        return Loops(*map(int, answer))


@contextmanager
def armed() -> Iterator[Valve]:
    """A way out of the hang, to be entered before the node hangs.

    Raises ClusterError when the node does not answer even so.
    """
    # A connection of its own: the sshd behind the shared one is stuck as soon as it forks for somebody else. A session
    # of its own, too: Ctrl-C and timeout(1) are for the whole group of processes, and this one is needed after them.
    argv = rt_vm.ssh_argv(["python3", "-c", _SCRIPT], shared=False)
    with subprocess.Popen(
        argv,
        cwd=rt_vm.FOLDER,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdin  # noqa: S101 - tells mypy what PIPE promises
        assert process.stdout  # noqa: S101
        try:
            if _line(process.stdout, _ARMED_SECONDS) != "armed\n":
                raise ClusterError("the real-time node does not let its valve be armed; is it up?")
            yield Valve(process.stdin, process.stdout)
        finally:
            with suppress(BrokenPipeError):
                process.stdin.close()
            process.kill()


def _line(answers: IO[str], seconds: float) -> str:
    """The next line; empty when none comes in time. Each is asked for, so none is waiting in the buffer."""
    return answers.readline() if select.select([answers], [], [], seconds)[0] else ""
