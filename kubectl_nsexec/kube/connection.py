"""One WebSocket of an exec or attach subresource, non-blocking in both directions.

``upgrade`` opens it. websockets masks what is sent, in C: in Python that took most of the time of a stream. What is
short is masked here, for importing it takes as long as a request. The frames are made and read here as well: the
kubernetes client's own reader takes a channel at a time and copies everything so far.
"""

from __future__ import annotations

import os
import ssl
from functools import cache
from typing import TYPE_CHECKING, Protocol

from kubectl_nsexec.errors import ConnectionLostError
from kubectl_nsexec.kube.send_buffer import SendBuffer

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence

V5_PROTOCOL = "v5.channel.k8s.io"
V4_PROTOCOL = "v4.channel.k8s.io"
_TLS_RECORD_BYTES = 16 * 1024
"""What TLS receives at a time at the most."""
_BUFFER_BYTES = 32 * _TLS_RECORD_BYTES
"""Records are taken at once when they are there, so that the work around them is done once for all."""
_BINARY, _CLOSE, _PING, _PONG = 2, 8, 9, 10
_OPCODES = {0, 1, _BINARY, _CLOSE, _PING, _PONG}
_FIN = _MASKED = 0x80
_SHORT_LENGTH = 125
_MASK_BYTES = 4
_MASKED_HERE_BYTES = 8 * 1024
_FRAME_LIMIT_BYTES = 64 * 1024 * 1024
"""Far above what a server sends (32 KiB); what is longer is no frame."""


Payload = bytes | memoryview
"""The first byte is the channel."""


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


class FrameReader:
    """WebSocket messages out of bytes in any cut (RFC 6455, 5.2), without a copy of those that come in one piece.

    Used in turn: bytes are received into ``room()``, then ``received()`` has the messages, which last until the next
    ``room()``. It does no I/O.
    """

    def __init__(self) -> None:
        self._buffer = bytearray(_BUFFER_BYTES)
        self._begin = self._end = 0
        self._message = bytearray()

    def room(self) -> memoryview:
        """Where to receive into, at least half of the buffer."""
        left = self._buffer[self._begin : self._end]
        if len(left) > len(self._buffer) // 2:
            self._buffer = bytearray(2 * len(self._buffer))
        self._buffer[: len(left)] = left
        self._begin, self._end = 0, len(left)
        return memoryview(self._buffer)[self._end :]

    def received(self, count: int) -> list[tuple[int, Payload]]:
        """``(opcode, payload)`` of each message that ``count`` more bytes complete. Raises ConnectionLostError."""
        self._end += count
        view = memoryview(self._buffer)[: self._end]
        messages: list[tuple[int, Payload]] = []
        while frame := _frame_at(view, self._begin):
            first, begin, self._begin = frame
            payload, opcode = view[begin : self._begin], first & 0x0F
            if opcode > _BINARY:
                messages.append((opcode, payload))
            elif first & _FIN and not self._message:
                messages.append((_BINARY, payload))
            else:
                self._message += payload
                if first & _FIN:
                    messages.append((_BINARY, bytes(self._message)))
                    self._message.clear()
        return messages


def _frame_at(view: memoryview, at: int) -> tuple[int, int, int] | None:
    """First byte, begin and end of the payload of the frame that begins at ``at``; None while it is not whole."""
    if len(view) < at + 2:
        return None
    first, length, begin = view[at], view[at + 1], at + 2
    if first & 0x70 or first & 0x0F not in _OPCODES or length & 0x80:
        raise ConnectionLostError(
            f"the server sent a broken WebSocket frame, which begins with {view[at : at + 2].hex()}"
        )
    if length > _SHORT_LENGTH:
        begin += 2 if length == _SHORT_LENGTH + 1 else 8
        if len(view) < begin:
            return None
        length = int.from_bytes(view[at + 2 : begin], "big")
        if length > _FRAME_LIMIT_BYTES:
            raise ConnectionLostError(f"the server sent a WebSocket frame of {length} bytes")
    return None if len(view) < begin + length else (first, begin, begin + length)


@cache
def _masking() -> Callable[[bytes, bytes], bytes]:
    """Looked for once: Python looks through all of its path for a module that is not there, each time."""
    try:
        from websockets.speedups import apply_mask  # noqa: PLC0415 - see kube.load
    except ImportError:  # no compiler was there when it was installed
        from websockets.utils import apply_mask  # noqa: PLC0415 - as above
    return apply_mask


def _masked(payload: bytes, mask: bytes) -> bytes:
    """``payload`` with ``mask`` over and over again in it (RFC 6455, 5.3)."""
    size = len(payload)
    if size > _MASKED_HERE_BYTES:
        return _masking()(payload, mask)
    over = (mask * (size // _MASK_BYTES + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(over, "big")).to_bytes(size, "big")


def masked_frame(payload: bytes, opcode: int) -> tuple[bytes, bytes]:
    """A whole message as a client sends it (RFC 6455, 5.2), in two parts."""
    size = len(payload)
    if size <= _SHORT_LENGTH:
        head = bytes([_FIN | opcode, _MASKED | size])
    elif size <= 0xFFFF:  # noqa: PLR2004 - two bytes
        head = bytes([_FIN | opcode, _MASKED | (_SHORT_LENGTH + 1)]) + size.to_bytes(2, "big")
    else:
        head = bytes([_FIN | opcode, _MASKED | (_SHORT_LENGTH + 2)]) + size.to_bytes(8, "big")
    mask = os.urandom(_MASK_BYTES)
    return head + mask, _masked(payload, mask)


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
            if opcode == _BINARY:
                payloads.append(payload)
            elif opcode == _PING:
                self._queue(bytes(payload), _PONG)
            elif opcode == _CLOSE:
                self.closed = True
        return payloads

    def _receive_into(self, room: memoryview) -> int:
        """How many bytes of ``room`` are filled now."""
        filled = len(self._received)
        room[:filled], self._received = self._received, b""
        try:
            while filled + _TLS_RECORD_BYTES <= len(room):
                count = self._socket.recv_into(room[filled : filled + _TLS_RECORD_BYTES])
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
        self._queue(payload, _BINARY)

    def ping(self) -> None:
        """See Connection."""
        self.unanswered_pings += 1
        self._queue(b"", _PING)

    def flush(self) -> None:
        """See Connection."""
        self._out.flush()

    def close(self) -> None:
        """See Connection."""
        if not self.closed:
            self._queue(b"\x03\xe8", _CLOSE)
        self.closed = True
        self._socket.close()
