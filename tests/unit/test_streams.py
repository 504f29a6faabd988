"""Channels of exec and attach: frames in any cut, both directions at once, the end and how it is told."""

from __future__ import annotations

import json
import os
import socket
from typing import TYPE_CHECKING

import pytest
from websocket import ABNF

from kubectl_nsexec.cluster.connection import FrameReader, WebSocketConnection
from kubectl_nsexec.console import Console
from kubectl_nsexec.deadline import Deadline
from kubectl_nsexec.errors import AgentError, ConnectionLostError
from kubectl_nsexec.last_word import LastWord
from kubectl_nsexec.sources import of_descriptor
from kubectl_nsexec.streams import ExitStatus, Links, RemoteStream, parse_status, relay
from tests.unit.fakes import FakeConnection

if TYPE_CHECKING:
    from collections.abc import Iterator


def status(**fields: object) -> bytes:
    """A message of the error channel."""
    return b"\3" + json.dumps(fields).encode()


def exit_code(code: int) -> bytes:
    """The status of a command that ended with ``code``."""
    causes = [{"reason": "ExitCode", "message": str(code)}]
    return status(status="Failure", reason="NonZeroExitCode", message="m", details={"causes": causes})


@pytest.fixture
def pipes() -> Iterator[tuple[Console, int, int, int]]:
    """A console on pipes: (console, write end of stdin, read end of stdout, read end of stderr)."""
    in_read, in_write = os.pipe()
    out_read, out_write = os.pipe()
    err_read, err_write = os.pipe()
    yield Console(in_read, out_write, err_write), in_write, out_read, err_read
    for fd in (in_read, out_read, out_write, err_read, err_write):
        os.close(fd)


def read(reader: FrameReader, wire: bytes) -> list[tuple[int, bytes]]:
    """The messages that are complete once WIRE has arrived, as fast as the reader has room for it."""
    messages = []
    while wire:
        room = reader.room()
        count = min(len(room), len(wire))
        room[:count], wire = wire[:count], wire[count:]
        messages += [(opcode, bytes(payload)) for opcode, payload in reader.received(count)]
    return messages


@pytest.mark.parametrize(
    ("sizes", "cut"), [((0, 5, 300, 2_000), 1), ((70_000, 126, 65_536), 997), ((5_000_000, 3, 2_000_000), 400_001)]
)
def test_a_frame_is_read_from_any_cut(sizes: tuple[int, ...], cut: int) -> None:
    """Fed byte by byte, the frames are the same as at once: short, 16-bit and 64-bit lengths, pings between."""
    payloads = [b"\1" + b"a" * size for size in sizes]
    wire = b""
    for payload in payloads:
        wire += server_frame(payload, ABNF.OPCODE_BINARY) + server_frame(b"hi", ABNF.OPCODE_PING)
    whole = read(FrameReader(), wire)
    reader = FrameReader()
    in_pieces = [message for at in range(0, len(wire), cut) for message in read(reader, wire[at : at + cut])]
    assert whole == in_pieces
    assert [data for opcode, data in whole if opcode == ABNF.OPCODE_BINARY] == payloads
    assert [data for opcode, data in whole if opcode == ABNF.OPCODE_PING] == [b"hi"] * len(payloads)


def test_a_message_in_pieces_is_put_together() -> None:
    """Continuation frames belong to the first one, also with a ping between them."""
    wire = (
        server_frame(b"\1ab", ABNF.OPCODE_BINARY, fin=0)
        + server_frame(b"", ABNF.OPCODE_PING)
        + server_frame(b"cd", ABNF.OPCODE_CONT)
    )
    assert (ABNF.OPCODE_BINARY, b"\1abcd") in read(FrameReader(), wire)


def server_frame(payload: bytes, opcode: int, fin: int = 1) -> bytes:
    """One frame as a server sends it: not masked (RFC 6455, 5.1)."""
    frame: bytes = ABNF(fin, 0, 0, 0, opcode, 0, payload).format()
    return frame


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (status(status="Success")[1:], ExitStatus(0)),
        (exit_code(37)[1:], ExitStatus(37, "m")),
        (status(status="Failure", message="gone", reason="InternalError")[1:], ExitStatus(None, "gone")),
        (status(status="Failure", reason="NonZeroExitCode", details={})[1:], ExitStatus(None, "")),
        (status(status="Failure", reason="NonZeroExitCode", details={"causes": [{"reason": "ExitCode"}]})[1:], None),
        (b"\xff no json", ExitStatus(None, "\ufffd no json")),
        (b"[]", ExitStatus(None, "[]")),
    ],
)
def test_the_exit_code_comes_only_from_its_cause(payload: bytes, expected: ExitStatus | None) -> None:
    """Anything but Success or an ExitCode cause is no exit code, least of all 0."""
    parsed = parse_status(payload)
    assert parsed.exit_code is None if expected is None else parsed == expected


def test_output_and_exit_code_are_passed_on_apart(pipes: tuple[Console, int, int, int]) -> None:
    """stdout and stderr are not mixed, no byte is changed, and the status ends it."""
    console, _, out, err = pipes
    session = RemoteStream(FakeConnection(b"\1a\xff\0", b"\2oops", b"\1b\n", exit_code(37)))
    links, lease = linked(session)
    assert relay(links, session, lease, console).exit_code == 37
    assert os.read(out, 100) == b"a\xff\0b\n"
    assert os.read(err, 100) == b"oops"


def test_stdin_and_its_end_reach_the_command(pipes: tuple[Console, int, int, int]) -> None:
    """The user's bytes go to channel 0, and their end closes that channel (v5)."""
    console, stdin, _, _ = pipes
    os.write(stdin, b"hello")
    os.close(stdin)
    connection = FakeConnection(*[b"\1"] * 4, status(status="Success"))
    links, lease = linked(session := RemoteStream(connection))
    assert relay(links, session, lease, console, [of_descriptor(console.stdin_fd)]).exit_code == 0
    assert connection.sent == [b"\0hello", b"\xff\0"]


def test_without_stdin_none_is_read(pipes: tuple[Console, int, int, int]) -> None:
    """What the user has piped in stays there unless -i was given."""
    console, stdin, _, _ = pipes
    os.write(stdin, b"hello")
    connection = FakeConnection(b"\1x", status(status="Success"))
    links, lease = linked(session := RemoteStream(connection))
    relay(links, session, lease, console)
    assert connection.sent == []
    os.close(stdin)


def test_a_success_that_only_the_server_speaks_of_is_none(pipes: tuple[Console, int, int, int]) -> None:
    """A container runtime that is told to end calls the end of its streams a success (seen with containerd 2.2)."""
    session = RemoteStream(FakeConnection(b"\1half", status(status="Success")), last_word=LastWord("n0nce"))
    links, lease = linked(session)
    with pytest.raises(ConnectionLostError, match="whether the command ended, and how, is not known"):
        relay(links, session, lease, pipes[0])
    assert os.read(pipes[2], 100) == b"half"


@pytest.mark.parametrize("code", [0, 37])
def test_the_supervisors_word_is_what_counts(pipes: tuple[Console, int, int, int], code: int) -> None:
    """It waited for the command; the server's success says no more than that the streams are whole."""
    word = f'\0n0nce {{"event":"ended","status":{code}}}\n'.encode()
    session = RemoteStream(FakeConnection(b"\2oops" + word, status(status="Success")), last_word=LastWord("n0nce"))
    links, lease = linked(session)
    assert relay(links, session, lease, pipes[0]).exit_code == code
    assert os.read(pipes[3], 100) == b"oops"


def test_a_dropped_link_is_never_success(pipes: tuple[Console, int, int, int]) -> None:
    """A connection that ends without a status is an error of its own, after the output so far."""
    console, _, out, _ = pipes
    links, lease = linked(session := RemoteStream(FakeConnection(b"\1so far", then_closed=True)))
    with pytest.raises(ConnectionLostError, match="is not known"):
        relay(links, session, lease, console)
    assert os.read(out, 100) == b"so far"


def test_a_silent_link_is_lost(pipes: tuple[Console, int, int, int]) -> None:
    """By the lease's pings: those of a session may wait behind stdin that its command does not read."""
    links, lease = linked(session := RemoteStream(FakeConnection()))
    lease.connection.unanswered_pings = 4
    with pytest.raises(ConnectionLostError, match="silent for 60s; whether the command ended, and how, is not known"):
        relay(links, session, lease, pipes[0])


def test_whatever_arrives_answers_the_pings() -> None:
    """A pong or a message: the other side is there."""
    ours, theirs = socket.socketpair()
    with theirs:
        connection = WebSocketConnection(ours, "v5.channel.k8s.io")
        for _ in range(3):
            connection.ping()
        assert connection.unanswered_pings == 3
        theirs.sendall(bytes([0x8A, 0]))
        assert connection.receive() == []
        assert connection.unanswered_pings == 0
        connection.close()


def test_a_lost_helper_is_told(pipes: tuple[Console, int, int, int]) -> None:
    """When the helper's main process ends first, the command's end is not taken for its own."""
    console, _, _, _ = pipes
    session = RemoteStream(FakeConnection(b"\1", b"\1", exit_code(137)))
    links, lease = linked(session, FakeConnection(status(status="Success")))
    with pytest.raises(ConnectionLostError, match="the helper pod ended"):
        relay(links, session, lease, console)


def test_a_lost_helper_is_told_also_after_the_commands_end(pipes: tuple[Console, int, int, int]) -> None:
    """The node may tell of the two in either order; a command that was killed alone has its own status."""
    links, lease = linked(
        session := RemoteStream(FakeConnection(exit_code(137))), FakeConnection(*[b"\1"] * 4, status(status="Success"))
    )
    with pytest.raises(ConnectionLostError, match="the helper pod ended"):
        relay(links, session, lease, pipes[0])
    links, lease = linked(session := RemoteStream(FakeConnection(exit_code(137))))
    assert relay(links, session, lease, pipes[0]).exit_code == 137


def test_a_node_that_does_not_end_the_command_in_time_is_lost(pipes: tuple[Console, int, int, int]) -> None:
    """The limit is the node's to keep; a client that hears nothing of it does not wait for ever."""
    links, lease = linked(session := RemoteStream(FakeConnection()))
    with pytest.raises(ConnectionLostError, match="--max-duration"):
        relay(links, session, lease, pipes[0], limit=Deadline.after(0))


def test_what_arrives_at_the_last_moment_still_counts(pipes: tuple[Console, int, int, int]) -> None:
    """A client that was stopped for a while reads on where it was."""
    console, _, stdout, _ = pipes
    links, lease = linked(session := RemoteStream(FakeConnection(b"\1late", exit_code(124))))
    ended = relay(links, session, lease, console, limit=Deadline.after(0))
    assert (ended.exit_code, os.read(stdout, 99)) == (124, b"late")


def test_the_agents_lines_are_cut_out_and_the_rest_is_left() -> None:
    """What follows a line in the same message is still there for the next reader."""
    links, _ = linked(stream := RemoteStream(FakeConnection(b"\1on", b"\1e\ntwo\nthr", b"\1ee")))
    deadline = Deadline.after(60)
    assert links.wait_for_line(stream, deadline) == b"one"
    assert links.wait_for_line(stream, deadline) == b"two"
    links.step(0)
    assert stream.stdout == b"three"


def test_an_endless_line_is_refused() -> None:
    """An agent that never ends its line cannot fill our memory."""
    stream = RemoteStream(FakeConnection())
    stream.stdout += bytes(9 * 1024 * 1024)
    with pytest.raises(AgentError, match="without a line's end"):
        stream.take_line()


def test_quiet_links_are_pinged() -> None:
    """Every open link gets a ping when its time has come, so that no proxy takes it for dead."""
    now = [0.0]
    links = Links(clock=lambda: now[0])
    connection = FakeConnection()
    links.add(RemoteStream(connection))
    links.step(0)
    assert connection.sent == []
    now[0] = 60.0
    links.step(0)
    assert connection.sent == [b"ping"]


def linked(session: RemoteStream, lease: FakeConnection | None = None) -> tuple[Links, RemoteStream]:
    """Links over ``session`` and a lease that says nothing."""
    links, lease_stream = Links(), RemoteStream(lease or FakeConnection())
    links.add(session)
    links.add(lease_stream)
    return links, lease_stream
