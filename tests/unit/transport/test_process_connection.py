"""The connection through a program's stdin and stdout: noise, lines, frames, and ends of every kind."""

from __future__ import annotations

import select
from typing import TYPE_CHECKING

import pytest

from kubectl_nsexec.errors import ConnectionLostError, NodeAccessError, NsexecError
from kubectl_nsexec.transport import process_connection
from kubectl_nsexec.transport.process_connection import ProcessConnection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NONCE = "n0nce"
READY = f"""printf '\\n{NONCE} ready\\n'; head -c 4; echo; printf '{NONCE} {{"event":"held"}}\\n'; """
FRAMED = f"printf '{NONCE} framed\\n'; "
STATUS = r"""printf '\003\000\000\024{"status":"Success"}'; """


def refused(status: int | None, words: str) -> NsexecError:
    """What the tests look for."""
    return NodeAccessError(f"refused {status}: {words}")


@pytest.fixture
def start() -> Iterator[Callable[[str], ProcessConnection]]:
    """Starts a connection to a sh script, which has read the first four bytes that are sent."""
    made: list[ProcessConnection] = []

    def started(script: str) -> ProcessConnection:
        made.append(ProcessConnection(["sh", "-c", f"head -c 4 >&2; echo >&2; {script}"], NONCE, b"text", refused))
        return made[-1]

    yield started
    for connection in made:
        connection.close()


def messages(connection: ProcessConnection, count: int) -> list[bytes]:
    """The next ``count`` messages, or fewer at the end."""
    found: list[bytes] = []
    connection.flush()
    while len(found) < count and not connection.closed:
        if not connection.buffered():
            assert select.select([connection.fileno()], [], [], 10)[0], f"nothing came after {found}"
        found += connection.receive()
    return found


def test_noise_is_kept_apart_and_nothing_is_sent_before_it_is_asked_for(
    start: Callable[[str], ProcessConnection],
) -> None:
    """A profile's chatter, even without a newline at its end, is no line of the agent's."""
    connection = start(f"echo hello; printf %s motd; {READY}{FRAMED}{STATUS}")
    connection.send(b"\x00link")
    assert messages(connection, 2) == [b'\x01n0nce {"event":"held"}\n', b'\x03{"status":"Success"}']
    connection._listener.result(10)
    # Stdout and stderr are read side by side: their words may meet on a line.
    assert all(word in connection.stray_output() for word in ("text", "hello", "motd"))


def test_frames_go_both_ways(start: Callable[[str], ProcessConnection]) -> None:
    """What is sent has a header of channel and size; a frame that echoes it is a message again."""
    connection = start(rf"{FRAMED}printf '\001\000\000\001a'; exec head -c 9")
    assert messages(connection, 1) == [b"\x01a"]
    connection.send(b"\x00\x01\x02xyz")
    assert messages(connection, 1) == [b"\x00\x01\x02xyz"]


def test_frames_that_come_in_pieces_are_joined(start: Callable[[str], ProcessConnection]) -> None:
    """Nothing is told of a frame before it is whole."""
    connection = start(rf"{FRAMED}printf '\001\000'; sleep 0.1; printf '\000\003ab'; sleep 0.1; printf 'c'; {STATUS}")
    assert messages(connection, 2) == [b"\x01abc", b'\x03{"status":"Success"}']


@pytest.mark.parametrize("status", [0, 1, 255])
def test_an_end_before_the_session_is_told_with_what_was_said(
    start: Callable[[str], ProcessConnection], status: int
) -> None:
    """Exit status 0 as well: a login that only greets is no session."""
    connection = start(f"echo Banner >&2; echo Host key verification failed. >&2; exit {status}")
    with pytest.raises(NodeAccessError, match=rf"(?s)refused {status}: .*Banner\nHost key verification failed\.$"):
        messages(connection, 1)


@pytest.mark.parametrize("status", [0, 37, 255])
def test_the_programs_own_status_is_never_the_commands(start: Callable[[str], ProcessConnection], status: int) -> None:
    """Without a frame that tells its end, what became of the command is not known."""
    connection = start(rf"{FRAMED}printf '\001\000\000\003out'; echo Broken pipe >&2; exit {status}")
    assert messages(connection, 1) == [b"\x01out"]
    with pytest.raises(ConnectionLostError, match="(?s)how, is not known.*Broken pipe"):
        messages(connection, 1)


def test_the_end_after_the_status_is_no_failure(start: Callable[[str], ProcessConnection]) -> None:
    """The program ends when all is said."""
    connection = start(FRAMED + STATUS)
    assert messages(connection, 5) == [b'\x03{"status":"Success"}']


def test_a_missing_program_is_named() -> None:
    """No ssh on PATH."""
    with pytest.raises(NodeAccessError, match="refused None: nonexistent-ssh: No such file"):
        ProcessConnection(["nonexistent-ssh"], NONCE, b"", refused)


def test_only_a_session_is_told_that_we_are_there(start: Callable[[str], ProcessConnection]) -> None:
    """Before it begins, the bytes would be taken for something else."""
    connection = start(f"{READY}head -c 4; {FRAMED}cat")
    connection.ping()
    connection.send(b"\x00link")
    connection.send(b"\x00more")
    assert messages(connection, 1)
    assert connection.unsent_bytes == 0


def test_a_login_that_hangs_is_ended_and_not_waited_for(
    start: Callable[[str], ProcessConnection], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing has been made on the node then, so it has nothing to clear up."""
    monkeypatch.setattr(process_connection, "_CLOSE_SECONDS", "of no use, so whoever waits for them fails")
    connection = start("exec sleep 1000")
    connection.flush()
    connection.close()
    assert connection._process.returncode == -15
