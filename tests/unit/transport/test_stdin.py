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


def ended(session: RemoteStream) -> None:
    """The supervisor's word, as the relay takes it from stderr."""
    assert session.exit_marker is not None
    session.exit_marker.take(bytearray(b'\0n0nce {"event":"ended","status":4}\n'), whole=False)


def test_when_the_command_has_ended_its_stdin_is_closed() -> None:
    """At once and once, with nothing after it: its supervisor waits for that, and the server's status for both."""
    clock, session = Clock(), RemoteStream(connection := FakeConnection(), exit_marker=ExitMarker("n0nce"))
    stdin, source = endless(session, clock)
    clock.now = 1
    assert stdin.wanted() == (source,)
    ended(session)
    assert stdin.wanted() == stdin.wanted() == ()
    assert connection.sent == [b"\xff\0"]


def test_what_is_held_when_the_command_has_ended_is_not_sent() -> None:
    """It would only be thrown away."""
    session = RemoteStream(connection := FakeConnection(), exit_marker=ExitMarker("n0nce"))
    stdin, source = endless(session, Clock())
    stdin.forward([source])
    ended(session)
    assert stdin.wanted() == ()
    assert connection.sent == [b"\xff\0"]


def test_a_stdin_that_is_not_the_commands_stays_open() -> None:
    """In a helper that is kept it is the lease; and one that has ended is not closed twice."""
    session = RemoteStream(connection := FakeConnection(), exit_marker=ExitMarker("n0nce"))
    ended(session)
    assert Stdin(session, ()).wanted() == ()
    assert connection.sent == []
    source = Source(7, lambda: None)
    stdin = Stdin(session, (source,))
    stdin.forward([source])
    assert stdin.wanted() == ()
    assert connection.sent == [b"\xff\0"]


def test_little_is_read_ahead_of_the_link() -> None:
    """The supervisor has a short time for what is under way when the command has ended."""
    session = RemoteStream(connection := Clogged())
    source = Source(7, lambda: PIECE)
    stdin = Stdin(session, (source,), Clock())
    assert stdin.wanted() == (source,)
    connection.waiting_bytes = 64 * 1024
    assert stdin.wanted() == ()


class Clogged(FakeConnection):
    """A connection that does not take all at once."""

    waiting_bytes = 0

    @property
    def unsent_bytes(self) -> int:
        return self.waiting_bytes


def test_the_end_of_stdin_is_said_once() -> None:
    """And ends every source, as those of a terminal."""
    session = RemoteStream(connection := FakeConnection())
    ended, other = Source(7, lambda: None), Source(8, lambda: b"x")
    stdin = Stdin(session, (ended, other), Clock())
    stdin.forward([ended, other])
    assert stdin.wanted() == ()
    assert connection.sent == [b"\xff\0"]
