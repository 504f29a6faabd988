"""How far the user's stdin may be ahead of the command, and its end."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from kubectl_nsexec.protocol.exit_marker import ExitMarker
from kubectl_nsexec.transport.channels import RemoteStream
from kubectl_nsexec.transport.stdin import Stdin
from kubectl_nsexec.ui.sources import Source, of_descriptor
from tests.unit.fakes import FakeConnection

if TYPE_CHECKING:
    from collections.abc import Iterator

PIECE = bytes(64 * 1024)
CLOSED = b"\xff\0"


@pytest.fixture
def ours() -> Iterator[int]:
    """A descriptor that can always be read from."""
    reader, writer = os.pipe()
    os.write(writer, b"x")
    yield reader
    os.close(reader)
    os.close(writer)


@pytest.fixture
def source(ours: int) -> Source:
    """A stdin that always has another piece."""
    return Source(ours, lambda: PIECE)


def end(session: RemoteStream) -> None:
    """The supervisor's word, as the relay takes it from stderr."""
    assert session.exit_marker is not None
    session.exit_marker.take(bytearray(b'\0n0nce {"event":"ended","status":4}\n'), whole=False)


def test_what_is_read_is_sent_at_once(source: Source) -> None:
    """Several pieces in a row where there are more, but not for ever: the relay has more to look after."""
    session = RemoteStream(connection := FakeConnection())
    stdin = Stdin(session, (source,))
    for _ in range(2):
        assert stdin.wanted() == (source,)
        stdin.forward([source])
    assert connection.sent == [b"\0" + PIECE] * 16


def test_what_is_not_there_is_not_waited_for() -> None:
    """Keys come one by one; their last is followed by the end."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    session = RemoteStream(connection := FakeConnection())
    stdin = Stdin(session, (keys := of_descriptor(reader),))
    os.write(writer, b"l")
    stdin.forward([keys])
    assert connection.sent == [b"\0l"]
    os.write(writer, b"s")
    os.close(writer)
    stdin.forward([keys])
    os.close(reader)
    assert connection.sent == [b"\0l", b"\0s", CLOSED]
    assert stdin.wanted() == ()


def test_little_is_read_ahead_of_the_link(source: Source) -> None:
    """The supervisor has a short time for what is under way when the command has ended."""
    session = RemoteStream(connection := Clogged())
    stdin = Stdin(session, (source,))
    connection.waiting_bytes = 1
    assert stdin.wanted() == (source,)
    stdin.forward([source])
    assert connection.sent == [b"\0" + PIECE]
    connection.waiting_bytes = 64 * 1024
    assert stdin.wanted() == ()


class Clogged(FakeConnection):
    """A connection that does not take all at once."""

    waiting_bytes = 0

    @property
    def unsent_bytes(self) -> int:
        return self.waiting_bytes


def test_when_the_command_has_ended_its_stdin_is_closed(source: Source) -> None:
    """At once and once, with nothing after it: its supervisor waits for that, and the server's status for both."""
    session = RemoteStream(connection := FakeConnection(), exit_marker=ExitMarker("n0nce"))
    stdin = Stdin(session, (source,))
    assert stdin.wanted() == (source,)
    end(session)
    assert stdin.wanted() == stdin.wanted() == ()
    assert connection.sent == [CLOSED]


def test_that_of_a_clogged_link_is_closed_behind_what_waits(source: Source) -> None:
    """Nobody waits for room to say it."""
    session = RemoteStream(connection := Clogged(), exit_marker=ExitMarker("n0nce"))
    stdin = Stdin(session, (source,))
    connection.waiting_bytes = 64 * 1024
    end(session)
    assert stdin.wanted() == ()
    assert connection.sent == [CLOSED]


def test_a_stdin_that_is_not_the_commands_stays_open() -> None:
    """In a helper that is kept it is the lease."""
    session = RemoteStream(connection := FakeConnection(), exit_marker=ExitMarker("n0nce"))
    end(session)
    assert Stdin(session, ()).wanted() == ()
    assert connection.sent == []


def test_the_end_of_stdin_is_said_once(ours: int) -> None:
    """And ends every source, as those of a terminal; the command's own end says it no second time."""
    session = RemoteStream(connection := FakeConnection(), exit_marker=ExitMarker("n0nce"))
    ended, other = Source(ours, lambda: None), Source(ours, lambda: b"x")
    stdin = Stdin(session, (ended, other))
    stdin.forward([ended, other])
    assert stdin.wanted() == ()
    end(session)
    assert stdin.wanted() == ()
    assert connection.sent == [CLOSED]
