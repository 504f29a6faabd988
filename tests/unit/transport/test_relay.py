"""The loop between the command and the user: both directions, the end and how it is told, a reader that pauses."""

from __future__ import annotations

import os
import select
from typing import TYPE_CHECKING

import pytest

from kubectl_nsexec.errors import ConnectionLostError
from kubectl_nsexec.model.background import Background
from kubectl_nsexec.model.deadline import Deadline
from kubectl_nsexec.protocol.exit_marker import ExitMarker
from kubectl_nsexec.transport import channels
from kubectl_nsexec.transport.channels import RemoteStream, Streams
from kubectl_nsexec.transport.relay import relay
from kubectl_nsexec.ui import outlet
from kubectl_nsexec.ui.console import Console, OutputClosedError
from kubectl_nsexec.ui.outlet import Outlet
from kubectl_nsexec.ui.sources import of_descriptor
from tests.unit.fakes import FakeConnection
from tests.unit.transport.test_channels import exit_code, status, watched

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE_SECONDS = 20.0
PIECE_BYTES = 32_000
OUTPUT_BYTES = 4 * outlet.ROOM_BYTES
"""More than the client and any pipe hold."""


@pytest.fixture
def pipes() -> Iterator[tuple[Console, int, int, int]]:
    """A console on pipes: (console, write end of stdin, read end of stdout, read end of stderr)."""
    in_read, in_write = os.pipe()
    out_read, out_write = os.pipe()
    err_read, err_write = os.pipe()
    yield Console(in_read, out_write, err_write), in_write, out_read, err_read
    for fd in (in_read, out_read, out_write, err_read, err_write):
        os.close(fd)


def test_output_and_exit_code_are_passed_on_apart(pipes: tuple[Console, int, int, int]) -> None:
    """stdout and stderr are not mixed, no byte is changed, and the status ends it."""
    console, _, out, err = pipes
    session = RemoteStream(FakeConnection(b"\1a\xff\0", b"\2oops", b"\1b\n", exit_code(37)))
    streams, lease = watched(session)
    assert relay(streams, session, lease, console).exit_code == 37
    assert os.read(out, 100) == b"a\xff\0b\n"
    assert os.read(err, 100) == b"oops"


def test_what_came_along_with_the_news_of_a_broken_lease_is_shown(pipes: tuple[Console, int, int, int]) -> None:
    """Both may come in one step: the command's words are not lost for that."""

    class Broken(FakeConnection):
        def receive(self) -> list[bytes]:
            raise ConnectionLostError("reset")

    console, _, out, err = pipes
    session, lease = RemoteStream(FakeConnection(b"\1last", b"\2words")), RemoteStream(Broken())
    streams = Streams()
    streams.add(session)
    streams.add(lease)
    with pytest.raises(ConnectionLostError, match="reset"):
        relay(streams, session, lease, console)
    os.write(console.stderr_fd, b".")  # there may be nothing else
    assert (os.read(out, 100), os.read(err, 100)) == (b"last", b".")


def test_stdin_and_its_end_reach_the_command(pipes: tuple[Console, int, int, int]) -> None:
    """The user's bytes go to channel 0, and their end closes that channel (v5)."""
    console, stdin, _, _ = pipes
    os.write(stdin, b"hello")
    os.close(stdin)
    connection = FakeConnection(*[b"\1"] * 4, status(status="Success"))
    streams, lease = watched(session := RemoteStream(connection))
    assert relay(streams, session, lease, console, [of_descriptor(console.stdin_fd)]).exit_code == 0
    assert connection.sent == [b"\0hello", b"\xff\0"]


def test_stdin_is_closed_when_the_command_has_ended(pipes: tuple[Console, int, int, int]) -> None:
    """The node waits for that before the server's status comes, with whatever the user goes on sending behind it."""
    console, stdin, _, _ = pipes
    os.write(stdin, b"hello")
    connection = FakeConnection(*[b"\1"] * 4, ended_word(3), *[b"\1"] * 4, server_says(3))
    streams, lease = watched(session := RemoteStream(connection, ExitMarker("n0nce")))
    assert relay(streams, session, lease, console, [of_descriptor(console.stdin_fd)]).exit_code == 3
    assert connection.sent == [b"\0hello", b"\xff\0"]
    os.close(stdin)


def test_without_stdin_none_is_read(pipes: tuple[Console, int, int, int]) -> None:
    """What the user has piped in stays there unless -i was given."""
    console, stdin, _, _ = pipes
    os.write(stdin, b"hello")
    connection = FakeConnection(b"\1x", status(status="Success"))
    streams, lease = watched(session := RemoteStream(connection))
    relay(streams, session, lease, console)
    assert connection.sent == []
    os.close(stdin)


def test_a_success_that_only_the_server_speaks_of_is_none(pipes: tuple[Console, int, int, int]) -> None:
    """A container runtime that is told to end calls the end of its streams a success (seen with containerd 2.2)."""
    session = RemoteStream(FakeConnection(b"\1half", status(status="Success")), exit_marker=ExitMarker("n0nce"))
    streams, lease = watched(session)
    with pytest.raises(ConnectionLostError, match="whether the command ended, and how, is not known"):
        relay(streams, session, lease, pipes[0])
    assert os.read(pipes[2], 100) == b"half"


def ended_word(code: int) -> bytes:
    """The supervisor's, on stderr."""
    return f'\2\0n0nce {{"event":"ended","status":{code}}}\n'.encode()


def server_says(code: int) -> bytes:
    """On the error channel."""
    return exit_code(code) if code else status(status="Success")


@pytest.mark.parametrize("apart", [True, False], ids=["lease apart", "lease is session"])
@pytest.mark.parametrize("server", [0, 37, 137])
@pytest.mark.parametrize("code", [0, 37, 137, 143])
def test_the_supervisors_word_is_what_counts(
    pipes: tuple[Console, int, int, int], code: int, server: int, *, apart: bool
) -> None:
    """It waited for the command; the server's status says no more than that the streams are whole.

    With 137 as well, of a command that was killed alone: by itself, or by the kernel where memory was short.
    """
    session = RemoteStream(FakeConnection(b"\2oops", ended_word(code), server_says(server)), ExitMarker("n0nce"))
    streams, lease = watched(session)
    assert relay(streams, session, lease if apart else None, pipes[0]).exit_code == code
    assert os.read(pipes[3], 100) == b"oops"


@pytest.mark.parametrize("apart", [True, False], ids=["lease apart", "lease is session"])
@pytest.mark.parametrize("server", [0, 1, 137, 143])
def test_no_status_counts_that_only_the_server_speaks_of(
    pipes: tuple[Console, int, int, int], server: int, *, apart: bool
) -> None:
    """A supervisor that was killed itself saw no end, whatever its own status."""
    session = RemoteStream(FakeConnection(server_says(server)), ExitMarker("n0nce"))
    streams, lease = watched(session)
    with pytest.raises(ConnectionLostError, match="whether the command ended, and how, is not known"):
        relay(streams, session, lease if apart else None, pipes[0])


def test_a_dropped_link_is_never_success(pipes: tuple[Console, int, int, int]) -> None:
    """A connection that ends without a status is an error of its own, after the output so far."""
    console, _, out, _ = pipes
    streams, lease = watched(session := RemoteStream(FakeConnection(b"\1so far", then_closed=True)))
    with pytest.raises(ConnectionLostError, match="is not known"):
        relay(streams, session, lease, console)
    assert os.read(out, 100) == b"so far"


def test_a_silent_link_is_lost(pipes: tuple[Console, int, int, int]) -> None:
    """By the lease's pings: those of a session may wait behind stdin that its command does not read."""
    streams, lease = watched(session := RemoteStream(FakeConnection()))
    lease.connection.unanswered_pings = 4
    with pytest.raises(ConnectionLostError, match="silent for 60s; whether the command ended, and how, is not known"):
        relay(streams, session, lease, pipes[0])


def test_a_lost_helper_is_told(pipes: tuple[Console, int, int, int]) -> None:
    """When the helper's main process ends first, the command's end is not taken for its own."""
    console, _, _, _ = pipes
    session = RemoteStream(FakeConnection(b"\1", b"\1", exit_code(137)))
    streams, lease = watched(session, FakeConnection(status(status="Success")))
    with pytest.raises(ConnectionLostError, match="the helper pod ended"):
        relay(streams, session, lease, console)


@pytest.mark.parametrize("word", [(), (ended_word(137),)], ids=["supervisor killed too", "supervisor killed later"])
def test_a_lost_helper_is_told_also_after_the_commands_end(
    pipes: tuple[Console, int, int, int], word: tuple[bytes, ...]
) -> None:
    """The node kills all of a helper in some order, and may tell of it in another."""
    session = RemoteStream(FakeConnection(*word, exit_code(137)), ExitMarker("n0nce"))
    streams, lease = watched(session, FakeConnection(*[b"\1"] * 4, status(status="Success")))
    with pytest.raises(ConnectionLostError, match="the helper pod ended"):
        relay(streams, session, lease, pipes[0])


def test_a_lease_that_breaks_makes_no_kill_the_helpers_end(pipes: tuple[Console, int, int, int]) -> None:
    """What the supervisor has told holds; only a status of the lease's says that the helper pod has ended."""
    session = RemoteStream(FakeConnection(ended_word(137), exit_code(137)), ExitMarker("n0nce"))
    streams, lease = watched(session, FakeConnection(*[b"\1"] * 4, then_closed=True))
    assert relay(streams, session, lease, pipes[0]).exit_code == 137
    session = RemoteStream(FakeConnection(*[b"\1x"] * 4))
    streams, lease = watched(session, FakeConnection(then_closed=True))
    with pytest.raises(ConnectionLostError, match="helper pod broke; whether the command ended, and how, is not known"):
        relay(streams, session, lease, pipes[0])


def test_a_node_that_does_not_end_the_command_in_time_is_lost(pipes: tuple[Console, int, int, int]) -> None:
    """The limit is the node's to keep; a client that hears nothing of it does not wait for ever."""
    streams, lease = watched(session := RemoteStream(FakeConnection()))
    with pytest.raises(ConnectionLostError, match="--max-duration"):
        relay(streams, session, lease, pipes[0], limit=Deadline.after(0))


def test_what_arrives_at_the_last_moment_still_counts(pipes: tuple[Console, int, int, int]) -> None:
    """A client that was stopped for a while reads on where it was."""
    console, _, stdout, _ = pipes
    streams, lease = watched(session := RemoteStream(FakeConnection(b"\1late", exit_code(124))))
    ended = relay(streams, session, lease, console, limit=Deadline.after(0))
    assert (ended.exit_code, os.read(stdout, 99)) == (124, b"late")


class Paused:
    """A relay of much output, whose reader has not begun to read; it runs on while the test looks."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, limit: Deadline | None = None, *, apart: bool) -> None:
        monkeypatch.setattr(channels, "PING_SECONDS", 0.001)
        pieces = [b"\1" + os.urandom(PIECE_BYTES) for _ in range(OUTPUT_BYTES // PIECE_BYTES)]
        self.pieces = len(pieces)
        self.expected = b"".join(piece[1:] for piece in pieces)
        self.connection, self.lease = FakeConnection(*pieces, exit_code(7)), FakeConnection()
        streams, lease = watched(session := RemoteStream(self.connection), self.lease)
        self._out, self._stdout = os.pipe()
        console = Console(0, self._stdout, self._stdout)
        self.ended = Background(lambda: relay(streams, session, lease if apart else None, console, limit=limit))

    def pinged(self, connection: FakeConnection, times: int) -> bool:
        """Whether CONNECTION is, so many times from now on."""
        wanted = connection.sent.count(b"ping") + times
        deadline = Deadline.after(PATIENCE_SECONDS)
        while connection.sent.count(b"ping") < wanted and not deadline.expired():
            select.select([], [], [], 0.001)
        return not deadline.expired()

    def read_all(self) -> bytes:
        """What the reader gets once it reads on."""
        data = b""
        while len(data) < len(self.expected):
            data += os.read(self._out, 1024 * 1024)
        return data

    def close(self) -> None:
        os.close(self._out)
        os.close(self._stdout)


@pytest.mark.parametrize("apart", [True, False], ids=["lease apart", "lease is session"])
def test_a_reader_that_pauses_costs_neither_streams_nor_memory(monkeypatch: pytest.MonkeyPatch, *, apart: bool) -> None:
    """A piece is read instead of each ping, until too much waits: then there are pings. Every byte and the status come.

    No answer to a ping is heard where nothing is read: that is not taken for silence.
    """
    monkeypatch.setattr(outlet, "MOST_BYTES", 2 * outlet.ROOM_BYTES)
    paused = Paused(monkeypatch, apart=apart)
    assert paused.pinged(paused.connection, 20)
    assert paused.pinged(paused.lease, 20)
    taken = len(paused.expected) - sum(map(len, paused.connection.messages))
    assert 2 * outlet.ROOM_BYTES - PIECE_BYTES < taken < 2 * outlet.ROOM_BYTES + 3 * PIECE_BYTES
    assert paused.read_all() == paused.expected
    assert paused.ended.result(PATIENCE_SECONDS).exit_code == 7
    paused.close()


@pytest.mark.parametrize("apart", [True, False], ids=["lease apart", "lease is session"])
def test_the_end_comes_while_the_reader_pauses(monkeypatch: pytest.MonkeyPatch, *, apart: bool) -> None:
    """And no ping of the time when nothing is read, which the server would answer with a reset once it has ended."""
    paused = Paused(monkeypatch, apart=apart)
    deadline = Deadline.after(PATIENCE_SECONDS)
    while len(paused.connection.messages) > paused.pieces - outlet.ROOM_BYTES // PIECE_BYTES - 2:
        assert not deadline.expired()
    before = paused.connection.sent.count(b"ping")
    while paused.connection.messages:
        assert not deadline.expired()
    assert paused.connection.sent.count(b"ping") == before
    assert paused.read_all() == paused.expected
    assert paused.ended.result(PATIENCE_SECONDS).exit_code == 7
    paused.close()


def test_a_limit_that_passes_while_the_reader_pauses_is_no_lost_node(monkeypatch: pytest.MonkeyPatch) -> None:
    """The end waits behind what has not been read."""
    paused = Paused(monkeypatch, Deadline.after(0), apart=True)
    assert paused.pinged(paused.lease, 20)
    assert paused.read_all() == paused.expected
    assert paused.ended.result(PATIENCE_SECONDS).exit_code == 7
    paused.close()


def test_a_reader_that_leaves_while_it_is_waited_for_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """As ``less`` does on q."""
    paused = Paused(monkeypatch, apart=True)
    assert paused.pinged(paused.lease, 1)
    os.close(paused._out)
    with pytest.raises(OutputClosedError):
        paused.ended.result(PATIENCE_SECONDS)
    os.close(paused._stdout)


def test_both_outputs_keep_the_order_in_which_they_came() -> None:
    """As with one terminal for both."""
    reader, writer = os.pipe()
    both = Outlet(Console(0, writer, writer))
    for number in range(100):
        both.put_stdout(bytearray(b"o%d" % number))
        both.put_stderr(bytearray(b"e%d" % number))
    both.drain()
    both.close()
    os.close(writer)
    with os.fdopen(reader, "rb") as said:
        assert said.read() == b"".join(b"o%de%d" % (number, number) for number in range(100))
