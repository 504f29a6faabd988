"""A server on loopback that plays API server, kubelet and agent for one whole session, WebSockets included.

The command that it "runs" says who it is, then gives back what it reads until its stdin ends.
"""

from __future__ import annotations

import base64
import hashlib
import json
import select
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from tests.unit.identity.test_identity_by_proc import LIMITS, SPEC
from tests.unit.protocol.test_events import TARGET_EVENT

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator
    from io import BufferedIOBase, RawIOBase

Json = dict[str, Any]

GREETING = b"I am \xff\n"
POD = "/api/v1/namespaces/ran/pods/du-0"
HELPERS = "/api/v1/namespaces/nsexec/pods"
_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""RFC 6455, 1.3."""
STDIN, STDOUT, STDERR, ERROR, CLOSE = 0, 1, 2, 3, 255
_PING, _PONG, _BYE = 9, 10, 8
_OBJECTS: dict[str, Json] = {
    POD: {
        "metadata": {"name": "du-0", "namespace": "ran", "uid": "u-1"},
        "spec": {"nodeName": "n", "containers": [{"name": "main", "image": "i"}]},
        "status": {
            "phase": "Running",
            "containerStatuses": [{"name": "main", "state": {"running": {}}, "containerID": "cri-o://c"}],
        },
    },
    "/api/v1/nodes/n": {
        "metadata": {"name": "n"},
        "status": {"nodeInfo": {"architecture": "amd64"}, "conditions": [{"type": "Ready", "status": "True"}]},
    },
}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # five, the library's own, are soon reset where many come at once


class FakeSession:
    """What was created and what the command was given."""

    def __init__(self, handler: type[Handler] | None = None) -> None:
        self.helpers: list[Json] = []
        self.deleted: list[str] = []
        self.stdin = b""
        self._server = _Server(("127.0.0.1", 0), type("Handler", (handler or Handler,), {"session": self}))
        self.port = int(self._server.server_address[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Takes no more requests."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def fake_session(handler: type[Handler] | None = None) -> Iterator[FakeSession]:
    """One for the time of a test."""
    session = FakeSession(handler)
    try:
        yield session
    finally:
        session.close()


def target_event() -> Json:
    """One of a node on which everything is in order."""
    blobs = {
        "spec": json.dumps(SPEC).encode(),
        "limits": LIMITS,
        "cpu_manager_state": b"",
        "crun_filter": b"",
        "label": b"",
        "devices_list": b"",
    }
    texts = {name: base64.b64encode(content).decode() for name, content in blobs.items()}
    return {**TARGET_EVENT, **texts, "mask": "0-1", "files": [], "kubelet_flags": "", "cores": []}


class Link(NamedTuple):
    """What a request handler has of a connection that is upgraded."""

    connection: socket.socket
    rfile: BufferedIOBase
    wfile: RawIOBase


class WebSocket:
    """The server's end, unmasked and in one frame a message (RFC 6455, 5.2)."""

    def __init__(self, handler: BaseHTTPRequestHandler | Link) -> None:
        self._link, self._in, self._out = handler.connection, handler.rfile, handler.wfile
        self._writing = threading.Lock()

    def send(self, channel: int, payload: bytes) -> None:
        """From any thread."""
        self._frame(2, bytes([channel]) + payload)

    def _frame(self, opcode: int, payload: bytes) -> None:
        with self._writing:
            self._out.write(bytes([0x80 | opcode, 127]) + len(payload).to_bytes(8, "big") + payload)

    def more(self) -> bool:
        """Whether something has come that nobody has read yet."""
        return select.select([self._link], [], [], 0)[0] != []

    def stdin(self) -> Iterator[bytes]:
        """What comes on the channel, until the client closes it or goes away."""
        while message := self._message():
            if message[0] == CLOSE:
                return
            if message[0] == STDIN:
                yield message[1:]

    def _message(self) -> bytes:
        """The next one; a ping is answered. Nothing once the client has closed, or has gone in the midst of one."""
        while len(head := self._in.read(2)) == 2:
            size = head[1] & 0x7F
            if size > 125:
                size = int.from_bytes(self._in.read(2 if size == 126 else 8), "big")
            mask, payload = self._in.read(4), self._in.read(size)
            if head[0] & 0x0F == _BYE or len(payload) < size:
                break
            if head[0] & 0x0F == _PING:
                self._frame(_PONG, b"")
                continue
            key = int.from_bytes((mask * (size // 4 + 1))[:size], "big")
            return (int.from_bytes(payload, "big") ^ key).to_bytes(size, "big")
        return b""


def say_held(socket: WebSocket, nonce: str) -> None:
    """What the holder of a lease says."""
    held = {"event": "held", "mask": "0-1", "cgroup": "v2", "pin": "folder"}
    socket.send(STDOUT, f"{nonce} {json.dumps(held)}\n".encode())


def _hold(socket: WebSocket, nonce: str) -> None:
    stdin = socket.stdin()
    next(stdin)
    say_held(socket, nonce)
    for _ in stdin:
        pass


def _say_threads(socket: WebSocket, nonce: str, container_id: str, affinity: str) -> None:
    """A loop at SCHED_FIFO on the container's own CPU, behind an ordinary first thread."""

    def blob(text: str) -> str:
        return base64.b64encode(text.encode()).decode()

    zeros = "0 " * 16
    stat = f"7/task/7/stat:7 (main) S {zeros}0 0 5 {zeros}2 0 0\n7/task/8/stat:8 (loop) R {zeros}0 0 5 {zeros}2 1 1\n"
    masks = "".join(f"7/task/{tid}/status:Cpus_allowed_list:\t2\n" for tid in (7, 8))
    allowed = {"cpus": "2", "exec_folder": None, "affinity": blob(affinity), "processes": [7]}
    for event in (
        {"event": "container", "id": container_id, "missing": "", **allowed},
        {"event": "threads", "look": 1, "uptime": "5.00", "stat": blob(stat), "status": blob(masks)},
        {"event": "surveyed"},
    ):
        socket.send(STDOUT, f"{nonce} {json.dumps(event)}\n".encode())


def say_started(
    socket: WebSocket, nonce: str, said: bytes = b"", container_id: str = "c", affinity: str = ""
) -> tuple[bytes, Iterator[bytes]]:
    """What the agent says of a target until its command has begun, and along with that what the command has said.

    ``affinity``: what the container's config.json says of execs.

    Returns the records of who that is, and the command's stdin: what came along with them, and what comes.
    """
    socket.send(STDOUT, f"{nonce} {json.dumps(target_event())}\n".encode())
    stdin, given = socket.stdin(), b""
    while b"\n" not in given:
        given += next(stdin)
    if given.startswith(b"threads\n"):
        _say_threads(socket, nonce, container_id, affinity)
        given = given.partition(b"\n")[2]
        while b"\n" not in given:
            given += next(stdin)
    size = int(given.split()[1])
    given = given.partition(b"\n")[2]
    while len(given) < size:
        given += next(stdin)
    started = {"event": "start", "pid": 4712, "mask": "0-1", "tty": ""}
    socket.send(STDOUT, f"{nonce} {json.dumps(started)}\n".encode() + said)
    return given[:size], chain([given[size:]], stdin)


def enter(socket: WebSocket, nonce: str, session: FakeSession) -> None:
    """The agent and its command."""
    records, stdin = say_started(socket, nonce, GREETING)
    if b"stdin=1" in records.split(b"\0"):
        for data in stdin:
            session.stdin += data
            socket.send(STDOUT, data)
    socket.send(STDERR, f'\0{nonce} {{"event":"ended","status":0}}\n'.encode())
    socket.send(ERROR, b'{"status": "Success"}')


class Handler(BaseHTTPRequestHandler):
    """One connection, of requests or of a stream."""

    session: FakeSession
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = parse_qsl(parts.query)
        if self.headers["Upgrade"]:
            self._session(parts.path, [value for name, value in query if name == "command"])
        elif ("watch", "true") in query:
            self.answer(200, {"type": "ADDED", "object": self.running()})
        elif parts.path in _OBJECTS:
            self.answer(200, _OBJECTS[parts.path])
        else:
            self.answer(404, {"kind": "Status", "reason": "NotFound", "message": f"no {parts.path}"})

    def do_POST(self) -> None:
        body: Json = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == HELPERS:
            self.session.helpers.append(body)
            self.answer(201, self.running())
        else:
            self.answer(201, {"status": {"allowed": True, "userInfo": {"username": "joe"}}})

    def do_DELETE(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.session.deleted.append(self.path)
        self.answer(200, {"kind": "Status"})

    def running(self) -> Json:
        helper = self.session.helpers[-1]
        status = {"phase": "Running", "qosClass": "BestEffort", "containerStatuses": [{"state": {"running": {}}}]}
        metadata = {**helper["metadata"], "namespace": "nsexec", "resourceVersion": "1", "uid": "u-2"}
        return {**helper, "metadata": metadata, "status": status}

    def _session(self, path: str, command: list[str]) -> None:
        key = self.headers["Sec-WebSocket-Key"] + _GUID
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Protocol", "v5.channel.k8s.io")
        accept = hashlib.sha1(key.encode(), usedforsecurity=False).digest()
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(accept).decode())
        self.end_headers()
        self.close_connection = True
        stream = WebSocket(self)
        if path.endswith("/attach"):
            self.attached(stream)
        else:
            self.executed(stream, command)

    def attached(self, stream: WebSocket) -> None:
        """The main process of the helper."""
        held: list[str] = self.session.helpers[-1]["spec"]["containers"][0]["command"]
        _hold(stream, held[held.index("hold") + 1])

    def executed(self, stream: WebSocket, command: list[str]) -> None:
        """A session in it."""
        enter(stream, command[command.index("enter") + 1], self.session)

    def answer(self, status: int, document: Json) -> None:
        body = json.dumps(document).encode() + b"\n"  # of a watch, each event is a line
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return
