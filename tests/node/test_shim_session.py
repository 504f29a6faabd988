"""A session of the shim from start to end: streams, exit codes, signals, the lease, deaths on either side."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import sys
import termios
from pathlib import Path
from typing import IO

import pytest

from tests.node.shim_lab import CPUS, PLAIN, USER, Session, Target, eventually, gone, identity, status

WAIT = "echo up; read -r _"
"""A command that is up and waits for its stdin."""


@pytest.mark.parametrize(
    ("script", "code"), [("exit 0", 0), ("exit 37", 37), ("exit 255", 255), ("kill -9 $$", 137), ("kill -15 $$", 143)]
)
def test_exit_code_is_the_commands(shim: Path, shared_target: Target, tmp_path: Path, script: str, code: int) -> None:
    """After the start every status is the command's own; 128+n for a signal. The exit marker says the same."""
    session = Session(shim, shared_target, identity("sh", "-c", script), run=tmp_path)
    session.started()
    assert session.end() == (code, b"", b"")
    assert session.told == code


@pytest.mark.parametrize("terminal", [{}, {"tty": "1", "rows": "24", "columns": "80"}])
def test_the_last_word_comes_after_all_that_the_command_said(
    shim: Path, shared_target: Target, tmp_path: Path, terminal: dict[str, str]
) -> None:
    """On stderr, which the supervisor keeps: a command that closes its own cannot hold it back."""
    session = Session(shim, shared_target, identity("sh", "-c", "echo one >&2; exec 2>&-", **terminal), run=tmp_path)
    session.started("container" if terminal else "")
    _, output, errors = session.end()
    assert b"one" in output + errors
    assert session.told == 0


def test_a_client_that_has_stopped_reading_is_told_nothing(shim: Path, shared_target: Target, tmp_path: Path) -> None:
    """Its stderr is full: the session ends with the lease all the same."""
    session = Session(
        shim, shared_target, identity("sh", "-c", "echo up; while :; do echo 1234567; done >&2"), run=tmp_path
    )
    pid = session.up()
    stderr = session.process.stderr
    assert stderr
    eventually(lambda: waiting(stderr) == fcntl.fcntl(stderr, fcntl.F_GETPIPE_SZ))
    os.kill(pid, signal.SIGKILL)
    session.let_go()
    assert session.process.wait(timeout=20) == 137
    assert session.end()[0] == 137
    assert session.told is None


def waiting(pipe: IO[bytes]) -> int:
    """How many bytes wait in it (FIONREAD, ioctl_tty(2))."""
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("no-such-program", 127, "No such file or directory"),
        ("/no/such", 127, "No such file or directory"),
        ("", 127, "No such file or directory"),
        ("/srv", 126, "Permission denied"),
        ("/marker", 126, "Permission denied"),
        ("/usr", 126, "Permission denied"),
        ("/marker/x", 126, "Not a directory"),
    ],
)
def test_command_that_cannot_be_executed(
    shim: Path, shared_target: Target, tmp_path: Path, name: str, code: int, words: str
) -> None:
    """127 when there is none, 126 when it cannot be run, and one line that says which."""
    session = Session(shim, shared_target, identity(name), run=tmp_path)
    session.started()
    assert session.end() == (code, b"", f'exec: "{name}": {words}\n'.encode())


def test_path_is_the_containers(shim: Path, shared_target: Target, tmp_path: Path) -> None:
    """Looked for in the identity's PATH, absolute entries only, past those that do not have it."""
    (Path(f"/proc/{shared_target.pid}/root/tmp") / "echo").write_text("not executable")
    blob = identity("echo", "found", env=["A=PATH=/x", "PATH=:.:/no:/marker:/tmp:/usr/bin", "PATH=/no"])
    session = Session(shim, shared_target, blob, run=tmp_path)
    session.started()
    assert session.end() == (0, b"found\n", b"")
    session = Session(
        shim, shared_target, identity("echo", env=["PATH=/tmp"]), run=tmp_path / ".." / tmp_path.name / ".."
    )
    session.started()
    assert session.end()[0] == 126


def test_streams_are_binary_and_apart(shim: Path, shared_target: Target, tmp_path: Path) -> None:
    """What follows the identity on stdin is the command's, every byte of it; stdout and stderr do not mix."""
    data = os.urandom(1 << 20)
    session = Session(shim, shared_target, identity("sh", "-c", "cat; echo end >&2"), run=tmp_path)
    session.started()
    assert session.end(data) == (0, data, b"end\n")


def test_without_stdin_the_command_reads_nothing(shim: Path, shared_target: Target, tmp_path: Path) -> None:
    """stdin=0 is /dev/null, whatever the client sends, and as in a runtime's exec it cannot be written to."""
    script = "cat; (echo x >&0) 2>/dev/null || echo end"
    session = Session(shim, shared_target, identity("sh", "-c", script, stdin="0"), run=tmp_path)
    session.started()
    assert session.process.wait(timeout=20) == 0
    assert session.end()[1] == b"end\n"


@pytest.mark.parametrize("records", [{"stdin": "0"}, {"stdin": "1"}], ids=["without stdin", "with stdin"])
def test_outputs_that_the_command_closes(
    shim: Path, shared_target: Target, tmp_path: Path, records: dict[str, str]
) -> None:
    """The reader sees the end while the command goes on, but with stdin: containerd ends that with an output."""
    script = "exec >&-; exec sleep 1000"
    session = Session(shim, shared_target, identity("sh", "-c", script, **records), run=tmp_path)
    pid = session.started()
    eventually(lambda: not Path(f"/proc/{pid}/fd/1").exists())
    ended = select.select([session.stdout], [], [], 20 if records["stdin"] == "0" else 0)[0] != []
    assert ended == (records["stdin"] == "0")
    assert not gone(pid)
    session.process.terminate()
    assert session.ended() == 143


def test_verify_starts_nothing(shim: Path, shared_target: Target, tmp_path: Path) -> None:
    """With verify=1 everything is done but the command."""
    session = Session(shim, shared_target, identity("sh", "-c", "echo ran", verify="1", **USER), run=tmp_path)
    session.started()
    assert session.end() == (0, b"", b"")


@pytest.mark.parametrize("name", ["TERM", "INT", "HUP", "QUIT", "USR1", "USR2", "WINCH"])
def test_signals_are_forwarded(shim: Path, shared_target: Target, tmp_path: Path, name: str) -> None:
    """The command decides what a signal means; the supervisor stays to report it."""
    session = Session(shim, shared_target, identity("sh", "-c", f"trap 'exit 42' {name}; {WAIT}", **USER), run=tmp_path)
    session.up()
    session.process.send_signal(getattr(signal, f"SIG{name}"))
    assert session.ended() == 42


def test_supervisor_never_stops(shim: Path, shared_target: Target, tmp_path: Path) -> None:
    """Stop signals of a terminal, and a broken pipe, do not reach it; it goes on forwarding and reaping."""
    session = Session(shim, shared_target, identity("sh", "-c", f"trap 'exit 42' TERM; {WAIT}"), run=tmp_path)
    session.up()
    for number in (signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU, signal.SIGPIPE, signal.SIGTERM):
        session.process.send_signal(number)
    assert session.ended() == 42


def test_lease_that_ends_kills_the_session(shim: Path, shared_target: Target, tmp_path: Path) -> None:
    """The helper's main process is gone: the command and its group end at once."""
    script = "trap '' TERM HUP; sleep 1000 & echo up; wait"
    session = Session(shim, shared_target, identity("sh", "-c", script), run=tmp_path)
    pid = session.up()
    session.let_go()
    assert session.process.wait(timeout=20) == 137
    assert gone(pid)
    assert session.end() == (137, b"", b"")  # nobody of the group is left to hold a stream open
    assert session.told is None  # how it would have ended is not known


def test_lease_that_ends_kills_the_sessions_cgroup(shim: Path, shared_target: Target, tmp_path: Path) -> None:
    """On cgroup v2 the kernel does it for every process in the folder."""
    kill = tmp_path / "cgroup.kill"
    kill.touch()
    session = Session(shim, shared_target, identity("sh", "-c", WAIT), run=tmp_path, kill_file=str(kill))
    pid = session.up()
    session.let_go()
    assert session.ended() == 137
    assert kill.read_text() == "1"
    eventually(lambda: gone(pid))


def test_lease_that_nobody_holds_starts_nothing(shim: Path, shared_target: Target, tmp_path: Path) -> None:
    """A helper that died before the session came is noticed, though its FIFO is still there."""
    lease = tmp_path / "left-over"
    os.mkfifo(lease)
    event = Session(shim, shared_target, identity("sh", "-c", "echo ran"), run=tmp_path, lease=lease).refused()
    assert event["code"] == "shim"


def kept(shim: Path, target: Target, run: Path, script: str, **records: str) -> Session:
    """A session in a shared helper pod: a descriptor says that it lives, and its stdin is the lease of its client."""
    read_end, write_end = os.pipe()
    blob, variables = identity("sh", "-c", script, **records), {"NSEXEC_SESSION": str(write_end)}
    session = Session(shim, target, blob, run=run, pass_fds=[write_end], environment=variables)
    os.close(write_end)
    session.alive = read_end
    return session


def test_client_that_ends_ends_its_command_in_a_kept_helper(shim: Path, shared_target: Target, tmp_path: Path) -> None:
    """The helper lives on, so the lease of all is held; the end of this client is that of the session's own stdin."""
    session = kept(shim, shared_target, tmp_path, "echo up; exec sleep 1000", stdin="0")
    pid = session.up()
    assert session.end()[0] == 137  # by the end of its stdin, and with the lease of all still held
    assert gone(pid)
    assert os.read(session.alive, 1) == b""


def test_outputs_that_the_command_closes_are_not_the_clients_end(
    shim: Path, shared_target: Target, tmp_path: Path
) -> None:
    """containerd ends an exec's stdin at the end of one output: that must not come before the command's own end."""
    session = kept(
        shim, shared_target, tmp_path, "exec >&- 2>&-; read -r line; echo $? >/tmp/read; exec sleep 1", stdin="0"
    )
    session.stdin.write(b"nobody reads this")
    session.started()
    assert session.stdout.read() == b""
    assert session.process.wait(timeout=20) == 0
    session.ended()


def test_stdin_of_the_command_is_no_lease(shim: Path, shared_target: Target, tmp_path: Path) -> None:
    """Its end is the command's to see; another stream is the lease then."""
    session = kept(shim, shared_target, tmp_path, "cat; echo end")
    session.started()
    assert session.end(b"in") == (0, b"inend\n", b"")


def test_the_command_has_no_descriptor_of_the_helpers(shim: Path, shared_target: Target, tmp_path: Path) -> None:
    """That which says that the session lives is the supervisor's alone."""
    session = kept(shim, shared_target, tmp_path, "ls /proc/self/fd", stdin="0")
    session.started()
    assert session.stdout.read().split() == [b"0", b"1", b"2", b"3"]  # 3 is the folder that ls reads
    session.ended()


@pytest.mark.parametrize("number", ["x", "2", "999", "-1"])
def test_descriptor_that_is_none_starts_nothing(shim: Path, shared_target: Target, tmp_path: Path, number: str) -> None:
    """Nobody could tell when the session is over."""
    session = Session(shim, shared_target, identity(), run=tmp_path, environment={"NSEXEC_SESSION": number})
    assert session.refused()["code"] == "shim"


@pytest.mark.parametrize("kind", ["missing", "file"])
def test_lease_that_is_none_starts_nothing(shim: Path, shared_target: Target, tmp_path: Path, kind: str) -> None:
    """Anything but a FIFO is refused, with its name escaped for JSON."""
    lease = tmp_path / 'odd "\\\n\udcff name'
    if kind == "file":
        lease.touch()
    event = Session(shim, shared_target, identity(), run=tmp_path, lease=lease).refused()
    assert event["code"] == "shim"
    assert 'odd "\\\n\xff name' in event["message"]


def test_lease_that_ends_while_the_identity_is_awaited(shim: Path, shared_target: Target, tmp_path: Path) -> None:
    """The wait for the client is bounded by the lease."""
    session = Session(shim, shared_target, identity(), run=tmp_path, size=100_000)
    eventually(lambda: b"nsexec-shim" in Path(f"/proc/{session.process.pid}/cmdline").read_bytes().split(b"\0")[0])
    session.let_go()
    assert session.process.wait(timeout=20) == 125
    assert session.refused()["code"] == "shim"


def test_supervisor_killed_takes_the_command_along(shim: Path, shared_target: Target, tmp_path: Path) -> None:
    """Even SIGKILL of the supervisor leaves nothing behind."""
    session = Session(shim, shared_target, identity("sh", "-c", WAIT, **USER), run=tmp_path)
    pid = session.up()
    session.process.kill()
    eventually(lambda: gone(pid))
    session.end()


def test_container_that_ends_with_a_stopped_command(shim: Path, target: Target, tmp_path: Path) -> None:
    """A stopped command neither holds up the container's teardown nor hangs the session."""
    session = Session(shim, target, identity("sh", "-c", "echo up; kill -STOP $$"), run=tmp_path)
    pid = session.up()
    eventually(lambda: status(Path(f"/proc/{pid}/status").read_text(), "State").startswith("T"))
    target.end()
    assert session.end()[0] == 137


def test_container_that_ends_takes_the_command_along_without_pids_of_its_own(shim: Path, tmp_path: Path) -> None:
    """In a pod that shares the node's PIDs the kernel would let the command live on."""
    with Target(tmp_path / "root", own_pids=False) as target:
        session = Session(shim, target, identity("sh", "-c", WAIT, **USER), run=tmp_path)
        pid = session.up()
        target.end()
        assert session.ended() == 137
        assert session.told == 137
        assert gone(pid)


def test_container_that_has_ended_starts_nothing(shim: Path, target: Target, tmp_path: Path) -> None:
    """Its namespaces may still be open, but no process can be started in a dead PID namespace."""
    blob = identity("sh", "-c", "echo ran")
    session = Session(shim, target, blob[:-1], run=tmp_path, size=len(blob))
    eventually(lambda: b"nsexec-shim" in Path(f"/proc/{session.process.pid}/cmdline").read_bytes().split(b"\0")[0])
    target.end()
    session.stdin.write(blob[-1:])
    assert session.refused()["code"] == "shim"


def test_cpus_outside_the_set_start_nothing(shim: Path, shared_target: Target, tmp_path: Path) -> None:
    """The child's mask is asked of the kernel before it becomes the command."""
    event = Session(shim, shared_target, identity("sh", "-c", "echo ran"), run=tmp_path, cpus="8191").refused()
    assert (event["code"], CPUS in event["message"]) == ("shim", True)


@pytest.mark.parametrize("cpus", ["", "x", "1-0", "0,", "0-8192", "99999999999999999999"])
def test_cpus_that_are_no_list_start_nothing(shim: Path, shared_target: Target, tmp_path: Path, cpus: str) -> None:
    """A set that cannot be read, or is empty, holds no mask."""
    event = Session(shim, shared_target, identity("sh", "-c", "echo ran"), run=tmp_path, cpus=cpus).refused()
    assert event["code"] == "shim"


@pytest.mark.parametrize(
    "words", [[], ["enter"], ["other"], ["enter", "no nonce", "0", "1", "x", "-", "1", "-", "-"], ["watch", "1", "0"]]
)
def test_wrong_call_says_so(shim: Path, shared_target: Target, tmp_path: Path, words: list[str]) -> None:
    """Run inside a container without any library, it works as a program like any other: usage, status 125."""
    del shim
    import kubectl_nsexec.node  # noqa: PLC0415 # the built program, not the sanitized one, has no libraries

    program = Path(f"/proc/{shared_target.pid}/root/tmp/shim")
    program.write_bytes(kubectl_nsexec.node.shim("amd64"))
    program.chmod(0o755)
    assert PLAIN
    session = Session(program, shared_target, identity("/tmp/shim", *words), run=tmp_path)
    session.started()
    code, output, errors = session.end()
    assert (code, output) == (125, b"")
    assert errors.startswith(b"usage: ")
