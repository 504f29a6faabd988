"""The command's bytes on their way to the user, written by a thread of their own.

Whoever reads them may pause for as long as they like (``| less``): then a write waits, and the streams to the node have
to be kept alive meanwhile. Neither poll(2) nor O_NONBLOCK does without the thread: a pipe that can be written to takes
4096 bytes for certain and may wait for more (pipe(7)), and O_NONBLOCK would be set for all who have that pipe.
"""

from __future__ import annotations

import socket
import threading
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from kubectl_nsexec.ui.console import OutputClosedError

if TYPE_CHECKING:
    from collections.abc import Callable

    Piece = tuple[Callable[[bytearray], None], bytearray]

ROOM_BYTES = 1024 * 1024
"""So much waits for the reader, and what came with it; the rest waits where it is."""
MOST_BYTES = 64 * ROOM_BYTES
"""Of a reader that pauses on, half an hour's pieces of half a mebibyte, one for each ping (``Streams.step``)."""


class Sink(Protocol):
    """Where the bytes go: a Console, or what stands in for one. Both raise OutputClosedError."""

    def write_stdout(self, data: bytearray) -> None:
        """All of ``data``, however long that takes."""
        ...

    def write_stderr(self, data: bytearray) -> None:
        """All of ``data``, however long that takes."""
        ...


class Outlet:
    """Stdout and stderr, each byte in the order in which it was put. Its methods belong to one thread."""

    def __init__(self, console: Sink) -> None:
        self._console = console
        self._pieces: deque[Piece] = deque()
        self._waiting_bytes = 0
        self._changed = threading.Condition()
        self._error: OutputClosedError | None = None
        self._over = self._drained = False
        self._news, self._tell = socket.socketpair()
        self._thread: threading.Thread | None = None

    def fileno(self) -> int:
        """Can be read when there is room again, and when the reader went away: then ``hear`` is due."""
        return self._news.fileno()

    @property
    def full(self) -> bool:
        """Whether nothing more is to be put for now, but for what keeps the stream alive."""
        return self._waiting_bytes >= ROOM_BYTES

    @property
    def overfull(self) -> bool:
        """Whether there is no room for that either."""
        return self._waiting_bytes >= MOST_BYTES

    def put_stdout(self, data: bytearray) -> None:
        """``data``, which is the outlet's from now on, to stdout."""
        self._put((self._console.write_stdout, data))

    def put_stderr(self, data: bytearray) -> None:
        """``data``, which is the outlet's from now on, to stderr."""
        self._put((self._console.write_stderr, data))

    def _put(self, piece: Piece) -> None:
        if not piece[1]:
            return  # no thread for the end of a command that said nothing
        if self._thread is None:
            self._thread = threading.Thread(target=self._write_all, daemon=True)
            self._thread.start()
        with self._changed:
            self._pieces.append(piece)
            self._waiting_bytes += len(piece[1])
            self._changed.notify()

    def hear(self) -> None:
        """Raises OutputClosedError when nobody reads any more."""
        self._news.recv(64)
        if self._error:
            raise self._error

    def drain(self) -> None:
        """Waits until everything is written, however long the reader takes. Raises OutputClosedError."""
        with self._changed:
            self._drained = True  # from here on the end of what waits is news, too
        while self._waiting_bytes and not self._error:
            self.hear()
        if self._error:
            raise self._error

    def close(self) -> None:
        """Ends the thread once it has written what it has; nobody waits for that."""
        with self._changed:
            self._over = True
            self._changed.notify()
        self._news.close()
        if self._thread is None:
            self._tell.close()

    def _write_all(self) -> None:
        """The thread."""
        with self._tell, suppress(OSError):  # that nobody hears its news is no matter
            while piece := self._next():
                write, data = piece
                try:
                    write(data)
                except OutputClosedError as error:
                    self._error = error
                    self._tell.send(b"!")
                    return
                with self._changed:
                    was_full = self.full
                    self._waiting_bytes -= len(data)
                    wanted = (was_full and not self.full) or (self._drained and not self._waiting_bytes)
                if wanted:
                    self._tell.send(b".")

    def _next(self) -> Piece | None:
        with self._changed:
            while not self._pieces and not self._over:
                self._changed.wait()
            return self._pieces.popleft() if self._pieces else None
