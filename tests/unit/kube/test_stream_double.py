"""The server's end of a stream, which the tests of whole runs read from: what it takes for the end."""

from __future__ import annotations

import io
import socket

import pytest

from tests.unit.fake_session import Link, WebSocket

_CLOSE, _BINARY = 0x88, 0x82
_MASKED = 0x80


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(
            bytes([_CLOSE, _MASKED | 2]) + b"\x97\x7f\0\0\0\5", id="a close, in which a second look finds a head"
        ),
        pytest.param(bytes([_BINARY, _MASKED | 9]) + b"mask" + b"half", id="half a frame"),
        pytest.param(bytes([_BINARY, _MASKED | 127]) + b"\0\0\0\2", id="half a length"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_nothing_is_read_after_the_end_however_often_one_looks(sent: bytes) -> None:
    """The mask of a close is random: read as the head of a frame it was gigabytes long at times, and the test hung."""
    with socket.socket() as nowhere, io.FileIO("/dev/null", "w") as unread:
        stream = WebSocket(Link(nowhere, io.BytesIO(sent), unread))
        assert [*stream.stdin(), *stream.stdin()] == []
