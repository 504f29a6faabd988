"""What of the user's the relay waits on: descriptors that can be waited for and read, whatever the system allows.

poll(2) takes everything on Linux. On macOS it takes no devices (its man page, BUGS), but select(2) does. Windows waits
for sockets only (WinSock select), so there a thread reads whatever it is and passes it on through a pair of sockets.
"""

from __future__ import annotations

import math
import os
import selectors
import socket
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

READ_BYTES = 64 * 1024
LONGEST_WAIT_SECONDS = 0.25 if sys.platform == "win32" else math.inf
"""Ctrl-C does not interrupt select on Windows, and Python handles a signal only when it has come back."""


class Source(NamedTuple):
    """Something of the user's that CMD is to be told of: a descriptor to wait on, and what to send when it is ready.

    ``read`` gives bytes for CMD's stdin, none when there is nothing yet, and None at the end.
    """

    fd: int
    read: Callable[[], bytes | None]


def selector() -> selectors.BaseSelector:
    """What waits for such descriptors; poll, unlike epoll, takes regular files as stdin."""
    return selectors.PollSelector() if sys.platform == "linux" else selectors.SelectSelector()


def in_a_row(source: Source, most: int) -> Iterator[bytes | None]:
    """What ``source``, which is ready, gives without a wait, piece by piece: ``most`` of them, or until its end."""
    with selector() as more:
        more.register(source.fd, selectors.EVENT_READ)
        for _ in range(most):
            yield (data := source.read())
            if data is None or not more.select(0):
                return


def of_descriptor(fd: int) -> Source:
    """``fd`` as it is; what cannot be read any more, as a terminal that is gone (EIO), has ended."""

    def read() -> bytes | None:
        try:
            return os.read(fd, READ_BYTES) or None
        except BlockingIOError:
            return b""
        except OSError:
            return None

    return pumped(read) if sys.platform == "win32" else Source(fd, read)


def pumped(read: Callable[[], bytes | None]) -> Source:
    """What ``read`` gives, which may block: a thread waits for it, and only as long as its bytes are taken."""
    ours, theirs = socket.socketpair()

    def pump() -> None:
        with theirs, suppress(OSError):  # the relay is over
            while (data := read()) is not None:
                theirs.sendall(data)

    def take() -> bytes | None:
        data = ours.recv(READ_BYTES)
        if not data:
            ours.close()
        return data or None

    threading.Thread(target=pump, daemon=True).start()
    return Source(ours.fileno(), take)
