"""One WebSocket of an exec or attach subresource, non-blocking in both directions; ``upgrade`` opens it."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Protocol

from kubectl_nsexec.errors import ConnectionLostError
from kubectl_nsexec.kube.frames import BINARY, CLOSE, PIECE_BYTES, PING, PONG, FrameReader, masked_frame
from kubectl_nsexec.kube.send_buffer import SendBuffer

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

    from kubectl_nsexec.kube.frames import Payload

V5_PROTOCOL = "v5.channel.k8s.io"
V4_PROTOCOL = "v4.channel.k8s.io"


class Connection(Protocol):
    """Messages in, messages out, never blocking."""

    protocol: str
    """The subprotocol that the server chose: ``v5.channel.k8s.io`` can half-close stdin, v4 cannot."""
    closed: bool
    unanswered_pings: int
    """Since anything was heard of the other side last; 0 where pings have no answer."""
    active: bool
    """Whether anything was heard since somebody set this back."""
    ends_by_reset: bool
    """Whether what has not been read there at its end, as a ping, costs us what it has still to send (tcp_close() of
    Linux: that makes it a reset)."""

    def fileno(self) -> int:
        """The descriptor to wait on."""
        ...

    def receive(self) -> Sequence[Payload]:
        """The messages that have arrived, good until the next call. Raises ConnectionLostError when the link broke."""
        ...

    def send(self, payload: bytes) -> None:
        """Queues a binary message and writes what the link takes now."""
        ...

    def ping(self) -> None:
        """Queues a ping."""
        ...

    def flush(self) -> None:
        """Writes what the link takes now. That it takes nothing any more shows in ``receive``."""
        ...

    @property
    def unsent_bytes(self) -> int:
        """What is queued."""
        ...

    def buffered(self) -> bool:
        """Whether bytes have been read from the descriptor already, so that waiting on it would be wrong."""
        ...

    def close(self) -> None:
        """Ends the link; never raises."""
        ...


class WebSocketConnection:
    """A Connection over a socket that is already upgraded."""

    ends_by_reset = True

    def __init__(self, link: socket.socket | ssl.SSLSocket, protocol: str, received: bytes = b"") -> None:
        """``received``: what has been read from ``link`` already."""
        link.setblocking(False)  # noqa: FBT003 - its name says what is set
        self._socket = link
        self._reader = FrameReader()
        self._received = received
        self._out = SendBuffer(link)
        self.protocol = protocol
        self.closed = self.active = False
        self.unanswered_pings = 0

    def fileno(self) -> int:
        """See Connection."""
        return int(self._socket.fileno())

    @property
    def unsent_bytes(self) -> int:
        """See Connection."""
        return len(self._out)

    def buffered(self) -> bool:
        """See Connection."""
        pending = getattr(self._socket, "pending", None)
        return bool(self._received or (pending and pending()))

    def receive(self) -> list[Payload]:
        """See Connection."""
        payloads = []
        for opcode, payload in self._reader.received(self._receive_into(self._reader.room())):
            self.unanswered_pings, self.active = 0, True
            if opcode == BINARY:
                payloads.append(payload)
            elif opcode == PING:
                self._queue(bytes(payload), PONG)
            elif opcode == CLOSE:
                self.closed = True
        return payloads

    def _receive_into(self, room: memoryview) -> int:
        """How many bytes of ``room`` are filled now."""
        filled = len(self._received)
        room[:filled], self._received = self._received, b""
        try:
            while filled + PIECE_BYTES <= len(room):
                count = self._socket.recv_into(room[filled : filled + PIECE_BYTES])
                filled += count
                if not count:
                    self.closed = True
                    break
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        except OSError as error:
            self.closed = True
            if not filled:  # what has arrived comes first, and `closed` says the rest
                raise ConnectionLostError(f"the connection to the API server broke: {error}") from error
        return filled

    def _queue(self, payload: bytes, opcode: int) -> None:
        self._out.put(*masked_frame(payload, opcode))

    def send(self, payload: bytes) -> None:
        """See Connection."""
        self._queue(payload, BINARY)

    def ping(self) -> None:
        """See Connection."""
        self.unanswered_pings += 1
        self._queue(b"", PING)

    def flush(self) -> None:
        """See Connection."""
        self._out.flush()

    def close(self) -> None:
        """See Connection."""
        if not self.closed:
            self._queue(b"\x03\xe8", CLOSE)
        self.closed = True
        self._socket.close()
