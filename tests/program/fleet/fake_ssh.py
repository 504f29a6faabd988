"""A program ``ssh`` that leads to nodes which are played in the test's process: connections, and sessions over them.

A connection really runs what it is told to, and has a file where ssh has its socket; a session is played up to the
frames of ``shim guard``.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from tests.conformance.fake_agent import held

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedIOBase

    from tests.program.fleet.fake_fleet import Fleet
    from tests.unit.fake_session import WebSocket

_STDIN, _CLOSE = 0, 255
_BUFFER_BYTES = 65536
_AGENT_BYTES: Final = re.compile(r"head -c (\d+)")
_ROOT: Final = Path(__file__).parents[3]


class FakeSsh:
    """Leads every address onto ``fleet``, whose clients find the program by their PATH."""

    def __init__(self, fleet: Fleet, folder: Path) -> None:
        self._fleet = fleet
        self.logins: list[str] = []
        """Addresses, each time that somebody has logged in there."""
        self.argvs: list[list[str]] = []
        """Every command line of the program."""
        self.sessions: list[str] = []
        """Of each session its address, and ``alone`` where the connection that it should go over was not there."""
        self.refused: dict[str, str] = {}
        """Addresses that let nobody in, and what ssh says then."""
        self.nobody_there = threading.Event()
        """Every connection has ended."""
        self.temporary = Path(tempfile.mkdtemp(dir="/tmp"))
        """Where the client has its folder; pytest's own is too long for the name of a socket."""
        self._links: dict[str, socket.socket] = {}
        self._over: dict[str, list[socket.socket]] = {}
        self._changing = threading.Condition()
        self._server = socket.create_server(("127.0.0.1", 0))
        port = self._server.getsockname()[1]
        self.program = [sys.executable, "-m", "tests.program.fleet.fake_ssh", str(port)]
        (folder / "bin").mkdir()
        (folder / "bin/ssh").write_text(f'#!/bin/sh\nexec {shlex.join(self.program)} "$@"\n')
        (folder / "bin/ssh").chmod(0o755)
        fleet.environment = {
            "PATH": f"{folder}/bin:{os.environ['PATH']}",
            "PYTHONPATH": str(_ROOT),
            "TMPDIR": str(self.temporary),
        }
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Takes no more."""
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        shutil.rmtree(self.temporary)

    def cut(self, address: str) -> None:
        """The connection to there breaks, and once it has ended all that goes over it."""
        self._links[address].shutdown(socket.SHUT_WR)
        with self._changing:
            self._changing.wait_for(lambda: address not in self._links)
            for link in self._over.get(address, []):
                link.shutdown(socket.SHUT_RDWR)

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                link, _ = self._server.accept()
                threading.Thread(target=self._answer, args=(link,), daemon=True).start()

    def _answer(self, link: socket.socket) -> None:
        with link, link.makefile("rb") as lines, suppress(OSError, EOFError):
            asked = json.loads(lines.readline())
            if asked["argv"]:
                self.argvs.append(asked["argv"])
            if asked["connection"]:
                self._connection(link, asked["address"])
            else:
                self.sessions.append(asked["address"] + ("" if asked["over"] else " alone"))
                self._over.setdefault(asked["address"], []).append(link)
                _Session(self._fleet, link, lines).play(shlex.split(asked["remote"]), asked["address"])
                link.shutdown(socket.SHUT_WR)
                while link.recv(_BUFFER_BYTES):  # closed with something unread, it would reset what is on its way
                    pass

    def _connection(self, link: socket.socket, address: str) -> None:
        self.logins.append(address)
        link.sendall(json.dumps(self.refused.get(address, "")).encode() + b"\n")
        if address in self.refused:
            return
        with self._changing:
            self._links[address] = link
            self.nobody_there.clear()
        while link.recv(1):
            pass
        with self._changing:
            del self._links[address]
            self._changing.notify_all()
            if not self._links:
                self.nobody_there.set()


class _Session:
    """What the agent and ``shim guard`` say; the WebSocket of ``Fleet.play``."""

    def __init__(self, fleet: Fleet, link: socket.socket, lines: BufferedIOBase) -> None:
        self._fleet, self._link, self._in = fleet, link, lines
        self._writing = threading.Lock()

    def play(self, words: list[str], node: str) -> None:
        agent_bytes = next(int(found[1]) for word in words if (found := _AGENT_BYTES.search(word)))
        _, nonce, reserved, shim_bytes, _, _, _, container_id, *_ = words[words.index("alone") :]
        self._link.sendall(f"\n{nonce} ready\n".encode())
        self._in.read(agent_bytes)
        if reserved == "ask":
            self._in.readline()
            self._link.sendall(self._fleet.look(nonce, node))
            self._in.readline()
        if len(self._in.read(int(shim_bytes))) < int(shim_bytes):
            return
        self._link.sendall(held(nonce) + f"{nonce} framed\n".encode())
        self._fleet.play(cast("WebSocket", self), nonce, container_id, node)

    def send(self, channel: int, payload: bytes) -> None:
        with self._writing:
            self._link.sendall(bytes([channel]) + len(payload).to_bytes(3, "big") + payload)

    def stdin(self) -> Iterator[bytes]:
        while len(head := self._in.read(4)) == 4:
            data = self._in.read(int.from_bytes(head[1:], "big"))
            if head[0] == _CLOSE:
                return
            if head[0] == _STDIN:
                yield data


def _main(port: str, *argv: str) -> int:
    """The program: ssh's own command line after PORT."""
    address, remote = argv[argv.index("--") + 1 :]
    control = Path(argv[argv.index("-S") + 1].replace("%%", "%")) if "-S" in argv else None
    connection = "ControlMaster=yes" in argv
    asked: dict[str, Any] = {"argv": argv, "connection": connection, "address": address, "remote": remote}
    with socket.create_connection(("127.0.0.1", int(port))) as link, link.makefile("rb") as lines:
        link.sendall(json.dumps({**asked, "over": control is not None and control.exists()}).encode() + b"\n")
        if not connection or control is None:
            _relay(link)
            return 255
        if words := json.loads(lines.readline()):
            sys.stderr.write(f"Authorized use only, says the banner.\n{words}\n")
            return 255
        control.touch(exist_ok=False)
        running = subprocess.Popen(["/bin/sh", "-c", remote], start_new_session=True)
        threading.Thread(target=_until_cut, args=(link, running), daemon=True).start()
        running.wait()
        control.unlink(missing_ok=True)
        return 255


def _until_cut(link: socket.socket, running: subprocess.Popen[bytes]) -> None:
    with suppress(OSError):
        link.recv(1)
    with suppress(ProcessLookupError):
        os.killpg(running.pid, signal.SIGKILL)


def _relay(link: socket.socket) -> None:
    threading.Thread(target=_send_stdin, args=(link,), daemon=True).start()
    with suppress(OSError):
        while data := link.recv(_BUFFER_BYTES):
            view = memoryview(data)
            while view:
                view = view[os.write(1, view) :]


def _send_stdin(link: socket.socket) -> None:
    with suppress(OSError):
        while data := os.read(0, _BUFFER_BYTES):
            link.sendall(data)
        link.shutdown(socket.SHUT_WR)


if __name__ == "__main__":
    os._exit(_main(*sys.argv[1:]))
