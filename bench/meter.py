"""oslat in the target, seen from outside: a run for each phase, begun by a word and ended by a signal.

The word goes through a named pipe in the pod's folder, which the pod's shell waits at. Whether oslat measures yet is
read in /proc, from another CPU; what it saw is in a file of the folder when it has ended. So nothing but oslat has to
run on its CPU from its first look at the clock to its last.
"""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from bench.errors import BenchError
from testbed import oslat
from testbed.oslat import Histogram

COMMAND: Final = f"""
    {oslat.OWN_CPU}
    main='' fifo=''
    if chrt -f {oslat.MAIN_PRIORITY} true; then main='chrt -f {oslat.MAIN_PRIORITY}' fifo='-f 1'; fi
    until [ -p /bench/go ]; do sleep 0.05; done
    while read -r seconds; do
        $main oslat {oslat.options("$cpu", "/bench/part", fifo="$fifo", seconds="$seconds")} >/bench/words 2>&1
        mv /bench/part /bench/result || mv /bench/words /bench/failed
    done </bench/go
"""
"""Of the pod, which has the folder as /bench: the loop at SCHED_FIFO 1 where the node allows that."""
CAPABILITIES: Final = ("IPC_LOCK", "SYS_NICE")
"""Of the container: oslat locks its memory, and sets the policy."""

_ARGUMENT: Final = b"--json=/bench/part"
_PATIENCE_SECONDS: Final = 30.0
_POLL_SECONDS: Final = 0.02
_START_TIME: Final = 22 - 3
_POLICY: Final = 41 - 3
"""Of /proc/PID/stat (proc_pid_stat(5)), counted from behind the name, which may have spaces in it."""

T = TypeVar("T")


@dataclass(frozen=True)
class Loop:
    """The thread that looks at the clock. Its methods raise BenchError once it has ended."""

    thread: Path
    """Its folder in /proc."""

    @property
    def process(self) -> int:
        """The process that the thread belongs to."""
        return int(self.thread.parent.parent.name)

    @property
    def cpu(self) -> int:
        """The only one that it may run on."""
        (cpu,) = os.sched_getaffinity(int(self.thread.name))
        return cpu

    @property
    def policy(self) -> str:
        """As sched(7) names it."""
        return "SCHED_FIFO" if int(_fields(self.thread)[_POLICY]) == os.SCHED_FIFO else "SCHED_OTHER"

    def had_ns(self) -> int:
        """How long it has had its CPU (proc(5), /proc/PID/schedstat)."""
        return self._account()[0]

    def run_delay_ns(self) -> int:
        """How long it could run while another task had its CPU, by the same account."""
        return self._account()[1]

    def _account(self) -> tuple[int, int]:
        try:
            had, delay, _ = (self.thread / "schedstat").read_text().split()
        except OSError as error:
            raise BenchError("oslat has ended before its phase was over") from error
        return int(had), int(delay)


class Meter:
    """``folder``: the pod's ``/bench`` as seen from outside; ``processes``: proc(5). To be closed in the end."""

    def __init__(self, folder: Path, processes: Path = Path("/proc")) -> None:
        self._folder, self._processes = folder, processes
        os.mkfifo(folder / "go")
        # For reading too: the pod's shell sees no end of its words between two of ours.
        self._go = os.open(folder / "go", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)

    def close(self) -> None:
        """No phase begins any more."""
        os.close(self._go)

    def start(self, seconds: int) -> Loop:
        """Begin a run of at most SECONDS, and return its loop once it measures. Raises BenchError if it does not."""
        for left in ("result", "failed"):
            (self._folder / left).unlink(missing_ok=True)
        os.write(self._go, f"{seconds}\n".encode())
        return self._until("oslat does not begin to measure", lambda: measuring(self._processes))

    def end(self, loop: Loop) -> Histogram:
        """End the run and return what it saw. Raises BenchError."""
        with suppress(ProcessLookupError):
            os.kill(loop.process, signal.SIGTERM)
        text = self._until("oslat does not end", self._result)
        try:
            return oslat.parse(text)
        except ValueError as error:
            raise BenchError(str(error)) from error

    def _result(self) -> str | None:
        with suppress(FileNotFoundError):
            return (self._folder / "result").read_text()
        return None

    def _until(self, what: str, found: Callable[[], T | None]) -> T:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while (value := found()) is None:
            with suppress(FileNotFoundError):
                raise BenchError(f"oslat failed: {(self._folder / 'failed').read_text().strip()[-500:]}")
            if time.monotonic() > deadline:
                raise BenchError(f"{what}; has its pod ended?")
            time.sleep(_POLL_SECONDS)
        return value


def measuring(processes: Path) -> Loop | None:
    """Find the loop of the run that is at work; None while it does not measure yet.

    oslat has one thread beside its main one. The first is the pre-heat's and lives a second from its start; the one
    that measures is born after that, so that it is at least a second younger than its process.
    """
    for process in processes.glob("[0-9]*"):
        with suppress(OSError):  # it has ended
            program, *arguments = (process / "cmdline").read_bytes().split(b"\0")
            if program == b"oslat" and _ARGUMENT in arguments:
                return _measuring_thread(process)
    return None


def _measuring_thread(process: Path) -> Loop | None:
    born = int(_fields(process)[_START_TIME])
    for thread in (process / "task").iterdir():
        age = int(_fields(thread)[_START_TIME]) - born
        if age >= oslat.PREHEAT_SECONDS * os.sysconf("SC_CLK_TCK"):
            return Loop(thread)
    return None


def _fields(process: Path) -> list[str]:
    return (process / "stat").read_text().rpartition(")")[2].split()
