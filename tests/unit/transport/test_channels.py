"""Channels of exec and attach: frames in any cut, lines, statuses, pings."""

from __future__ import annotations

import json
import socket

import pytest
from websocket import ABNF

from kubectl_nsexec.errors import AgentError
from kubectl_nsexec.kube.connection import WebSocketConnection
from kubectl_nsexec.kube.frames import FrameReader
from kubectl_nsexec.model.deadline import Deadline
from kubectl_nsexec.transport import channels
from kubectl_nsexec.transport.channels import ExitStatus, RemoteStream, Streams, parse_status
from tests.unit.fakes import FakeConnection


def status(**fields: object) -> bytes:
    """A message of the error channel."""
    return b"\3" + json.dumps(fields).encode()


def exit_code(code: int) -> bytes:
    """The status of a command that ended with ``code``."""
    causes = [{"reason": "ExitCode", "message": str(code)}]
    return status(status="Failure", reason="NonZeroExitCode", message="m", details={"causes": causes})


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


def test_only_what_may_idle_is_pinged(monkeypatch: pytest.MonkeyPatch) -> None:
    """A ping that a server has not read when the command ends would make it reset what is still on its way."""
    monkeypatch.setattr(channels, "PING_SECONDS", 1.0)
    now = [0.0]
    streams = Streams(lambda: now[0])
    talking, silent = FakeConnection(), FakeConnection()
    for connection in (talking, silent):
        streams.add(RemoteStream(connection))
    for step in range(1, 4):
        now[0], talking.active = float(step), step < 3
        streams.step(0)
    assert (talking.sent, silent.sent) == ([b"ping"], [b"ping"] * 3)


def test_the_agents_lines_are_cut_out_and_the_rest_is_left() -> None:
    """What follows a line in the same message is still there for the next reader."""
    streams, _ = watched(stream := RemoteStream(FakeConnection(b"\1on", b"\1e\ntwo\nthr", b"\1ee")))
    deadline = Deadline.after(60)
    assert streams.wait_for_line(stream, deadline) == b"one"
    assert streams.wait_for_line(stream, deadline) == b"two"
    streams.step(0)
    assert stream.stdout == b"three"


def test_an_endless_line_is_refused() -> None:
    """An agent that never ends its line cannot fill our memory."""
    stream = RemoteStream(FakeConnection())
    stream.stdout += bytes(9 * 1024 * 1024)
    with pytest.raises(AgentError, match="without a line's end"):
        stream.take_line()


def test_quiet_streams_are_pinged() -> None:
    """Every open stream gets a ping when its time has come, so that no proxy takes it for dead."""
    now = [0.0]
    streams = Streams(clock=lambda: now[0])
    connection = FakeConnection()
    streams.add(RemoteStream(connection))
    streams.step(0)
    assert connection.sent == []
    now[0] = 60.0
    streams.step(0)
    assert connection.sent == [b"ping"]


def watched(session: RemoteStream, lease: FakeConnection | None = None) -> tuple[Streams, RemoteStream]:
    """Streams over ``session`` and a lease that says nothing."""
    streams, lease_stream = Streams(), RemoteStream(lease or FakeConnection())
    streams.add(session)
    streams.add(lease_stream)
    return streams, lease_stream
