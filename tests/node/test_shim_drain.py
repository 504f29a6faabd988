"""What the client has sent and nobody has read when the command ends: it is taken to the end of stdin, and thrown away.

Most of these tests have a shim that waits for that end for ever, so that what they see is no time-out.
"""

from __future__ import annotations

import os
import socket
import threading
from contextlib import closing, suppress
from pathlib import Path
from typing import IO

import pytest

from kubectl_nsexec.kube.connection import V5_PROTOCOL, WebSocketConnection
from kubectl_nsexec.model.background import Background
from kubectl_nsexec.protocol import commands
from kubectl_nsexec.protocol.exit_marker import ExitMarker
from kubectl_nsexec.transport.channels import RemoteStream, Streams
from kubectl_nsexec.transport.relay import relay
from kubectl_nsexec.ui.console import Console
from kubectl_nsexec.ui.sources import of_descriptor
from tests.conformance.fake_cluster import carry
from tests.node.shim_lab import NONCE, PLAIN, Session, Target, eventually, identity
from tests.node.test_shim_session import kept, waiting
from tests.node.test_shim_terminal import WINDOW
from tests.unit.fake_session import Link, WebSocket

MUCH = bytes(4 * 1024 * 1024)
"""More than any pipe holds."""
PATIENCE_SECONDS = 60.0
UNTIL_GO = "until [ -e /tmp/go ]; do sleep 0.01; done"


@pytest.fixture
def go(shared_target: Target) -> Path:
    """The file that UNTIL_GO waits for; a test makes it."""
    path = Path(f"/proc/{shared_target.pid}/root/tmp/go")
    path.unlink(missing_ok=True)
    return path


def feeding(session: Session, data: bytes = MUCH) -> threading.Thread:
    """Sends it while the test goes on; EPIPE would be a warning, and so an error."""
    feeder = threading.Thread(target=lambda: session.stdin.write(data))
    feeder.start()
    return feeder


def full(pipe: IO[bytes]) -> bool:
    """Nothing more goes into it now."""
    return waiting(pipe) >= 65536


def test_the_end_is_told_before_anything_is_drained(
    patient_shim: Path, shared_target: Target, tmp_path: Path, go: Path
) -> None:
    """The client stops for it: a command that ended with a full pipe before it has everything behind that taken."""
    session = Session(patient_shim, shared_target, identity("sh", "-c", f"{UNTIL_GO}; exit 3"), run=tmp_path)
    session.started()
    feeder = feeding(session)
    eventually(lambda: full(session.stdin))
    go.touch()
    assert session.marked()
    feeder.join()
    assert session.process.poll() is None  # the client has not closed stdin yet
    assert session.end(MUCH)[0] == 3
    assert session.told == 3


def test_a_command_that_ends_at_once_is_no_other_case(
    patient_shim: Path, shared_target: Target, tmp_path: Path
) -> None:
    """Also one that could not be executed."""
    session = Session(patient_shim, shared_target, identity("/no/such"), run=tmp_path)
    session.started()
    feeder = feeding(session)
    assert session.marked()
    feeder.join()
    assert session.end()[0] == 127


def test_a_command_that_closes_its_stdin_does_not_break_the_pipe(
    patient_shim: Path, shared_target: Target, tmp_path: Path, go: Path
) -> None:
    """A runtime that gets EPIPE reads no further, and leaves unread what is behind that."""
    session = Session(patient_shim, shared_target, identity("sh", "-c", f"exec <&-; {UNTIL_GO}; exit 4"), run=tmp_path)
    pid = session.started()
    eventually(lambda: not Path(f"/proc/{pid}/fd/0").exists())
    feeder = feeding(session)
    go.touch()
    assert session.marked()
    feeder.join()
    assert session.end()[0] == 4


def test_the_outputs_stay_open_until_then(patient_shim: Path, shared_target: Target, tmp_path: Path) -> None:
    """containerd ends the input of an exec at the end of one of them."""
    session = Session(patient_shim, shared_target, identity("echo", "all"), run=tmp_path)
    session.started()
    assert session.marked()
    outputs = [Path(f"/proc/{session.process.pid}/fd/{output}").readlink().name for output in (1, 2)]
    assert all(name.startswith("pipe:") for name in outputs), outputs
    assert session.end() == (0, b"all\n", b"")


def test_a_client_that_does_not_stop_holds_nothing_up(shim: Path, shared_target: Target, tmp_path: Path) -> None:
    """It goes on sending: the session ends by itself, and the pipe is broken then."""
    session = Session(shim, shared_target, identity("sh", "-c", "exit 5"), run=tmp_path)
    session.started()

    def never_stop() -> None:
        with suppress(BrokenPipeError):
            while True:
                session.stdin.write(MUCH)

    feeder = threading.Thread(target=never_stop)
    feeder.start()
    assert session.process.wait(timeout=20) == 5
    feeder.join()
    session.end()
    assert session.told == 5


def test_a_client_that_is_gone_is_not_waited_for(patient_shim: Path, shared_target: Target, tmp_path: Path) -> None:
    """Its lease has ended."""
    session = Session(patient_shim, shared_target, identity("sh", "-c", "exit 6"), run=tmp_path)
    session.started()
    assert session.marked()
    session.let_go()
    assert session.process.wait(timeout=20) == 6
    session.end()


@pytest.mark.parametrize("how", ["no stdin", "no stdin, in a helper that is kept", "nothing but --verify"])
def test_where_the_client_has_nothing_to_close_nothing_is_awaited(
    patient_shim: Path, shared_target: Target, tmp_path: Path, how: str
) -> None:
    """In a helper that is kept this stdin, still open, is the client's lease."""
    verify = str(int(how == "nothing but --verify"))
    if how == "no stdin, in a helper that is kept":
        session = kept(patient_shim, shared_target, tmp_path, "true", stdin="0")
    else:
        blob = identity(**{**PLAIN, "stdin": verify, "verify": verify})
        session = Session(patient_shim, shared_target, blob, run=tmp_path)
    session.started()
    assert session.process.wait(timeout=20) == 0
    session.end()
    assert session.told == 0


def test_what_is_typed_after_the_end_is_drained(patient_shim: Path, shared_target: Target, tmp_path: Path) -> None:
    """In a terminal's session the supervisor has stdin to itself, whoever is left in the terminal."""
    script = "trap '' HUP; sleep 1000 & exit 7"
    session = Session(patient_shim, shared_target, identity("sh", "-c", script, **WINDOW), run=tmp_path)
    session.started("container")
    assert session.marked()
    feeder = feeding(session, commands.typed(MUCH))
    feeder.join()
    assert session.end()[0] == 7


def test_a_process_that_the_command_left_reads_on(patient_shim: Path, shared_target: Target, tmp_path: Path) -> None:
    """Every byte to the end of stdin is its own, as with a runtime's exec."""
    data = os.urandom(len(MUCH))
    session = Session(patient_shim, shared_target, identity("sh", "-c", "exec 3<&0; cat <&3 & exit 8"), run=tmp_path)
    session.started()
    assert session.marked()
    assert session.end(data) == (8, data, b"")


def test_a_process_that_the_command_left_and_does_not_read_holds_nothing_up(
    shim: Path, patient_shim: Path, shared_target: Target, tmp_path: Path
) -> None:
    """The end of stdin is the session's where nothing is unread; else that is left to it for as long as is bearable."""
    script = "exec 3<&0; sleep 1000 <&3 >/dev/null 2>&1 & exit 9"
    for program, unread in ((patient_shim, b""), (shim, b"unread")):
        run = tmp_path / program.parent.name
        run.mkdir()
        session = Session(program, shared_target, identity("sh", "-c", script), run=run)
        session.started()
        assert session.marked()
        assert session.end(unread)[0] == 9


def test_what_a_process_that_the_command_left_does_not_want_is_drained(
    patient_shim: Path, shared_target: Target, tmp_path: Path, go: Path
) -> None:
    """It leaves the command's group, as a daemon does."""
    script = f"exec 3<&0; ({UNTIL_GO}; exec setsid sleep 1000) <&3 >/dev/null 2>&1 & exit 10"
    session = Session(patient_shim, shared_target, identity("sh", "-c", script), run=tmp_path)
    session.started()
    assert session.marked()
    feeder = feeding(session)
    eventually(lambda: full(session.stdin))
    go.touch()
    feeder.join()
    assert session.end()[0] == 10


@pytest.mark.parametrize("script", ["exit 3", f"{UNTIL_GO}; exit 3"], ids=["at once", "later"])
def test_the_status_comes_through_with_an_endless_stdin_before_it(
    patient_shim: Path, shared_target: Target, tmp_path: Path, go: Path, script: str
) -> None:
    """Client and supervisor together: a kubelet that would lose it for one unread byte finds none."""
    session = Session(patient_shim, shared_target, identity("sh", "-c", script), run=tmp_path)
    session.started()
    ours, theirs = socket.socketpair()
    stream = RemoteStream(WebSocketConnection(ours, V5_PROTOCOL), ExitMarker(NONCE))
    streams = Streams()
    streams.add(stream)
    with (
        theirs,
        theirs.makefile("rb") as received,
        theirs.makefile("wb", buffering=0) as sent,
        Path("/dev/zero").open("rb") as zero,
        closing(streams),
    ):
        Background(lambda: carry(WebSocket(Link(theirs, received, sent)), session.process))
        stdin = of_descriptor(zero.fileno())
        ended = Background(lambda: relay(streams, stream, None, Console(), [stdin]))
        if script != "exit 3":
            eventually(lambda: full(session.stdin))
            go.touch()
        assert ended.result(PATIENCE_SECONDS).exit_code == 3
    session.process.stdin = None  # it is closed
    session.end()
