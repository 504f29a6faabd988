"""The channels of exec and attach, and the wait for several of them at once.

Protocol: KEP-4006 and k8s.io/apimachinery remotecommand (channel number in the first byte).
"""

from __future__ import annotations

import json
import selectors
import time
from typing import TYPE_CHECKING, NamedTuple

from kubectl_nsexec.errors import AgentError
from kubectl_nsexec.ui import sources

if TYPE_CHECKING:
    from collections.abc import Callable

    from kubectl_nsexec.kube import Connection
    from kubectl_nsexec.model.deadline import Deadline
    from kubectl_nsexec.protocol.exit_marker import ExitMarker

_STDIN, _STDOUT, _STDERR, _ERROR, _CLOSE = 0, 1, 2, 3, 255
PING_SECONDS = 15.0
"""Well under the shortest idle time-out of the proxies in use (30 s to 60 s)."""
_STDIN_BYTES = 64 * 1024
_READ, _WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
_LINE_LIMIT_BYTES = 8 * 1024 * 1024


class ExitStatus(NamedTuple):
    """How a remote process ended: its exit code, or why there is none (metav1.Status on channel 3)."""

    exit_code: int | None
    message: str = ""


def parse_status(payload: bytes) -> ExitStatus:
    """The exit code of a metav1.Status: Success, or NonZeroExitCode with the cause ``ExitCode``."""
    try:
        status = json.loads(payload)
        if status.get("status") == "Success":
            return ExitStatus(0)
        message = str(status.get("message") or "")
        for cause in (status.get("details") or {}).get("causes") or []:
            if status.get("reason") == "NonZeroExitCode" and cause.get("reason") == "ExitCode":
                return ExitStatus(int(cause["message"]), message)
    except (ValueError, AttributeError, KeyError, TypeError):
        return ExitStatus(None, payload.decode(errors="replace").strip())
    return ExitStatus(None, message)


class RemoteStream:
    """One exec or attach: what has arrived on each channel and has not been taken yet."""

    def __init__(self, connection: Connection, exit_marker: ExitMarker | None = None) -> None:
        """``exit_marker``: of a command that has started; without it no end is a success."""
        self.connection = connection
        self.stdout = bytearray()
        self.stderr = bytearray()
        self.status: ExitStatus | None = None
        self.exit_marker = exit_marker

    @property
    def ended(self) -> bool:
        """Nothing more will arrive."""
        return self.status is not None or self.connection.closed

    def receive(self) -> None:
        """Sorts what has arrived into the channels. Raises ConnectionLostError."""
        for message in self.connection.receive():
            channel = message[0] if message else None
            if channel == _STDOUT:
                self.stdout += memoryview(message)[1:]
            elif channel == _STDERR:
                self.stderr += memoryview(message)[1:]
            elif channel == _ERROR:
                self.status = parse_status(bytes(message[1:]))

    def send_stdin(self, data: bytes) -> None:
        """Queues ``data`` for the remote stdin."""
        for start in range(0, len(data), _STDIN_BYTES):
            self.connection.send(bytes([_STDIN]) + data[start : start + _STDIN_BYTES])

    def close_stdin(self) -> None:
        """End of file on the remote stdin; only v5 can say it."""
        self.connection.send(bytes([_CLOSE, _STDIN]))

    def take_line(self) -> bytes | None:
        """The next whole line of stdout without its newline, or None. Raises AgentError on an endless one."""
        line, newline, rest = self.stdout.partition(b"\n")
        if not newline:
            if len(self.stdout) > _LINE_LIMIT_BYTES:
                raise AgentError(f"the node's agent sent more than {_LINE_LIMIT_BYTES} bytes without a line's end")
            return None
        self.stdout = rest
        return bytes(line)


def _keep_alive(streams: list[RemoteStream], spared: RemoteStream | None) -> None:
    """Pings each that may idle, but for ``spared``, of which a piece is read instead.

    Where something comes there is no need, and a ping that the server has not read at its end would be a reset.
    """
    for stream in streams:
        connection = stream.connection
        if stream is spared:
            stream.receive()
        elif not connection.closed and not (connection.active and connection.ends_by_reset):
            connection.ping()
        connection.active = False


class Streams:
    """Several open streams: waits on all of them at once and keeps them alive."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._streams: list[RemoteStream] = []
        self._clock = clock
        self._next_ping = clock() + PING_SECONDS
        self._poll = sources.selector()
        self._waited_for: dict[int, int] = {}

    def add(self, stream: RemoteStream) -> None:
        """Watches ``stream`` from now on."""
        self._streams.append(stream)

    def close(self) -> None:
        """Ends every stream."""
        for stream in self._streams:
            stream.connection.close()

    def step(
        self, timeout_seconds: float, *others: int, held: RemoteStream | None = None, ping_held: bool = False
    ) -> set[int]:
        """Moves what can be moved, waiting for it at most ``timeout_seconds``; those of ``others`` that can be read.

        ``held``: a stream that is not read now, but kept alive: by a piece that is read all the same, where a ping
        might come after its end and cost the rest of it, unless ``ping_held``. Raises ConnectionLostError.
        """
        open_streams = [s for s in self._streams if not s.connection.closed]
        read = [s for s in open_streams if s is not held]
        until_ping = max(0.0, self._next_ping - self._clock())
        wait = 0.0 if any(s.connection.buffered() for s in read) else min(timeout_seconds, until_ping)
        wanted = dict.fromkeys((s.connection.fileno() for s in read), _READ)
        for stream in open_streams:
            if stream.connection.unsent_bytes:
                wanted[stream.connection.fileno()] = wanted.get(stream.connection.fileno(), 0) | _WRITE
        wanted.update(dict.fromkeys(others, _READ))
        ready = self._wait(wanted, wait)
        for stream in open_streams:
            events = ready.get(stream.connection.fileno(), 0)
            if events & _WRITE:
                stream.connection.flush()
            if stream is not held and (events & _READ or stream.connection.buffered()):
                stream.receive()
        if self._clock() >= self._next_ping:
            self._next_ping = self._clock() + PING_SECONDS
            spared = held if held and held.connection.ends_by_reset and not ping_held else None
            _keep_alive(open_streams, spared)
        if held:
            held.connection.unanswered_pings = 0  # nobody listens to it now
        return ready.keys() & set(others)

    def _wait(self, wanted: dict[int, int], timeout_seconds: float) -> dict[int, int]:
        """The events of each descriptor, once there are any. The selector is kept while the question is the same."""
        if wanted != self._waited_for:
            self._poll.close()
            self._poll = sources.selector()
            for descriptor, events in wanted.items():
                self._poll.register(descriptor, events)
            self._waited_for = wanted
        return {key.fd: events for key, events in self._poll.select(min(timeout_seconds, sources.LONGEST_WAIT_SECONDS))}

    def wait_for_line(self, stream: RemoteStream, deadline: Deadline) -> bytes | None:
        """The next line of ``stream``'s stdout; None when the stream ended or the deadline passed first."""
        while (line := stream.take_line()) is None and not stream.ended and not deadline.expired():
            self.step(deadline.remaining_seconds())
        return line

    def wait_for_end(self, stream: RemoteStream, deadline: Deadline) -> bool:
        """Until ``stream`` has its status or is closed, or the deadline passed; whether it has ended."""
        while not stream.ended and not deadline.expired():
            self.step(deadline.remaining_seconds())
        return stream.ended
