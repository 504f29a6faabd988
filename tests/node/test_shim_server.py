"""A shared helper pod: sessions begin and end, it waits for the next one, and nothing of one that is over stays."""

from __future__ import annotations

import json
import os
import resource
import secrets
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

import pytest

from tests.node.shim_lab import NONCE, QUIET_SANITIZERS, eventually, gone

if TYPE_CHECKING:
    from collections.abc import Iterator

HELD = f'{NONCE} {{"event":"held"}}'
OWN_FAILURE = 125
LISTENER_AND_TWO = 3
WAIT = ("/bin/sh", "-c", "echo up; read -r _")
CGROUPS = Path("/sys/fs/cgroup/pids" if Path("/sys/fs/cgroup/pids").is_dir() else "/sys/fs/cgroup")
"""Any hierarchy will do: a folder of processes is one in each."""


class Server:
    """A helper's main process that waits for sessions, and the cgroup folder of its pod."""

    def __init__(self, shim: Path, run: Path, pod: Path) -> None:
        self._shim, self.path, self.pod = shim, run / "server", pod
        self.devices = run / "devices"
        self._clients: list[subprocess.Popen[bytes]] = []

    def open(self, *, idle: int, life: int = 1000) -> None:
        """Start it, and wait until it says that it listens."""
        self.process = self._start("serve", self.path, self.pod, self.devices, idle, life, HELD)
        assert cast("IO[bytes]", self.process.stdout).readline().decode() == f"{HELD}\n"

    def session(self, name: str, *command: str, idle: int = 1000) -> subprocess.Popen[bytes]:
        """A session that has been accepted."""
        return self._accepted("session", NONCE, self.path, name, idle, "held", *(command or WAIT))

    def lease(self, name: str) -> subprocess.Popen[bytes]:
        """The lease of a session, held."""
        return self._accepted("lease", NONCE, self.path, name)

    def end(self) -> int:
        """Ask it to end; the status."""
        return self._start("end", self.path).wait(timeout=20)

    def folder(self, name: str) -> Path:
        """A session's cgroup folder, made as the agent makes it."""
        folder = self.pod / f"nsexec-{name}"
        folder.mkdir()
        return folder

    def refused(self) -> dict[str, str]:
        """What a session is told that is not accepted."""
        client = self._start("session", NONCE, self.path, "late0", 1, "held", "/bin/true")
        output, _ = client.communicate(timeout=20)
        assert client.returncode == 125
        event: dict[str, str] = json.loads(output.removeprefix(f"{NONCE} ".encode()))
        return event

    def _accepted(self, *words: object) -> subprocess.Popen[bytes]:
        client = self._start(*words)
        event = json.loads(cast("IO[bytes]", client.stdout).readline().removeprefix(f"{NONCE} ".encode()))
        assert event["event"] == "held"
        return client

    def _start(self, *words: object) -> subprocess.Popen[bytes]:
        pipe, command = subprocess.PIPE, [str(word) for word in (self._shim, *words)]
        started = subprocess.Popen(
            command, bufsize=0, stdin=pipe, stdout=pipe, stderr=pipe, env={**os.environ, **QUIET_SANITIZERS}
        )  # a line read ahead is lost to communicate()
        self._clients.append(started)
        return started

    def close(self) -> None:
        """End all that was started."""
        for client in self._clients:
            client.kill()
            client.communicate()


@pytest.fixture
def server(shim: Path, tmp_path: Path) -> Iterator[Server]:
    """One that is not open yet."""
    pod = CGROUPS / f"nsexec-test-{secrets.token_hex(4)}"
    pod.mkdir()
    made = Server(shim, tmp_path, pod)
    yield made
    made.close()
    for folder in [*pod.glob("nsexec-*"), pod]:
        eventually(lambda folder=folder: not (folder / "cgroup.procs").read_text())  # type: ignore[misc]
        folder.rmdir()


def up(client: subprocess.Popen[bytes]) -> None:
    """Wait until a session's command says so."""
    assert cast("IO[bytes]", client.stdout).readline() == b"up\n"


def move(pid: int, folder: Path) -> None:
    """Move a process into a cgroup folder."""
    (folder / "cgroup.procs").write_text(f"{pid}\n")


def test_a_helper_that_nobody_enters_ends(server: Server) -> None:
    """By its own clock, whatever became of the client."""
    server.open(idle=1)
    assert server.process.wait(timeout=20) == 0


def test_it_waits_as_long_as_the_last_session_said_once_all_are_over(server: Server) -> None:
    """A session that is under way counts, however short the time; then the newest word does."""
    server.open(idle=1000)
    first, second = server.session("one00"), server.session("two00", idle=1)
    for client in (first, second):
        up(client)
    first.communicate(b"\n", timeout=20)
    assert server.session("three", "/bin/true", idle=1).wait(timeout=20) == 0
    assert server.process.poll() is None
    second.communicate(b"\n", timeout=20)
    assert server.process.wait(timeout=20) == 0


def test_a_session_has_the_programs_streams_and_status(server: Server) -> None:
    """Once it is accepted, it is the program."""
    server.open(idle=1000)
    client = server.session("one00", "/bin/sh", "-c", "cat; exit 7")
    assert client.communicate(b"all of it", timeout=20) == (b"all of it", b"")
    assert client.returncode == 7


def allow_descriptors(server: Server, more: int) -> None:
    """Let it open only so many MORE than it has."""
    limit = len(list(Path(f"/proc/{server.process.pid}/fd").iterdir())) + more
    resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (limit, limit))


def test_a_few_descriptors_are_enough(server: Server) -> None:
    """1024 are many containers' limit, and poll(2) refuses more than that."""
    server.open(idle=1000)
    allow_descriptors(server, 8)
    for name in ("one00", "two00"):
        assert server.session(name, "/bin/true").wait(timeout=20) == 0


def test_who_finds_no_room_waits_until_somebody_leaves(server: Server) -> None:
    """And nothing is lost meanwhile."""
    server.open(idle=1000)
    allow_descriptors(server, 1)
    first = server.session("one00")
    up(first)
    with ThreadPoolExecutor() as pool:
        second = pool.submit(server.session, "two00", "/bin/true")
        eventually(lambda: len(connections(server)) == LISTENER_AND_TWO)
        assert not second.done()
        first.communicate(b"\n", timeout=20)
        assert second.result(timeout=20).wait(timeout=20) == 0


def test_without_room_for_anybody_it_ends(server: Server) -> None:
    """Rather than to turn round and round on a CPU, as it once did."""
    server.open(idle=1000)
    allow_descriptors(server, 0)
    assert server.refused()["code"] == "gone"
    assert server.process.wait(timeout=20) == OWN_FAILURE


def connections(server: Server) -> list[str]:
    """The lines of /proc/net/unix with the server's path: who listens, and a connection each, accepted or not."""
    return [line for line in Path("/proc/net/unix").read_text().splitlines() if line.endswith(f" {server.path}")]


def test_who_comes_too_late_is_told_so(server: Server) -> None:
    """By a code of its own: the client then makes a new helper."""
    server.open(idle=1)
    server.process.wait(timeout=20)
    assert server.refused()["code"] == "gone"
    server.path.unlink()
    assert server.refused()["code"] == "gone"


def test_what_a_session_left_running_ends_with_it_and_its_folder_goes(server: Server) -> None:
    """Also what made itself a group and a session of its own."""
    server.open(idle=1000)
    folder = server.folder("one00")
    # As the shim, it gives its children nothing of the helper's.
    stray = 'eval "exec $NSEXEC_SESSION>&-"; exec setsid sleep 1000 </dev/null >/dev/null 2>&1'
    script = f"echo up; read -r _; ({stray}) & echo $!"
    client = server.session("one00", "/bin/sh", "-c", script)
    devices = server.devices / "nsexec-one00"
    devices.mkdir(parents=True)
    move(client.pid, folder)
    up(client)
    output, _ = client.communicate(b"\n", timeout=20)
    eventually(lambda: gone(int(output)))
    eventually(lambda: not folder.exists() and not devices.exists())
    assert server.process.poll() is None


def test_the_end_of_its_lease_ends_a_session_and_no_other(server: Server) -> None:
    """A client that was killed takes its own command along."""
    server.open(idle=1000)
    sessions = {}
    for name in ("one00", "two00"):
        lease, client = server.lease(name), server.session(name)
        move(client.pid, server.folder(name))
        up(client)
        sessions[name] = lease, client
    lease, client = sessions["one00"]
    lease.communicate(timeout=20)
    assert client.wait(timeout=20) == -9
    assert sessions["two00"][1].poll() is None


def test_it_is_ended_by_hand_only_when_nobody_is_in_it(server: Server) -> None:
    """--cleanup never ends a session."""
    server.open(idle=1000)
    client = server.session("one00")
    up(client)
    assert server.end() == 125
    client.communicate(b"\n", timeout=20)
    eventually(lambda: server.end() == 0)
    assert server.process.wait(timeout=20) == 0


def test_a_session_that_lasts_too_long_is_ended(server: Server) -> None:
    """A client whose connection is half open holds nothing for ever."""
    server.open(idle=1000, life=1)
    client = server.session("one00")
    move(client.pid, server.folder("one00"))
    assert client.wait(timeout=20) == -9


@pytest.mark.parametrize("words", [b"", b"nonsense", b"session ../../x 1", b"session one00", b"x" * 4096])
def test_nonsense_does_no_harm(server: Server, words: bytes) -> None:
    """It is not accepted, and the next one is."""
    import socket  # noqa: PLC0415 - only here

    server.open(idle=1000)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as stranger:
        stranger.connect(str(server.path))
        stranger.send(words)
        with suppress(ConnectionError):
            assert stranger.recv(1) == b""
    up(server.session("one00"))
