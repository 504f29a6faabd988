"""What may stand before an API server: kubectl proxy, and a front that answers some requests itself."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Final

from tests.live.relays import both_ways

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.live.harness import Program

    Answer = Callable[[str, str], bytes | None]
    """The whole answer to METHOD and path, or None: the API server's."""

_LOCAL: Final = "127.0.0.1"
_PATIENCE_SECONDS: Final = 20


@contextmanager
def kubectl_proxy(kubectl: Program, *options: str) -> Iterator[int]:
    """The port of a ``kubectl proxy``, which adds the administrator's credentials."""
    process = kubectl.start("proxy", "--port=0", *options)
    assert process.stdout
    try:
        yield int(process.stdout.readline().rpartition(b":")[2])
    finally:
        process.kill()
        process.communicate(timeout=_PATIENCE_SECONDS)


def kubeconfig(path: Path, port: int) -> Path:
    """One without credentials, for a server at that port."""
    named = {"name": "front", "cluster": {"server": f"http://{_LOCAL}:{port}"}}
    context = {"name": "front", "context": {"cluster": "front", "user": ""}}
    path.write_text(json.dumps({"current-context": "front", "clusters": [named], "contexts": [context]}))
    return path


def answer(status: int, *headers: str, body: str = "") -> bytes:
    """An answer of the front's own."""
    lines = [f"HTTP/1.1 {status} Words", *headers, f"Content-Length: {len(body)}", "Connection: close", "", body]
    return "\r\n".join(lines).encode()


@contextmanager
def front(port: int, own: Answer) -> Iterator[int]:
    """The port of a front of the server at PORT, which gives its OWN answer where there is one."""
    server = ThreadingHTTPServer((_LOCAL, 0), _handler(port, own))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(port: int, own: Answer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _any(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"] or 0))
            self.close_connection = True
            if given := own(self.command, self.path):
                self.wfile.write(given)
                return
            if not self.headers["Upgrade"]:
                del self.headers["Connection"]
                self.headers["Connection"] = "close"
            headers = [f"{name}: {value}" for name, value in self.headers.items()]
            head = "\r\n".join([f"{self.command} {self.path} HTTP/1.1", *headers, "", ""])
            with socket.create_connection((_LOCAL, port)) as upstream:
                upstream.sendall(head.encode() + body)
                both_ways(self.connection, upstream)

        do_GET = do_POST = do_DELETE = do_PUT = do_PATCH = _any  # noqa: N815 - http.server's names

        def log_message(self, *_: object) -> None:
            return

    return Handler
