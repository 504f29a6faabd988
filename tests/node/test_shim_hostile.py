"""A container that attacks what comes in: nothing of the node is to be had from it."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

import pytest

from tests.live.who import compiled
from tests.node.shim_lab import NONCE, Session, Target, eventually, identity

if TYPE_CHECKING:
    from collections.abc import Iterator

ROUNDS = 20
CAUGHT_AT_LEAST = 3


@pytest.fixture(scope="module")
def attacker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The container's part, compiled."""
    return compiled("hostile", tmp_path_factory.mktemp("hostile"))


@contextmanager
def inside(target: Target, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process of the container with every capability; ended with all that it has started."""
    there = [f"--{kind}=/proc/{target.pid}/ns/{name}" for kind, name in (("mount", "mnt"), ("pid", "pid"))]
    argv = ["nsenter", *there, f"--root=/proc/{target.pid}/root", *command]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, start_new_session=True) as process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, 9)


def test_nothing_can_be_taken_from_the_process_that_is_started_in_the_container(
    shim: Path, target: Target, tmp_path: Path, attacker: Path
) -> None:
    """An attacker with CAP_SYS_PTRACE stops it right at its birth: CVE-2016-9962, CVE-2019-5736.

    It has pipes only, its program cannot be written, and what begins our lines is not in its command line.
    """
    shutil.copy(attacker, f"/proc/{target.pid}/root/tmp/hostile")
    with inside(target, "/tmp/hostile", "stalk") as stalker:
        lines = cast("IO[bytes]", stalker.stdout)
        assert lines.readline() == b"stalking\n"
        for round_number in range(ROUNDS):
            run = tmp_path / str(round_number)
            run.mkdir()
            session = Session(shim, target, identity("true"), run=run)
            session.started()
            assert session.end() == (0, b"", b"")
        os.killpg(stalker.pid, 9)
        report = lines.read().decode()
    # Some are caught later, when they are the container's own program already: theirs is what that has opened.
    ours = [text for text in report.split("caught ") if "shim enter" in text]
    assert len(ours) >= CAUGHT_AT_LEAST, report
    for text in ours:
        found = [line.partition(" ")[::2] for line in text.splitlines()[1:]]
        assert {what for what, _ in found} <= {"words", "descriptors", "stream", "had", "program", "not"}, text
        # It may become the command while it is looked at: what it had is closed then, and its program another.
        assert all(value.startswith(("pipe:", "No such file")) for what, value in found if what == "had"), text
        assert all("memfd:" in value for what, value in found if what == "program" and "nsexec-shim" in value), text
        assert NONCE not in text


def test_what_lies_at_etc_passwd_is_not_opened_unless_it_is_a_file(shim: Path, target: Target, tmp_path: Path) -> None:
    """To open a watchdog is to start it. A FIFO shows it: whoever waits to write sees a reader come."""
    passwd = Path(f"/proc/{target.pid}/root/etc/passwd")
    passwd.unlink()
    os.mkfifo(passwd)
    with inside(target, "sh", "-c", "echo up; echo opened >/etc/passwd; echo opened") as waiter:
        lines = cast("IO[bytes]", waiter.stdout)
        assert lines.readline() == b"up\n"
        session = Session(shim, target, identity("sh", "-c", "echo $HOME"), run=tmp_path)
        session.started()
        assert session.end()[1] == b"/\n"
        os.killpg(waiter.pid, 9)
        assert lines.read() == b""


def test_a_container_that_stops_everything_is_waited_for_no_longer_than_the_lease(
    shim: Path, target: Target, tmp_path: Path, attacker: Path
) -> None:
    """Whatever is stopped before or after it became the command: the end of the lease ends all of it."""
    shutil.copy(attacker, f"/proc/{target.pid}/root/tmp/hostile")
    with inside(target, "/tmp/hostile", "freeze") as freezer:
        assert cast("IO[bytes]", freezer.stdout).readline() == b"freezing\n"
        session = Session(shim, target, identity("sleep", "1000"), run=tmp_path)
        eventually(lambda: b"nsexec-shim" in Path(f"/proc/{session.process.pid}/cmdline").read_bytes().split(b"\0")[0])
        session.let_go()
        assert session.process.wait(timeout=20) in {125, 137}
        session.end()
