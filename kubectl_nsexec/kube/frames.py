"""The frames of a WebSocket (RFC 6455, 5.2), as a client reads and makes them. No I/O.

websockets masks what is sent, in C: in Python that took most of the time of a stream. What is short is masked here, for
importing it takes as long as a request. The frames are made and read here as well: the kubernetes client's own reader
takes a channel at a time and copies everything so far.
"""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING

from kubectl_nsexec.errors import ConnectionLostError

if TYPE_CHECKING:
    from collections.abc import Callable

Payload = bytes | memoryview
"""Of a channel's message the first byte is the channel."""
BINARY, CLOSE, PING, PONG = 2, 8, 9, 10
"""Opcodes."""
PIECE_BYTES = 16 * 1024
"""What TLS receives at a time at the most: one of its records."""
_BUFFER_BYTES = 32 * PIECE_BYTES
"""Records are taken at once when they are there, so that the work around them is done once for all."""
_OPCODES = {0, 1, BINARY, CLOSE, PING, PONG}
_FIN = _MASKED = 0x80
_SHORT_LENGTH = 125
_MASK_BYTES = 4
_MASKED_HERE_BYTES = 8 * 1024
_FRAME_LIMIT_BYTES = 64 * 1024 * 1024
"""Far above what a server sends (32 KiB); what is longer is no frame."""


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
            if opcode > BINARY:
                messages.append((opcode, payload))
            elif first & _FIN and not self._message:
                messages.append((BINARY, payload))
            else:
                self._message += payload
                if first & _FIN:
                    messages.append((BINARY, bytes(self._message)))
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
