"""Bytes on their way into a socket that never blocks."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket

_PIECE_BYTES = 64 * 1024
"""More is never taken at once by a pipe, and TLS takes 16 KiB of it."""


class SendBuffer:
    """What was put in goes out as the socket takes it, in order."""

    def __init__(self, link: socket.socket | ssl.SSLSocket, first: bytes = b"") -> None:
        self._link = link
        self._bytes = bytearray(first)
        # The other side takes no more, e.g. as the command ended without reading its stdin: its last words are to come.
        self._deaf = False

    def __len__(self) -> int:
        """How many bytes wait."""
        return len(self._bytes)

    def put(self, *parts: bytes | bytearray) -> None:
        """Queues these, and writes what the socket takes now."""
        if not self._deaf:
            for part in parts:
                self._bytes += part
            self.flush()

    def flush(self) -> None:
        """Writes what the socket takes now. That it takes nothing any more shows where it is read from."""
        while self._bytes:
            try:
                with memoryview(self._bytes) as whole, whole[:_PIECE_BYTES] as piece:
                    sent = self._link.send(piece)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return
            except OSError:
                self._deaf = True
                self._bytes.clear()
                return
            del self._bytes[:sent]
