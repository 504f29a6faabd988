"""An API server with a kubelet behind it, both fakes on loopback: the commands that they run are real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tests.conformance import fake_agent
from tests.unit.fake_session import HELPERS, STDERR, STDOUT, FakeSession, Handler, WebSocket

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO

_ERROR = 3
_PIPE_BYTES = 65536
_LOOK_SECONDS = 0.01


class FakeCluster(FakeSession):
    """Its pods are gone when they are deleted, or when the lease of one that is not kept is over."""

    def __init__(self) -> None:
        self.commands: list[subprocess.Popen[bytes]] = []
        super().__init__(_Handler)

    def live(self) -> list[str]:
        """The names of the pods that are there."""
        gone = [path.rpartition("/")[2] for path in self.deleted]
        return [str(pod["metadata"]["name"]) for pod in self.helpers if pod["metadata"]["name"] not in gone]

    def kill_commands(self) -> None:
        """What a node does with the processes of a pod that is over."""
        for command in self.commands:
            with suppress(ProcessLookupError):
                os.killpg(command.pid, signal.SIGKILL)


@contextmanager
def fake_cluster() -> Iterator[FakeCluster]:
    """One for the time of a test."""
    cluster = FakeCluster()
    try:
        yield cluster
    finally:
        cluster.close()


class _Handler(Handler):
    session: FakeCluster

    def do_GET(self) -> None:  # noqa: N802 - as http.server calls it
        path = urlsplit(self.path).path
        name = path.removeprefix(f"{HELPERS}/")
        if self.headers["Upgrade"] or name == path or "/" in name:
            super().do_GET()
        elif name in self.session.live():
            self.answer(200, self.running())
        else:
            self.answer(404, {"kind": "Status", "reason": "NotFound", "message": f"no {name}"})

    def attached(self, stream: WebSocket) -> None:
        """The lease of a helper, and with --keep what makes it ready for its sessions."""
        held: list[str] = self.session.helpers[-1]["spec"]["containers"][0]["command"]
        nonce = held[held.index("hold") + 1]
        stdin = stream.stdin()
        next(stdin)
        stream.send(STDOUT, fake_agent.held(nonce))
        for _ in stdin:
            pass
        if "keep" not in self.session.helpers[-1]["metadata"]["name"]:
            self.session.kill_commands()

    def executed(self, stream: WebSocket, command: list[str]) -> None:
        """A session, the lease of one, or the question whether a helper that is kept may end."""
        if "lease" in command:
            stream.send(STDOUT, fake_agent.held(command[command.index("lease") + 1]))
            for _ in stream.stdin():
                pass
            self.session.kill_commands()
            return
        nonce = command[command.index("enter") + 1]
        own_lease = "session" in command and command[command.index("session") + 4] == "held"
        if own_lease:
            stream.send(STDOUT, fake_agent.held(nonce))
        self._run(stream, [nonce, *(["client"] if own_lease else [])])

    def _run(self, stream: WebSocket, words: list[str]) -> None:
        pipe = subprocess.PIPE
        argv = [sys.executable, "-m", "tests.conformance.fake_agent", *words]
        with subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True) as command:
            self.session.commands.append(command)
            carry(stream, command)


def carry(stream: WebSocket, command: subprocess.Popen[bytes]) -> None:
    """What a kubelet does for a command with pipes, to its end and the client's."""
    assert command.stdin
    assert command.stdout
    assert command.stderr
    unread = threading.Event()
    feeder = threading.Thread(target=_feed, args=(stream, command.stdin, unread), daemon=True)
    outputs = [
        threading.Thread(target=_show, args=(stream, channel, output), daemon=True)
        for channel, output in ((STDOUT, command.stdout), (STDERR, command.stderr))
    ]
    for thread in (feeder, *outputs):
        thread.start()
    status = command.wait()
    for output in outputs:
        output.join()
    while stream.more() and not unread.wait(_LOOK_SECONDS):
        pass
    if unread.is_set():  # as of a server that closes with something unread: a reset, and the status may be lost
        return
    stream.send(_ERROR, json.dumps(_status(status if status >= 0 else 128 - status)).encode())
    feeder.join()  # a ping that comes yet would be unread, too: the client closes


def _feed(stream: WebSocket, stdin: IO[bytes], unread: threading.Event) -> None:
    """Until the client closes the connection, or the command is no more and has left something."""
    with suppress(ValueError, ConnectionError):
        try:
            for data in stream.stdin():
                _write_all(stdin.fileno(), data)
        except BrokenPipeError:
            unread.set()
            return
        stdin.close()
        for _ in stream.stdin():
            pass


def _write_all(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]


def _show(stream: WebSocket, channel: int, output: IO[bytes]) -> None:
    with suppress(OSError):
        while data := os.read(output.fileno(), _PIPE_BYTES):
            stream.send(channel, data)


def _status(code: int) -> dict[str, object]:
    if not code:
        return {"status": "Success"}
    causes = [{"reason": "ExitCode", "message": str(code)}]
    return {"status": "Failure", "reason": "NonZeroExitCode", "message": "failed", "details": {"causes": causes}}
