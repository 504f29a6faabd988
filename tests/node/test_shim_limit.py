"""How long a command may run, by the node's own clock."""

from __future__ import annotations

import ctypes
import os
import secrets
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.node.shim_lab import USER, Session, Target, eventually, gone, identity

if TYPE_CHECKING:
    from collections.abc import Iterator

OVER = 124
"""What timeout(1) says."""
CLONE3_CALL = 435
"""The same number everywhere."""


@pytest.mark.parametrize(
    "script", ["exec sleep 1000", "trap 'exit 0' TERM; sleep 1000 & wait", "kill -STOP $$", "sleep 1000 & sleep 1000"]
)
def test_a_command_whose_time_is_over_is_told_to_end(
    shim: Path, shared_target: Target, tmp_path: Path, script: str
) -> None:
    """SIGTERM to its group, also where it is stopped; the status is 124 however it ends."""
    session = Session(shim, shared_target, identity("sh", "-c", script, limit_ms="200"), run=tmp_path)
    pid = session.started()
    assert session.ended() == OVER
    assert gone(pid)


def test_a_command_that_will_not_end_is_killed(shim: Path, shared_target: Target, tmp_path: Path) -> None:
    """After a grace, with everything in its group."""
    script = "trap '' TERM; sleep 1000 & echo $!; wait; sleep 1000"
    session = Session(shim, shared_target, identity("sh", "-c", script, limit_ms="1"), run=tmp_path)
    pid = session.started()
    assert session.end()[0] == OVER
    assert gone(pid)


ANOTHER_USER = """#define _GNU_SOURCE
#include <unistd.h>
int main(void) { return setresuid(0, 0, 0) || execlp("sleep", "sleep", "1000", (char *)0); }
"""
"""What sudo and su become: nobody's of the user who called them, to signals as well (kill(2))."""


@pytest.fixture
def becomes_root(target: Target, tmp_path: Path) -> None:
    """A program in the container that belongs to root, whoever starts it."""
    source, built = tmp_path / "becomes-root.c", tmp_path / "becomes-root"
    source.write_text(ANOTHER_USER)
    program = Path(f"/proc/{target.pid}/root/tmp/becomes-root")
    compiler = shutil.which("gcc") or "cc"
    subprocess.run([compiler, "-static", "-o", built, source], check=True)
    shutil.copy(built, program)
    program.chmod(0o4755)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A cgroup of the unified hierarchy."""
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    top = next((words[1] for words in mounts if words[2] == "cgroup2"), None)
    if top is None:
        pytest.skip("this machine has no unified hierarchy")
    made = Path(top) / f"nsexec-test-{secrets.token_hex(4)}"
    made.mkdir()
    yield made
    (made / "cgroup.kill").write_text("1")

    def removed() -> bool:
        with suppress(OSError):
            made.rmdir()
        return not made.exists()

    eventually(removed)


@pytest.mark.usefixtures("becomes_root")
def test_a_command_that_may_not_be_killed_ends_with_its_folder(
    shim: Path, target: Target, tmp_path: Path, folder: Path
) -> None:
    """Where the kernel can end a whole cgroup; the word comes first, for the supervisor ends with it."""
    blob = identity("/tmp/becomes-root", **USER, limit_ms="3000")
    kill_file = str(folder / "cgroup.kill")
    session = Session(shim, target, blob, run=tmp_path, devices=folder, kill_file=kill_file)
    pid = session.started()
    assert session.end()[0] == -signal.SIGKILL
    assert session.told == OVER
    eventually(lambda: gone(pid))


@pytest.mark.usefixtures("becomes_root")
def test_of_a_command_that_may_not_be_killed_no_end_is_told(shim: Path, target: Target, tmp_path: Path) -> None:
    """Where the kernel cannot: it may run on, and that is said."""
    session = Session(shim, target, identity("/tmp/becomes-root", **USER, limit_ms="3000"), run=tmp_path)
    pid = session.started()
    assert session.process.wait(timeout=20) == 125
    assert not gone(pid)
    os.kill(pid, signal.SIGKILL)
    _, _, errors = session.end()
    assert session.told is None
    assert f"process {pid} of the node, the command, did not end when it was killed, it may run on" in errors.decode()


@pytest.mark.parametrize("code", [0, 37, OVER])
def test_a_command_that_ends_in_time_has_its_own_status(
    shim: Path, shared_target: Target, tmp_path: Path, code: int
) -> None:
    """The limit is seen by nobody who keeps it."""
    session = Session(shim, shared_target, identity("sh", "-c", f"exit {code}", limit_ms="60000"), run=tmp_path)
    session.started()
    assert session.end() == (code, b"", b"")


def reborn(pid: int) -> None:
    """A process with just that number, which leads a group of that number (clone3(2), set_tid)."""
    wanted = (ctypes.c_int * 1)(pid)
    # flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size
    arguments = (ctypes.c_uint64 * 10)(0, 0, 0, 0, signal.SIGCHLD, 0, 0, 0, ctypes.addressof(wanted), 1)
    # PyDLL keeps the lock of Python's threads, which the child could not get.
    if not (born := ctypes.PyDLL(None, use_errno=True).syscall(CLONE3_CALL, arguments, ctypes.sizeof(arguments))):
        os.setsid()
        os.execv("/bin/sleep", ["sleep", "1000"])  # noqa: S606 - nothing else works in such a child
    assert born == pid, os.strerror(ctypes.get_errno())


def test_nothing_is_sent_to_a_number_that_has_become_anothers(
    shim: Path, shared_target: Target, tmp_path: Path
) -> None:
    """A terminal that nobody reads holds the end up until the grace is over too; by then the command was reaped."""
    blob = identity("sh", "-c", "exec yes", limit_ms="200", tty="1", rows="24", columns="80")
    session = Session(shim, shared_target, blob, run=tmp_path)
    pid = session.started("container")
    eventually(lambda: not Path(f"/proc/{pid}").exists())
    reborn(pid)
    try:
        session.process.send_signal(signal.SIGUSR1)
        assert session.process.wait(timeout=20) == OVER
        assert os.waitpid(pid, os.WNOHANG) == (0, 0), "a signal has ended a process that is not the command"
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        session.end()
