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

    ``idle_seconds``, once it is set: whoever connects and is silent for so long is cut off, as by a proxy.
    """

    def __init__(self, to_port: int) -> None:
        self._to_port = to_port
        self._server = socket.create_server((_LOCAL, 0))
        self.port = int(self._server.getsockname()[1])
        self.idle_seconds: float | None = None
        self._open: dict[socket.socket, int] = {}
        """The clients' connections, and how often something came from each."""
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def heard_again(self, times: int, *, of: int, within_seconds: float) -> bool:
        """Whether something comes so many times more from each of so many connections, in that time."""
        before, deadline = dict(self._open), time.monotonic() + within_seconds
        while sum(count - before.get(client, 0) >= times for client, count in list(self._open.items())) < of:
            if time.monotonic() > deadline:
                return False
            time.sleep(_LOOK_SECONDS)
        return True

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
                self._open[client] = 0
                threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def _pass_on(self, client: socket.socket) -> None:
        with suppress(OSError), client, socket.create_connection((_LOCAL, self._to_port)) as server:
            for end in (client, server):  # what TCP holds back for the sake of fewer packets, a reset would drop
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            back = threading.Thread(target=_copy, args=(server, client, None), daemon=True)
            back.start()
            if self._copy_while_heard(client, server):
                _end(client)
                _end(server)
            back.join()  # what the server has still to say is passed on, though it may take no more
        del self._open[client]

    def _copy_while_heard(self, client: socket.socket, server: socket.socket) -> bool:
        """Until the client is gone or was silent for too long; False when it is the server that takes no more."""
        since = time.monotonic()
        while self.idle_seconds is None or time.monotonic() - since < self.idle_seconds:
            if not select.select([client], [], [], _LOOK_SECONDS)[0]:
                continue
            try:
                data = client.recv(_BUFFER_BYTES)
            except OSError:  # a reset is an end, too: the server has to be told
                break
            if not data:
                break
            since = time.monotonic()
            self._open[client] += 1
            try:
                server.sendall(data)
            except OSError:
                return False
        return True


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
