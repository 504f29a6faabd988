"""How far the user's stdin may be ahead of the command."""

from __future__ import annotations

from kubectl_nsexec.protocol.exit_marker import ExitMarker
from kubectl_nsexec.transport.channels import RemoteStream
from kubectl_nsexec.transport.stdin import Stdin
from kubectl_nsexec.ui.sources import Source
from tests.unit.fakes import FakeConnection

PIECE = bytes(64 * 1024)


class Clock:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """See time.monotonic."""
        return self.now


def endless(session: RemoteStream, clock: Clock) -> tuple[Stdin, Source]:
    """A stdin that always has another piece."""
    source = Source(7, lambda: PIECE)
    return Stdin(session, (source,), clock), source


def test_until_the_command_has_had_a_moment_only_a_little_is_sent() -> None:
    """One that ends at once leaves nothing on the way that would make the servers forget its status."""
    clock, session = Clock(), RemoteStream(connection := FakeConnection())
    stdin, source = endless(session, clock)
    assert stdin.wanted() == (source,)
    assert stdin.wait_seconds(15) == 15
    stdin.forward([source])
    assert (stdin.wanted(), connection.sent) == ((), [])
    assert 0 < stdin.wait_seconds(15) < 1
    clock.now = 1
    assert stdin.wanted() == (source,)
    assert stdin.wait_seconds(15) == 15
    stdin.forward([source])
    assert [len(message) for message in connection.sent] == [len(PIECE) + 1] * 2


def test_a_line_does_not_wait() -> None:
    """Nor what is typed."""
    session = RemoteStream(connection := FakeConnection())
    source = Source(7, lambda: b"line\n")
    stdin = Stdin(session, (source,), Clock())
    stdin.forward([source])
    assert stdin.wanted() == (source,)
    assert connection.sent == [b"\0line\n"]


def test_a_command_that_has_ended_gets_nothing_more() -> None:
    """Its supervisor has said so; the server's status is still to come."""
    clock, session = Clock(), RemoteStream(FakeConnection(), exit_marker=ExitMarker("n0nce"))
    stdin, source = endless(session, clock)
    clock.now = 1
    assert stdin.wanted() == (source,)
    assert session.exit_marker is not None
    session.exit_marker.take(bytearray(b'\0n0nce {"event":"ended","status":4}\n'), whole=False)
    assert stdin.wanted() == ()


def test_the_end_of_stdin_is_said_once() -> None:
    """And ends every source, as those of a terminal."""
    session = RemoteStream(connection := FakeConnection())
    ended, other = Source(7, lambda: None), Source(8, lambda: b"x")
    stdin = Stdin(session, (ended, other), Clock())
    stdin.forward([ended, other])
    assert stdin.wanted() == ()
    assert connection.sent == [b"\xff\0"]
