"""One cell of the table, run: the client started, the stimulus given; status, words, bytes, what is left compared."""

from __future__ import annotations

import array
import fcntl
import os
import re
import secrets
import signal
import termios
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, Protocol

from tests.conformance import memory
from tests.conformance.behaviours import WAIT, Behaviour, Stimulus, Transport
from tests.live.processes import running, within

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Mapping

    from typing_extensions import Self

PATIENCE_SECONDS: Final = 60.0
_PING_SECONDS: Final = {Stimulus.PAUSED_READER: 0.1}
"""In a pause, which is to last for many of them. All others are as rare as a user's: a kubelet that has told all while
one is unread resets the connection, and what is under way is lost."""
IDLE_SECONDS: Final = 2.5
"""A proxy's, longer than ssh's shortest ServerAliveInterval; only in a pause, for what idles anyway may be cut."""
PAUSE_SECONDS: Final = 2 * IDLE_SECONDS
_PEAK_KIB: Final = 100 * 1024
"""Python and what it has imported are half of that; the output is more."""
_READ_BYTES: Final = 1024 * 1024
_LAGGING_BYTES: Final = 16 * 1024
"""A pipe holds four times as much at the most, and less where pages of it are not full (pipe(7))."""


class Stand(Protocol):
    """A transport with a node at its end, a fake or a real one."""

    transport: Transport

    def start(self, *words: str, ping_seconds: float | None = None) -> subprocess.Popen[bytes]:
        """``oc nsexec TARGET WORDS`` by this transport, with pipes; it pings so often, or as ever."""
        ...

    def cut(self) -> None:
        """Cuts what the client's bytes pass through; where that is nothing, what leads to the command is killed."""
        ...

    def end_server(self) -> None:
        """Ends the API server."""
        ...

    def cut_idle(self, after_seconds: float) -> None:
        """Lets the proxies on the way cut connections that are idle for so long."""
        ...

    def left(self, *, records: bool) -> list[str]:
        """What there is on the node and of helper pods, but for one that is kept; RECORDS: of completed pods, too."""
        ...


class Cell:
    """One row on one transport: the command has been started."""

    def __init__(self, row: Behaviour, stand: Stand) -> None:
        self.row, self._stand = row, stand
        self._ends = row.cells[stand.transport]
        self._go = f"/tmp/nsexec-go-{secrets.token_hex(8)}"
        self._script = row.script.replace(WAIT, f"echo up; until [ -e {self._go} ]; do sleep 0.05; done")
        flags = ["-q"] if row.stdin is None else ["-q", "-i"]
        ping_seconds = _PING_SECONDS.get(row.stimulus)
        self.client = stand.start(*flags, "--", "sh", "-c", self._script, ping_seconds=ping_seconds)
        assert self.client.stdout
        self._stdout: IO[bytes] = self.client.stdout
        self.seen = b""
        if WAIT in row.script:
            self.seen = self._stdout.readline()
            if not self.seen:
                raise AssertionError(self.client.communicate()[1].decode())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.kill()
        self.client.communicate()

    def shows(self) -> None:
        """What the table says, once the stimulus is given."""
        _ACTS[self.row.stimulus](self)
        self.ends()

    def ends(self) -> None:
        """As the table says, with the stimulus given."""
        stdin = self.row.stdin if self.row.stdin is not None else b"not for the command"
        rest, stderr = self.client.communicate(stdin, timeout=PATIENCE_SECONDS)
        said = stderr.decode()
        assert (self.client.returncode, bool(re.fullmatch(self._ends.says, said))) == (self._ends.status, True), (
            self.client.returncode,
            said,
        )
        assert self.seen + rest == self.row.stdout
        assert within(PATIENCE_SECONDS, lambda: not running("sh", "-c", self._script))
        records = not self._ends.record
        assert within(PATIENCE_SECONDS, lambda: not self._stand.left(records=records)), self._stand.left(
            records=records
        )

    def pid(self) -> int:
        """The command's on this machine; for a moment a child of its own, about to become sleep, looks the same."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(found := running("sh", "-c", self._script)) != 1:
            assert time.monotonic() < deadline, found
        return found[0]

    def go(self) -> None:
        """Ends the command's wait."""
        Path(f"/proc/{self.pid()}/root{self._go}").touch()

    def kill(self) -> None:
        os.kill(self.pid(), signal.SIGKILL)

    def use_up_memory(self) -> None:
        with memory.limited(self.pid()):
            self.go()
            assert within(PATIENCE_SECONDS, lambda: not running("tail", "/dev/zero") and not self._waits())

    def _waits(self) -> bool:
        return bool(running("sh", "-c", self._script))

    def read_slowly(self) -> None:
        """Each time only when the pipe is full again, or the end near."""
        left, peak_kib, pieces = len(self.row.stdout), 0, []
        while left:
            self._wait_until_readable(min(_LAGGING_BYTES, left))
            peak_kib = max(peak_kib, self._peak_kib())
            pieces.append(os.read(self._stdout.fileno(), _READ_BYTES))
            left -= len(pieces[-1])
        self.seen = b"".join(pieces)
        assert 0 < peak_kib < _PEAK_KIB

    def pause(self) -> None:
        """And then read on."""
        self._wait_until_readable(_LAGGING_BYTES)
        self._stand.cut_idle(IDLE_SECONDS)
        time.sleep(PAUSE_SECONDS)
        assert 0 < self._peak_kib() < _PEAK_KIB

    def _wait_until_readable(self, wanted: int) -> None:
        """Until so many bytes wait in the pipe; the client has not ended before."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (waiting := _waiting_bytes(self._stdout)) < wanted:
            assert time.monotonic() < deadline, f"{waiting} bytes wait, not {wanted}"
            if self.client.poll() is not None and _waiting_bytes(self._stdout) < wanted:
                raise AssertionError((self.client.returncode, self.client.communicate()[1].decode()))
            time.sleep(0.0005)

    def _peak_kib(self) -> int:
        """The most that the client has had in memory so far (VmHWM, proc(5)); 0 once it has ended."""
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{self.client.pid}/status").read_text())
        return int(found[1]) if found else 0

    def end_server(self) -> None:
        self._stand.end_server()
        if self._ends.status != 125:
            self.go()

    def cut(self) -> None:
        self._stand.cut()


def with_pings(environment: Mapping[str, str], ping_seconds: float | None) -> dict[str, str]:
    """The environment in which ``tests.conformance.client`` pings so often; None: as ever."""
    return {**environment, **({"NSEXEC_TEST_PING_SECONDS": str(ping_seconds)} if ping_seconds else {})}


def _waiting_bytes(pipe: IO[bytes]) -> int:
    """How many bytes wait in it (FIONREAD, ioctl_tty(2))."""
    waiting = array.array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, waiting)
    return waiting[0]


_ACTS: dict[Stimulus, Callable[[Cell], None]] = {
    Stimulus.NOTHING: lambda _: None,
    Stimulus.OUT_OF_MEMORY: Cell.use_up_memory,
    Stimulus.KILLED: Cell.kill,
    Stimulus.LINK_CUT: Cell.cut,
    Stimulus.SERVER_GONE: Cell.end_server,
    Stimulus.CLIENT_TERMINATED: lambda cell: cell.client.send_signal(signal.SIGTERM),
    Stimulus.CLIENT_INTERRUPTED: lambda cell: cell.client.send_signal(signal.SIGINT),
    Stimulus.CLIENT_HUNG_UP: lambda cell: cell.client.send_signal(signal.SIGHUP),
    Stimulus.CLIENT_KILLED: lambda cell: cell.client.kill(),
    Stimulus.SLOW_READER: Cell.read_slowly,
    Stimulus.PAUSED_READER: Cell.pause,
}
