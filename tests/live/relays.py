"""Relays on the loopback device: a proxy of HTTP's CONNECT, and a port that leads to another address's."""

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
    """``asked`` holds the head of every request, e.g. ``CONNECT kubernetes:7443 HTTP/1.1…``.

    While ``flowing`` is not set it passes nothing on and closes nothing, as a cable that is cut.
    """

    def __init__(self) -> None:
        self.flowing = threading.Event()
        self.flowing.set()
        self._server = socket.create_server((_LOCAL, 0))
        self.url = f"http://{_LOCAL}:{self._server.getsockname()[1]}"
        self.asked: list[str] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Take no more connections; those that are open end with their clients, and what was held up flows."""
        self.flowing.set()
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
                both_ways(client, upstream, self.flowing)


def _copy(source: socket.socket, sink: socket.socket, flowing: threading.Event | None) -> None:
    """Until either end is done, which ends both."""
    with suppress(OSError):
        while data := source.recv(_BUFFER_BYTES):
            if flowing:
                flowing.wait()
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


@contextmanager
def forwarder(address: str, port: int) -> Iterator[None]:
    """What connects to ADDRESS:PORT reaches the same port of 127.0.0.1."""
    server = socket.create_server((address, port))
    thread = threading.Thread(target=_forward_all, args=(server, port), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def _forward_all(server: socket.socket, port: int) -> None:
    with server, suppress(OSError):
        while True:
            client, _ = server.accept()
            threading.Thread(target=_forward, args=(client, port), daemon=True).start()


def _forward(client: socket.socket, port: int) -> None:
    with client, suppress(OSError), socket.create_connection((_LOCAL, port)) as upstream:
        both_ways(client, upstream)


def both_ways(one: socket.socket, other: socket.socket, flowing: threading.Event | None = None) -> None:
    """Until either end is done, which ends both."""
    there = threading.Thread(target=_copy, args=(one, other, flowing), daemon=True)
    there.start()
    _copy(other, one, flowing)
    there.join()
