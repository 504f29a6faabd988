"""How long a command may run, by the node's own clock."""

from __future__ import annotations

import ctypes
import os
import signal
from pathlib import Path

import pytest

from tests.node.link_lab import Session, Target, eventually, gone, identity

OVER = 124
"""What timeout(1) says."""
CLONE3_CALL = 435
"""The same number everywhere."""


@pytest.mark.parametrize(
    "script", ["exec sleep 1000", "trap 'exit 0' TERM; sleep 1000 & wait", "kill -STOP $$", "sleep 1000 & sleep 1000"]
)
def test_a_command_whose_time_is_over_is_told_to_end(
    link: Path, shared_target: Target, tmp_path: Path, script: str
) -> None:
    """SIGTERM to its group, also where it is stopped; the status is 124 however it ends."""
    session = Session(link, shared_target, identity("sh", "-c", script, limit_ms="200"), run=tmp_path)
    pid = session.started()
    assert session.ended() == OVER
    assert gone(pid)


def test_a_command_that_will_not_end_is_killed(link: Path, shared_target: Target, tmp_path: Path) -> None:
    """After a grace, with everything in its group."""
    script = "trap '' TERM; sleep 1000 & echo $!; wait; sleep 1000"
    session = Session(link, shared_target, identity("sh", "-c", script, limit_ms="1"), run=tmp_path)
    pid = session.started()
    assert session.end()[0] == OVER
    assert gone(pid)


@pytest.mark.parametrize("code", [0, 37, OVER])
def test_a_command_that_ends_in_time_has_its_own_status(
    link: Path, shared_target: Target, tmp_path: Path, code: int
) -> None:
    """The limit is seen by nobody who keeps it."""
    session = Session(link, shared_target, identity("sh", "-c", f"exit {code}", limit_ms="60000"), run=tmp_path)
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
    link: Path, shared_target: Target, tmp_path: Path
) -> None:
    """A terminal that nobody reads holds the end up until the grace is over too; by then the command was reaped."""
    blob = identity("sh", "-c", "exec yes", limit_ms="200", tty="1", rows="24", columns="80")
    session = Session(link, shared_target, blob, run=tmp_path)
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
