"""A proxy of HTTP's CONNECT on loopback that leads every name to this machine, and notes what it was asked."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOCAL = "127.0.0.1"
_BUFFER_BYTES = 64 * 1024


class ConnectProxy:
    """``asked`` holds the head of every request, e.g. ``CONNECT kubernetes:7443 HTTP/1.1…``."""

    def __init__(self) -> None:
        self._server = socket.create_server((_LOCAL, 0))
        self.url = f"http://{_LOCAL}:{self._server.getsockname()[1]}"
        self.asked: list[str] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Take no more connections; those that are open end with their clients."""
        self._server.shutdown(socket.SHUT_RDWR)
        self._thread.join()

    def _serve(self) -> None:
        with self._server, suppress(OSError):
            while True:
                client, _ = self._server.accept()
                threading.Thread(target=self._tunnel, args=(client,), daemon=True).start()

    def _tunnel(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += client.recv(1) or b"\r\n\r\n"
            self.asked.append(head.decode())
            with socket.create_connection((_LOCAL, int(head.split()[1].rpartition(b":")[2]))) as upstream:
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                there = threading.Thread(target=_copy, args=(client, upstream), daemon=True)
                there.start()
                _copy(upstream, client)
                there.join()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    """Until either end is done, which ends both."""
    with suppress(OSError):
        while data := source.recv(_BUFFER_BYTES):
            sink.sendall(data)
    for end in (source, sink):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@contextmanager
def connect_proxy() -> Iterator[ConnectProxy]:
    """A proxy for the time of a test."""
    proxy = ConnectProxy()
    try:
        yield proxy
    finally:
        proxy.close()
