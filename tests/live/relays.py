"""Relays on the loopback device: a proxy of HTTP's CONNECT, and a port that leads to another address's."""

from __future__ import annotations

import select
import socket
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOCAL = "127.0.0.1"
_BUFFER_BYTES = 64 * 1024
_LOOK_SECONDS = 0.05


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


class Line:
    """A port of the loopback device that leads to another, and can be cut.

    ``idle_seconds``, once it is set: a connection on which nothing goes either way for so long is cut, as by a proxy
    ("timeout tunnel" of HAProxy's configuration manual).
    """

    def __init__(self, to_port: int) -> None:
        self._to_port = to_port
        self._server = socket.create_server((_LOCAL, 0))
        self.port = int(self._server.getsockname()[1])
        self.idle_seconds: float | None = None
        self._open: dict[socket.socket, float] = {}
        """The clients' connections, and when something went last on each."""
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def cut(self) -> None:
        """Ends every connection, and takes no more."""
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        for client in list(self._open):
            _end(client)

    def _serve(self) -> None:
        with self._server, suppress(OSError):
            while True:
                client, _ = self._server.accept()
                self._open[client] = time.monotonic()
                threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def _pass_on(self, client: socket.socket) -> None:
        with suppress(OSError), client, socket.create_connection((_LOCAL, self._to_port)) as server:
            back = threading.Thread(target=self._copy_back, args=(server, client), daemon=True)
            back.start()
            self._copy_until_idle(client, server)
            _end(client)
            _end(server)
            back.join()
        del self._open[client]

    def _copy_back(self, server: socket.socket, client: socket.socket) -> None:
        """Until the server has said all; only half is closed, for a reset would cost what is on its way."""
        with suppress(OSError):
            while data := server.recv(_BUFFER_BYTES):
                client.sendall(data)
                self._open[client] = time.monotonic()
        with suppress(OSError):
            client.shutdown(socket.SHUT_WR)

    def _copy_until_idle(self, client: socket.socket, server: socket.socket) -> None:
        """Until the client is gone or nothing went for too long; what a server that is gone does not take is lost."""
        with suppress(OSError):  # a reset is an end, too
            while self.idle_seconds is None or time.monotonic() - self._open[client] < self.idle_seconds:
                if not select.select([client], [], [], _LOOK_SECONDS)[0]:
                    continue
                data = client.recv(_BUFFER_BYTES)
                if not data:
                    break
                self._open[client] = time.monotonic()
                with suppress(OSError):
                    server.sendall(data)


def _end(link: socket.socket) -> None:
    with suppress(OSError):
        link.shutdown(socket.SHUT_RDWR)


@contextmanager
def line(to_port: int) -> Iterator[Line]:
    """One for the time of a test."""
    made = Line(to_port)
    try:
        yield made
    finally:
        made.cut()


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
