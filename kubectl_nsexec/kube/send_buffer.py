"""Bytes on their way into a socket that never blocks."""

from __future__ import annotations

import ssl
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket


class SendBuffer:
    """What was put in goes out as the socket takes it, in order."""

    def __init__(self, link: socket.socket | ssl.SSLSocket, first: bytes = b"") -> None:
        self._link = link
        # Not one buffer, cut at its front: what is left would be moved each time that the socket takes a piece.
        self._waiting = deque([memoryview(first)] if first else [])
        # The other side takes no more, e.g. as the command ended without reading its stdin: its last words are to come.
        self._deaf = False

    def __len__(self) -> int:
        """How many bytes wait."""
        return sum(map(len, self._waiting))

    def put(self, *parts: bytes | bytearray) -> None:
        """Queues these, and writes what the socket takes now."""
        whole = b"".join(parts)
        if whole and not self._deaf:
            self._waiting.append(memoryview(whole))
            self.flush()

    def flush(self) -> None:
        """Writes what the socket takes now. That it takes nothing any more shows where it is read from."""
        while self._waiting:
            first = self._waiting[0]
            try:
                sent = self._link.send(first)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return
            except OSError:
                self._deaf = True
                self._waiting.clear()
                return
            if sent < len(first):
                self._waiting[0] = first[sent:]
            else:
                self._waiting.popleft()
