"""The channels of exec and attach, and the loop that moves bytes between them and the user.

One thread does everything: both links, the user's stdin and the keep-alive pings. Nothing here
blocks but the write to the user's own stdout, which is how a slow reader slows the command down.
Protocol: KEP-4006 and k8s.io/apimachinery remotecommand (channel number in the first byte).
"""

from __future__ import annotations

import json
import selectors
import time
from typing import TYPE_CHECKING, NamedTuple

from kubectl_nsexec import sources
from kubectl_nsexec.deadline import Deadline
from kubectl_nsexec.errors import AgentError, ConnectionLostError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from kubectl_nsexec.cluster import Connection
    from kubectl_nsexec.console import Console
    from kubectl_nsexec.last_word import LastWord
    from kubectl_nsexec.sources import Source

_STDIN, _STDOUT, _STDERR, _ERROR, _CLOSE = 0, 1, 2, 3, 255
PING_SECONDS = 15.0
"""Well under the shortest idle time-out of the proxies in use (30 s to 60 s)."""
_SILENT_PINGS = 4
"""So many without an answer, a minute, and a link is taken for dead, as kubectl does."""
_STDIN_BYTES = 64 * 1024
_UNSENT_LIMIT_BYTES = 1024 * 1024
"""Stdin is not read further while this much waits for the link."""
_READ, _WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
_LINE_LIMIT_BYTES = 8 * 1024 * 1024
_LAST_WORDS_SECONDS = 3.0
_LEASE_SECONDS = 1.0
_KILLED = 137  # 128 + SIGKILL


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

    def __init__(self, connection: Connection, last_word: LastWord | None = None) -> None:
        """``last_word``: of a command that has started; without it no end is a success."""
        self.connection = connection
        self.stdout = bytearray()
        self.stderr = bytearray()
        self.status: ExitStatus | None = None
        self.last_word = last_word

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


class Links:
    """Waits on several streams at once and keeps them alive."""

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
        """Ends every link."""
        for stream in self._streams:
            stream.connection.close()

    def step(self, timeout_seconds: float, *others: int) -> set[int]:
        """Moves what can be moved, waiting for it at most ``timeout_seconds``; those of ``others`` that can be read.

        Raises ConnectionLostError.
        """
        open_streams = [s for s in self._streams if not s.connection.closed]
        until_ping = max(0.0, self._next_ping - self._clock())
        wait = 0.0 if any(s.connection.buffered() for s in open_streams) else min(timeout_seconds, until_ping)
        wanted = {
            stream.connection.fileno(): _READ | (_WRITE if stream.connection.unsent_bytes else 0)
            for stream in open_streams
        }
        wanted.update(dict.fromkeys(others, _READ))
        ready = self._wait(wanted, wait)
        for stream in open_streams:
            events = ready.get(stream.connection.fileno(), 0)
            if events & _WRITE:
                stream.connection.flush()
            if events & _READ or stream.connection.buffered():
                stream.receive()
        if self._clock() >= self._next_ping:
            self._next_ping = self._clock() + PING_SECONDS
            for stream in open_streams:
                if not stream.connection.closed:
                    stream.connection.ping()
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


def relay(
    links: Links,
    session: RemoteStream,
    lease: RemoteStream,
    console: Console,
    sources: Iterable[Source] = (),
    limit: Deadline | None = None,
) -> ExitStatus:
    """Moves CMD's bytes both ways until it has ended, and says how.

    When one of ``sources`` ends, so does CMD's stdin. ``limit``: when the node ends it at the latest. Raises
    ConnectionLostError when the link or the helper pod went first: what became of CMD is then unknown.
    """
    left = tuple(sources)
    while True:
        _show(session, console)
        if session.status is not None:
            # Killed perhaps along with the helper pod, of which the node may tell later than of this.
            if session.status.exit_code != _KILLED or not links.wait_for_end(lease, Deadline.after(_LEASE_SECONDS)):
                return _confirmed(session.status, session.last_word)
        elif session.connection.closed:
            raise ConnectionLostError("the connection to the command broke; whether it ended, and how, is not known")
        if lease.ended:
            # The helper's main process is gone, and the node ends CMD: its last words may still be on their way.
            links.wait_for_end(session, Deadline.after(_LAST_WORDS_SECONDS))
            _show(session, console)
            raise ConnectionLostError(
                "the helper pod ended before the command did (evicted, deleted, or the node went away)"
            )
        # Not the session's own: a command that does not read its stdin keeps the server from hearing pings there.
        if lease.connection.unanswered_pings >= _SILENT_PINGS:
            raise ConnectionLostError(
                f"the API server, a proxy on the way or the node has been silent for {_SILENT_PINGS * PING_SECONDS:g}"
                "s; whether the command ended, and how, is not known"
            )
        wanted = left if session.connection.unsent_bytes < _UNSENT_LIMIT_BYTES else ()
        ready = links.step(PING_SECONDS, *(source.fd for source in wanted))
        if limit and limit.expired() and not (ready or session.stdout or session.stderr or session.ended):
            raise ConnectionLostError(
                "the command's time (--max-duration) is over, and the node does not say that it has ended; "
                "it ends the command by itself, however broken the connection is"
            )
        if not all(_forward(session, source) for source in wanted if source.fd in ready):
            session.close_stdin()
            left = ()


def _confirmed(status: ExitStatus, last_word: LastWord | None) -> ExitStatus:
    """The server's word, where it is a success, only with the supervisor's. Raises ConnectionLostError."""
    if last_word is None or status.exit_code != 0:
        return status
    if last_word.status is None:
        raise ConnectionLostError(
            "the connection to the command was ended from the other side (the node's container runtime or kubelet has "
            "restarted?); whether the command ended, and how, is not known"
        )
    return ExitStatus(last_word.status)


def _show(session: RemoteStream, console: Console) -> None:
    """What CMD has written so far, to the user. Raises OutputClosedError."""
    if session.stdout:
        data, session.stdout = session.stdout, bytearray()
        console.write_stdout(data)
    if session.stderr:
        if session.last_word:
            data = session.last_word.take(session.stderr, whole=session.ended)
        else:
            data, session.stderr = session.stderr, bytearray()
        console.write_stderr(data)


def _forward(session: RemoteStream, source: Source) -> bool:
    """What ``source`` has to CMD; False at its end."""
    if data := source.read():
        session.send_stdin(data)
    return data is not None
