"""A helper that is kept: sessions begin and end, it waits for the next one, and nothing of one that is over stays."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

import pytest

from tests.node.link_lab import NONCE, QUIET_SANITIZERS, eventually, gone

if TYPE_CHECKING:
    from collections.abc import Iterator

HELD = f'{NONCE} {{"event":"held"}}'
WAIT = ("/bin/sh", "-c", "echo up; read -r _")
CGROUPS = Path("/sys/fs/cgroup/pids" if Path("/sys/fs/cgroup/pids").is_dir() else "/sys/fs/cgroup")
"""Any hierarchy will do: a folder of processes is one in each."""


class Door:
    """A helper's main process that waits for sessions, and the cgroup folder of its pod."""

    def __init__(self, link: Path, run: Path, pod: Path) -> None:
        self._link, self.path, self.pod = link, run / "door", pod
        self.devices = run / "devices"
        self._guests: list[subprocess.Popen[bytes]] = []

    def open(self, *, idle: int, life: int = 1000) -> None:
        """Start it, and wait until it says that it listens."""
        self.process = self._start("door", self.path, self.pod, self.devices, idle, life, HELD)
        assert cast("IO[bytes]", self.process.stdout).readline().decode() == f"{HELD}\n"

    def session(self, name: str, *command: str, idle: int = 1000) -> subprocess.Popen[bytes]:
        """A session that has been let in."""
        return self._let_in("session", NONCE, self.path, name, idle, "held", *(command or WAIT))

    def lease(self, name: str) -> subprocess.Popen[bytes]:
        """The lease of a session, held."""
        return self._let_in("lease", NONCE, self.path, name)

    def end(self) -> int:
        """Ask it to end; the status."""
        return self._start("end", self.path).wait(timeout=20)

    def folder(self, name: str) -> Path:
        """A session's cgroup folder, made as the agent makes it."""
        folder = self.pod / f"nsexec-{name}"
        folder.mkdir()
        return folder

    def refused(self) -> dict[str, str]:
        """What a session is told that is not let in."""
        guest = self._start("session", NONCE, self.path, "late0", 1, "held", "/bin/true")
        output, _ = guest.communicate(timeout=20)
        assert guest.returncode == 125
        event: dict[str, str] = json.loads(output.removeprefix(f"{NONCE} ".encode()))
        return event

    def _let_in(self, *words: object) -> subprocess.Popen[bytes]:
        guest = self._start(*words)
        event = json.loads(cast("IO[bytes]", guest.stdout).readline().removeprefix(f"{NONCE} ".encode()))
        assert event["event"] == "held"
        return guest

    def _start(self, *words: object) -> subprocess.Popen[bytes]:
        pipe, command = subprocess.PIPE, [str(word) for word in (self._link, *words)]
        started = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=pipe, env={**os.environ, **QUIET_SANITIZERS}
        )
        self._guests.append(started)
        return started

    def close(self) -> None:
        """End all that was started."""
        for guest in self._guests:
            guest.kill()
            guest.communicate()


@pytest.fixture
def door(link: Path, tmp_path: Path) -> Iterator[Door]:
    """One that is not open yet."""
    pod = CGROUPS / f"nsexec-test-{secrets.token_hex(4)}"
    pod.mkdir()
    made = Door(link, tmp_path, pod)
    yield made
    made.close()
    for folder in [*pod.glob("nsexec-*"), pod]:
        eventually(lambda folder=folder: not (folder / "cgroup.procs").read_text())  # type: ignore[misc]
        folder.rmdir()


def up(guest: subprocess.Popen[bytes]) -> None:
    """Wait until a session's command says so."""
    assert cast("IO[bytes]", guest.stdout).readline() == b"up\n"


def move(pid: int, folder: Path) -> None:
    """Move a process into a cgroup folder."""
    (folder / "cgroup.procs").write_text(f"{pid}\n")


def test_a_helper_that_nobody_enters_ends(door: Door) -> None:
    """By its own clock, whatever became of the client."""
    door.open(idle=1)
    assert door.process.wait(timeout=20) == 0


def test_it_waits_as_long_as_the_last_session_said_once_all_are_over(door: Door) -> None:
    """A session that is under way counts, however short the time; then the newest word does."""
    door.open(idle=1000)
    first, second = door.session("one00"), door.session("two00", idle=1)
    for guest in (first, second):
        up(guest)
    first.communicate(b"\n", timeout=20)
    assert door.session("three", "/bin/true", idle=1).wait(timeout=20) == 0
    assert door.process.poll() is None
    second.communicate(b"\n", timeout=20)
    assert door.process.wait(timeout=20) == 0


def test_a_session_has_the_programs_streams_and_status(door: Door) -> None:
    """Once it is let in, it is the program."""
    door.open(idle=1000)
    guest = door.session("one00", "/bin/sh", "-c", "cat; exit 7")
    assert guest.communicate(b"all of it", timeout=20) == (b"all of it", b"")
    assert guest.returncode == 7


def test_who_comes_too_late_is_told_so(door: Door) -> None:
    """By a code of its own: the client then makes a new helper."""
    door.open(idle=1)
    door.process.wait(timeout=20)
    assert door.refused()["code"] == "gone"
    door.path.unlink()
    assert door.refused()["code"] == "gone"


def test_what_a_session_left_running_ends_with_it_and_its_folder_goes(door: Door) -> None:
    """Also what made itself a group and a session of its own."""
    door.open(idle=1000)
    folder = door.folder("one00")
    # As the last link, it gives its children nothing of the helper's.
    stray = 'eval "exec $NSEXEC_SESSION>&-"; exec setsid sleep 1000 </dev/null >/dev/null 2>&1'
    script = f"echo up; read -r _; ({stray}) & echo $!"
    guest = door.session("one00", "/bin/sh", "-c", script)
    devices = door.devices / "nsexec-one00"
    devices.mkdir(parents=True)
    move(guest.pid, folder)
    up(guest)
    output, _ = guest.communicate(b"\n", timeout=20)
    eventually(lambda: gone(int(output)))
    eventually(lambda: not folder.exists() and not devices.exists())
    assert door.process.poll() is None


def test_the_end_of_its_lease_ends_a_session_and_no_other(door: Door) -> None:
    """A client that was killed takes its own command along."""
    door.open(idle=1000)
    guests = {}
    for name in ("one00", "two00"):
        lease, guest = door.lease(name), door.session(name)
        move(guest.pid, door.folder(name))
        up(guest)
        guests[name] = lease, guest
    lease, guest = guests["one00"]
    lease.communicate(timeout=20)
    assert guest.wait(timeout=20) == -9
    assert guests["two00"][1].poll() is None


def test_it_is_ended_by_hand_only_when_nobody_is_in_it(door: Door) -> None:
    """--cleanup never ends a session."""
    door.open(idle=1000)
    guest = door.session("one00")
    up(guest)
    assert door.end() == 125
    guest.communicate(b"\n", timeout=20)
    eventually(lambda: door.end() == 0)
    assert door.process.wait(timeout=20) == 0


def test_a_session_that_lasts_too_long_is_ended(door: Door) -> None:
    """A client whose connection is half open holds nothing for ever."""
    door.open(idle=1000, life=1)
    guest = door.session("one00")
    move(guest.pid, door.folder("one00"))
    assert guest.wait(timeout=20) == -9


@pytest.mark.parametrize("words", [b"", b"nonsense", b"session ../../x 1", b"session one00", b"x" * 4096])
def test_nonsense_at_the_door_does_no_harm(door: Door, words: bytes) -> None:
    """It is not let in, and the next one is."""
    import socket  # noqa: PLC0415 - only here

    door.open(idle=1000)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as stranger:
        stranger.connect(str(door.path))
        stranger.send(words)
        with suppress(ConnectionError):
            assert stranger.recv(1) == b""
    up(door.session("one00"))
