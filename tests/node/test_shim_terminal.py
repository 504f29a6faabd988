"""The command's terminal: whose it is, what passes through it, and how it ends."""

from __future__ import annotations

import hashlib
import os
import re
import threading
from pathlib import Path
from typing import IO, TYPE_CHECKING

import pytest

from kubectl_nsexec.protocol import commands
from tests.node.shim_lab import USER, Session, Target, eventually, gone, identity

if TYPE_CHECKING:
    from collections.abc import Iterator

WINDOW = {"tty": "1", "rows": "33", "columns": "99"}
PASTE_BYTES = 5 * 1024 * 1024


def on_terminal(shim: Path, target: Target, run: Path, script: str, **changes: str | list[str] | None) -> Session:
    """A session of ``sh -c SCRIPT`` with a terminal of 33 rows and 99 columns; ``started`` is still to be called."""
    return Session(shim, target, identity("sh", "-c", script, **{**WINDOW, **changes}), run=run)


def until(session: Session, word: bytes) -> bytes:
    """What the terminal shows up to WORD."""
    shown = b""
    while word not in shown:
        part = os.read(session.stdout.fileno(), 65536)
        assert part, shown
        shown += part
    return shown


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Target]:
    """A container without a /dev/pts."""
    with Target(tmp_path / "bare", terminals=False) as target:
        yield target


def test_terminal_is_the_containers_own(shim: Path, shared_target: Target, tmp_path: Path) -> None:
    """Its name, its owner and mode, all three streams on it, and it controls the command's session."""
    script = "tty; stat -c '%u %a' $(tty); readlink /proc/self/fd/2; : </dev/pts/ptmx; ps -o tpgid= -p $$; echo $$"
    session = on_terminal(shim, shared_target, tmp_path, script, **USER)
    session.started("container")
    code, output, errors = session.end()
    name, owner, stderr, foreground, pid = output.decode().split("\r\n")[:5]
    assert (code, errors) == (0, b"")
    assert re.fullmatch(r"/dev/pts/\d+", name)
    assert (owner, stderr) == ("1234 620", name)
    assert foreground.strip() == pid


def test_output_of_both_streams_is_one(shim: Path, shared_target: Target, tmp_path: Path) -> None:
    """As with any terminal, stdout and stderr come in the order in which they were written."""
    session = on_terminal(shim, shared_target, tmp_path, "echo one; echo two >&2; echo three; exit 37")
    session.started("container")
    assert session.end() == (37, b"one\r\ntwo\r\nthree\r\n", b"")


def test_window_has_its_size_from_the_start_and_follows(shim: Path, shared_target: Target, tmp_path: Path) -> None:
    """The first size is there before the command is; each change is a SIGWINCH to the job in the foreground."""
    script = "trap 'stty size; exit' WINCH; stty size; while :; do sleep 0.05; done"
    session = on_terminal(shim, shared_target, tmp_path, script)
    session.started("container")
    assert until(session, b"\n") == b"33 99\r\n"
    session.stdin.write(commands.window(50, 200))
    assert session.end() == (0, b"50 200\r\n", b"")


@pytest.mark.parametrize(("key", "code"), [(b"\x03", 130), (b"\x1c", 131)])
def test_key_interrupts_the_command(shim: Path, shared_target: Target, tmp_path: Path, key: bytes, code: int) -> None:
    """Ctrl-C and Ctrl-backslash are signals of the command's own terminal."""
    session = on_terminal(shim, shared_target, tmp_path, "echo up; exec sleep 1000", **USER)
    session.started("container")
    until(session, b"up\r\n")
    session.stdin.write(commands.typed(key))
    assert session.process.wait(timeout=20) == code
    session.end()


def test_frames_in_any_cut_are_the_same(shim: Path, shared_target: Target, tmp_path: Path) -> None:
    """Typed data and sizes are told apart however the stream cuts them."""
    session = on_terminal(
        shim, shared_target, tmp_path, "stty -echo; echo up; read -r a; read -r b; stty size; echo $a $b"
    )
    session.started("container")
    until(session, b"up\r\n")
    wire = (
        commands.typed(b"one\n")
        + commands.window(258, 772)
        + commands.typed(b"")
        + commands.typed(b"t")
        + commands.typed(b"wo\n")
    )
    for byte in wire:
        session.stdin.write(bytes([byte]))
    assert session.end() == (0, b"258 772\r\none two\r\n", b"")


def test_streams_stay_open_while_the_command_runs(shim: Path, shared_target: Target, tmp_path: Path) -> None:
    """None of them ends before the command does: at the end of stderr containerd ends stdin as well."""
    session = on_terminal(shim, shared_target, tmp_path, "echo up; read -r x")
    session.started("container")
    until(session, b"up\r\n")
    assert session.process.stderr is not None
    with pytest.raises(TimeoutError):
        _wait_readable(session.process.stderr, 0.5)
    session.stdin.write(commands.typed(b"\n"))
    assert session.end()[0] == 0


def test_paste_arrives_whole_while_it_is_echoed(shim: Path, shared_target: Target, tmp_path: Path) -> None:
    """5 MB in, the same 5 MB shown, the right sum: bounded buffers both ways, and neither way blocks the other."""
    data = os.urandom(PASTE_BYTES)
    script = f"stty raw -echo; echo up; head -c {PASTE_BYTES} | tee /proc/self/fd/2 | sha256sum"
    session = on_terminal(shim, shared_target, tmp_path, script)
    session.started("container")
    until(session, b"up\n")
    writer = threading.Thread(target=lambda: session.stdin.write(commands.typed(data)))
    writer.start()
    shown = until(session, b"  -\n")
    writer.join()
    assert shown[:PASTE_BYTES] == data
    assert shown[PASTE_BYTES:].split() == [hashlib.sha256(data).hexdigest().encode(), b"-"]
    assert session.end()[0] == 0


def test_last_words_come_through_to_a_slow_reader(shim: Path, shared_target: Target, tmp_path: Path) -> None:
    """What the command wrote just before it ended is shown, though nobody read for a while."""
    session = on_terminal(shim, shared_target, tmp_path, "stty raw; seq 30000; exit 5")
    pid = session.started("container")
    first = os.read(session.stdout.fileno(), 1)
    eventually(lambda: Path(f"/proc/{pid}/wchan").exists() or gone(pid))
    code, output, _ = session.end()
    assert (code, first + output) == (5, "".join(f"{n}\n" for n in range(1, 30001)).encode())


def test_end_does_not_wait_for_what_is_in_the_background(shim: Path, shared_target: Target, tmp_path: Path) -> None:
    """A process that keeps the terminal open, or talks on, does not hold the session up."""
    script = "trap '' HUP; (while :; do echo more; done) & sleep 1000 & echo up; exit 9"
    session = on_terminal(shim, shared_target, tmp_path, script)
    session.started("container")
    code, output, _ = session.end()
    assert code == 9
    assert b"up\r\n" in output


def test_command_that_closes_its_terminal_goes_on(shim: Path, shared_target: Target, tmp_path: Path) -> None:
    """Nobody in the container has it open: neither the end, nor a reason to spin."""
    session = on_terminal(shim, shared_target, tmp_path, "echo up; exec <&- >&- 2>&-; exec sleep 1000")
    pid = session.started("container")
    until(session, b"up\r\n")
    before = _cpu_ticks(session)
    with pytest.raises(TimeoutError):
        _wait_readable(session.stdout, 1.0)
    assert _cpu_ticks(session) - before < 20
    assert not gone(pid)
    session.process.terminate()
    assert session.ended() == 143


@pytest.mark.parametrize("wrong", [b"x\0\0", b"w\0\5hello"])
def test_frames_that_are_none_are_the_end_of_typing(
    shim: Path, shared_target: Target, tmp_path: Path, wrong: bytes
) -> None:
    """Nothing that follows is taken for keys; the command goes on."""
    script = 'stty raw -echo min 0 time 5; echo up; test -z "$(head -c 1)" && exit 4'
    session = on_terminal(shim, shared_target, tmp_path, script)
    session.started("container")
    until(session, b"up\n")
    session.stdin.write(wrong + commands.typed(b"rm -rf /\n"))
    assert session.process.wait(timeout=20) == 4
    assert session.end()[1] == b""


def test_reader_that_goes_away_does_not_end_the_command(shim: Path, shared_target: Target, tmp_path: Path) -> None:
    """Whether the client is gone is for the lease to say."""
    session = on_terminal(shim, shared_target, tmp_path, "echo up; read -r _; seq 30000; exit 6")
    session.started("container")
    until(session, b"up\r\n")
    session.stdout.close()
    session.stdin.write(commands.typed(b"\n"))
    assert session.process.wait(timeout=20) == 6
    for pipe in (session.stdin, session.process.stderr):
        assert pipe is not None
        pipe.close()
    session.let_go()


def test_lease_that_ends_kills_a_session_with_a_terminal(shim: Path, shared_target: Target, tmp_path: Path) -> None:
    """Also one that ignores every signal and has jobs."""
    session = on_terminal(shim, shared_target, tmp_path, "trap '' TERM HUP INT; echo up; while :; do sleep 1; done")
    pid = session.started("container")
    until(session, b"up\r\n")
    session.let_go()
    assert session.ended() == 137
    assert gone(pid)


def test_command_that_cannot_be_executed_says_so_on_a_raw_terminal(
    shim: Path, shared_target: Target, tmp_path: Path
) -> None:
    """The line ends in a return: the client's terminal makes none of its own."""
    session = Session(shim, shared_target, identity("/no/such", **WINDOW), run=tmp_path)
    session.started("container")
    assert session.end() == (127, b"", b'exec: "/no/such": No such file or directory\r\n')


def test_container_without_terminals_gets_the_helpers(shim: Path, bare: Target, tmp_path: Path) -> None:
    """Job control and sizes work, though the terminal has no name inside; and the client is told whose it is."""
    session = on_terminal(shim, bare, tmp_path, "stty size; tty; ps -o tpgid= -p $$; echo $$")
    session.started("helper")
    size, name, foreground, pid = session.end()[1].decode().split("\r\n")[:4]
    assert (size, name) == ("33 99", "not a tty")
    assert foreground.strip() == pid


@pytest.mark.parametrize("fake", ["fifo", "folder", "outside"])
def test_other_things_in_place_of_terminals_are_not_opened(shim: Path, bare: Target, tmp_path: Path, fake: str) -> None:
    """A FIFO would block for ever, a device could do anything: only a devpts is asked for a terminal."""
    devices = Path(f"/proc/{bare.pid}/root/dev")
    if fake == "outside":
        (devices / "pts").symlink_to("/proc/1/root/dev")
    else:
        (devices / "pts").mkdir()
        make = os.mkfifo if fake == "fifo" else os.mkdir
        make(devices / "pts" / "ptmx")
    session = on_terminal(shim, bare, tmp_path, "exit 8")
    session.started("helper")
    assert session.end()[0] == 8


def _cpu_ticks(session: Session) -> int:
    fields = Path(f"/proc/{session.process.pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def _wait_readable(stream: IO[bytes], seconds: float) -> None:
    import select  # noqa: PLC0415 - here only

    if not select.select([stream], [], [], seconds)[0]:
        raise TimeoutError
