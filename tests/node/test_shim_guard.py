"""The guard, which stands for lease and runtime where there is no helper pod, with a cgroup of its own."""

from __future__ import annotations

import json
import os
import secrets
import select
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.node.fake_node import NONCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

STDIN, STDOUT, STDERR, STATUS, CLOSE = 0, 1, 2, 3, 255
PATIENCE_SECONDS = 20.0
PIDS = Path("/sys/fs/cgroup/pids")
TOP = PIDS if PIDS.is_dir() else Path("/sys/fs/cgroup")
SUCCESS = (STATUS, b'{"status":"Success"}')


def frame(channel: int, content: bytes = b"") -> bytes:
    """As the client sends it."""
    return bytes([channel]) + len(content).to_bytes(3, "big") + content


class Guard:
    """A guard that runs; its session can move into ``$SESSION``."""

    def __init__(self, shim: Path, run: Path, script: str) -> None:
        self.pod = TOP / f"nsexec-test{secrets.token_hex(4)}"
        for folder in (self.pod, self.pod / "nsexec-guard", self.pod / "nsexec-session"):
            folder.mkdir()
        run.mkdir()
        os.mkfifo(run / "lease")
        join = 'echo $$ >"$SESSION/cgroup.procs"; '
        # It joins its own folder as the agent does, before it becomes the guard.
        start = f'echo $$ >{self.pod}/nsexec-guard/cgroup.procs; exec "$@"'
        words: list[str | Path] = [shim, "guard", NONCE, self.pod, TOP, run, "/bin/sh", "-c", join + script]
        self.process = subprocess.Popen(
            ["/bin/sh", "-c", start, "sh", *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            env={**os.environ, "SESSION": str(self.pod / "nsexec-session")},
        )
        assert self.process.stdin
        assert self.process.stdout
        self.stdin, self.stdout = self.process.stdin, self.process.stdout
        assert self._read(len(NONCE) + 8) == f"{NONCE} framed\n".encode()

    def _read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            assert select.select([self.stdout], [], [], PATIENCE_SECONDS)[0], f"nothing came after {data!r}"
            more = os.read(self.stdout.fileno(), size - len(data))
            assert more, f"it ended after {data!r}"
            data += more
        return data

    def send(self, *frames: bytes) -> None:
        self.stdin.write(b"".join(frames))

    def frame(self) -> tuple[int, bytes]:
        """The next one."""
        header = self._read(4)
        return header[0], self._read(int.from_bytes(header[1:], "big"))

    def rest(self) -> list[tuple[int, bytes]]:
        """All frames to the end, those of one channel that follow each other joined."""
        frames: list[tuple[int, bytes]] = []
        while True:
            channel, content = self.frame()
            if frames and frames[-1][0] == channel:
                content = frames.pop()[1] + content
            frames.append((channel, content))
            if channel == STATUS:
                return frames

    def gone(self) -> None:
        """It has ended and left nothing; on a fixture's way out, too."""
        self.process.wait(PATIENCE_SECONDS)
        _until(lambda: not self.pod.exists())

    def tidy(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE_SECONDS)
        for end in (self.stdin, self.stdout):
            end.close()
        _until(lambda: not self.pod.exists())


def _alive(number: bytes) -> bool:
    """Whether the process runs; who has to bury it is not the guard's affair."""
    try:
        status = Path(f"/proc/{int(number)}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return "State:\tZ" not in status


def _until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not done():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)


@pytest.fixture
def start(shim: Path, tmp_path: Path) -> Iterator[Callable[[str], Guard]]:
    """Starts a guard with a session that runs a script."""
    guards: list[Guard] = []

    def started(script: str) -> Guard:
        guards.append(Guard(shim, tmp_path / "run", script))
        return guards[-1]

    yield started
    for guard in guards:
        guard.tidy()


def test_stdin_and_its_end_reach_the_session(start: Callable[[str], Guard]) -> None:
    """All bytes, frames of any cut, and end of file when the client says so: not before."""
    guard = start("exec cat")
    data = os.urandom(300_000)
    frames = [frame(STDIN, data[at : at + 65536]) for at in range(0, len(data), 65536)]
    # While the other half is read: pipes that are full both ways would wait for each other.
    sender = threading.Thread(target=guard.send, args=(*frames, frame(4), frame(CLOSE, b"\0")))
    sender.start()
    assert guard.rest() == [(STDOUT, data), SUCCESS]
    sender.join()
    guard.gone()


def test_outputs_stay_apart_and_the_status_comes_last(start: Callable[[str], Guard]) -> None:
    """As on the exec subresource, exit status and all."""
    guard = start("echo out; echo err >&2; exit 37")
    *output, (channel, status) = guard.rest()
    assert sorted(output) == [(STDOUT, b"out\n"), (STDERR, b"err\n")]
    assert channel == STATUS
    assert json.loads(status)["details"]["causes"] == [{"reason": "ExitCode", "message": "37"}]
    guard.gone()
    assert guard.process.returncode == 37


def test_what_the_command_leaves_in_the_background_ends_with_it(start: Callable[[str], Guard]) -> None:
    """Though it has the outputs open, and whatever session of its own it made."""
    guard = start("setsid sleep 1000 & echo $!")
    ((_, number), status) = guard.rest()
    assert status == SUCCESS
    guard.gone()
    assert not _alive(number)


def test_a_command_that_does_not_read_holds_nobody_up(start: Callable[[str], Guard]) -> None:
    """More stdin than any pipe takes is waiting, and its end is still told."""
    guard = start("sleep 0.2; exec 0<&-; echo done")
    guard.send(frame(STDIN, bytes(200_000)))
    assert guard.rest() == [(STDOUT, b"done\n"), SUCCESS]
    guard.gone()


@pytest.mark.parametrize("way", ["eof", "reader", "TERM", "guard", "janitor"])
def test_whatever_ends_it_nothing_is_left(start: Callable[[str], Guard], way: str) -> None:
    """The client's end, a signal, and kill -9 of either of the guard's two processes."""
    guard = start("trap '' HUP INT TERM; setsid sleep 1000 & echo $! $$; wait; sleep 1000")
    numbers = guard.frame()[1].split()
    (inner,) = Path(f"/proc/{guard.process.pid}/task/{guard.process.pid}/children").read_text().split()
    if way == "eof":
        guard.stdin.close()
    elif way == "reader":
        guard.stdout.close()
    elif way == "TERM":
        guard.process.terminate()
    else:
        os.kill(int(inner) if way == "guard" else guard.process.pid, signal.SIGKILL)
    guard.gone()
    _until(lambda: not any(map(_alive, numbers)))
