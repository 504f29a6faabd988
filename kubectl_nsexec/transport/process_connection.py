"""A Connection through a program's stdin and stdout, whose far end is `shim guard` (node/shim/frames.c).

It begins in lines: whatever a shell, sudo or ssh says is noise, the agent's own begin with the nonce. With the line
``NONCE framed`` it goes over to frames: a channel of the exec subresource, a size in three bytes, the content. So a
session's bytes are never mistaken for anything, and the command's end is told in a frame: that the program ended, with
whatever status, is never taken for it.
"""

from __future__ import annotations

import os
import socket
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING

from kubectl_nsexec.errors import AgentError, ConnectionLostError, NsexecError
from kubectl_nsexec.kube.connection import V5_PROTOCOL
from kubectl_nsexec.kube.send_buffer import SendBuffer
from kubectl_nsexec.model.background import Background

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_STDOUT, _STATUS, _STILL_THERE = 1, 3, 4
_HEADER_BYTES = 4
_RECEIVE_BYTES = 256 * 1024
_NOISE_LIMIT_BYTES = 64 * 1024
_LINE_LIMIT_BYTES = 8 * 1024 * 1024
_LAST_WORDS_SECONDS = 2.0
_CLOSE_SECONDS = 15.0
"""What the guard may take to end every process and to clear up, and ssh to hear of it."""


class ProcessConnection:
    """A program, started at once; see Connection.

    ``first`` is what it reads before anything else; what is sent then waits for its line ``NONCE ready``. ``refused``
    makes the error for a program that ended before it framed anything, of its exit status (None: it runs on) and what
    it said.
    """

    protocol = V5_PROTOCOL
    ends_by_reset = False

    def __init__(
        self,
        argv: Sequence[str],
        nonce: str,
        first: bytes,
        refused: Callable[[int | None, str], NsexecError],
        *,
        own_session: bool = False,
    ) -> None:
        self.closed = self.active = False
        self.unanswered_pings = 0  # ssh itself sees to a silent host: ServerAliveInterval
        self._prefix = f"{nonce} ".encode()
        self._waiting: bytearray | None = bytearray()
        self._refused = refused
        self._in = bytearray()
        self._noise = bytearray()
        self._framed = self._ended = self._told = False
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                self._process = subprocess.Popen(
                    argv,
                    stdin=theirs.fileno(),
                    stdout=theirs.fileno(),
                    stderr=subprocess.PIPE,
                    start_new_session=own_session,
                )
            except OSError as error:
                ours.close()
                raise refused(None, f"{argv[0]}: {error.strerror}") from error
        ours.setblocking(False)  # noqa: FBT003 - its name says what is set
        self._socket = ours
        self._out = SendBuffer(ours, first)
        # A connection that ssh keeps open for others (ControlPersist) may hold its stderr: nobody waits for its end.
        self._listener = Background(self._listen)

    def _listen(self) -> None:
        assert self._process.stderr is not None  # noqa: S101 - for the type: it is a pipe
        with self._process.stderr as pipe, suppress(OSError):
            while data := os.read(pipe.fileno(), 4096):
                self._hear(data)

    def _hear(self, data: bytes | bytearray) -> None:
        self._noise += data
        del self._noise[:-_NOISE_LIMIT_BYTES]

    def stray_output(self) -> str:
        """What the program said that is not the agent's, the latest of it."""
        return bytes(self._noise).decode(errors="backslashreplace").replace("\r\n", "\n").strip()

    def fileno(self) -> int:
        """See Connection."""
        return self._socket.fileno()

    @property
    def unsent_bytes(self) -> int:
        """See Connection."""
        return len(self._out)

    def buffered(self) -> bool:
        """See Connection: the end, once it has been seen, is yet to be told."""
        return self._ended and not self.closed

    def receive(self) -> list[bytes]:
        """See Connection. Raises what ``refused`` makes when the program ended before the session began."""
        if not self._ended:
            self._take()
        messages = self._frames() if self._framed else self._lines()
        if self._ended and not messages:
            self.closed = True
            if not self._told:
                raise self._why_ended()
        return messages

    def _take(self) -> None:
        try:
            data = self._socket.recv(_RECEIVE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self._ended = not data
        self._in += data

    def _lines(self) -> list[bytes]:
        messages: list[bytes] = []
        while not self._framed:
            line, newline, rest = self._in.partition(b"\n")
            if not newline:
                if len(line) > _LINE_LIMIT_BYTES:
                    raise AgentError(f"the node sent more than {_LINE_LIMIT_BYTES} bytes without a line's end")
                return messages
            self._in = rest
            if not line.startswith(self._prefix):
                self._hear(line + newline)
                continue
            word = line[len(self._prefix) :]
            if word == b"ready":
                waiting, self._waiting = self._waiting or b"", None
                self._out.put(waiting)
            elif word == b"framed":
                self._framed = True
            else:
                messages.append(bytes([_STDOUT]) + line + newline)
        return messages + self._frames()

    def _frames(self) -> list[bytes]:
        messages: list[bytes] = []
        at = 0
        with memoryview(self._in) as view:
            while len(view) >= at + _HEADER_BYTES:
                end = at + _HEADER_BYTES + int.from_bytes(view[at + 1 : at + _HEADER_BYTES], "big")
                if len(view) < end:
                    break
                messages.append(bytes([view[at]]) + bytes(view[at + _HEADER_BYTES : end]))
                self._told = self._told or view[at] == _STATUS
                at = end
        del self._in[:at]
        return messages

    def _why_ended(self) -> NsexecError:
        status: int | None = None
        with suppress(subprocess.TimeoutExpired):
            status = self._process.wait(_LAST_WORDS_SECONDS)
        with suppress(TimeoutError):
            self._listener.result(_LAST_WORDS_SECONDS)
        if not self._framed:
            self._hear(self._in)
            return self._refused(status, self.stray_output())
        words = f"\n{self.stray_output()}" if self.stray_output() else ""
        return ConnectionLostError(
            f"the connection to the command broke; whether it ended, and how, is not known{words}"
        )

    def send(self, payload: bytes) -> None:
        """See Connection; before the frames begin, only stdin is there to be sent to."""
        size = len(payload) - 1
        if not self._framed:
            if self._waiting is None:
                self._out.put(payload[1:])
            else:
                self._waiting += payload[1:]
            return
        self._out.put(payload[:1], size.to_bytes(_HEADER_BYTES - 1, "big"), payload[1:])

    def ping(self) -> None:
        """See Connection: a guard that hears nothing for ten minutes takes us for gone."""
        if self._framed:
            self.send(bytes([_STILL_THERE]))

    def flush(self) -> None:
        """See Connection."""
        self._out.flush()

    def close(self) -> None:
        """See Connection: waits until the program has ended, and with it, on the node, all of ours."""
        self.closed = True
        self._socket.close()
        # What has not said that it is ready has made nothing on the node: nobody waits for a login that hangs.
        patience_seconds = _LAST_WORDS_SECONDS if self._waiting is not None else _CLOSE_SECONDS
        for impatient in (self._process.terminate, self._process.kill, None):
            try:
                self._process.wait(patience_seconds)
                break
            except subprocess.TimeoutExpired:
                if impatient is not None:
                    impatient()
        with suppress(TimeoutError):
            self._listener.result(0.1)
