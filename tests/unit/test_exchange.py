"""Requests over connections that are used again: what a server may do with them, and what is asked once more."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from http.client import HTTPException
from typing import TYPE_CHECKING

import pytest

from kubectl_nsexec.cluster import KubernetesCluster
from kubectl_nsexec.cluster.dial import dialler
from kubectl_nsexec.cluster.exchange import Answer, Exchange
from kubectl_nsexec.cluster.settings import Settings
from kubectl_nsexec.cluster.trace import Trace
from kubectl_nsexec.errors import ApiError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
LAST = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
CHUNKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab\n\r\n2\r\nc\n\r\n0\r\n\r\n"
HANG_UP = b""
SILENCE = None
_SECONDS = 20.0

Answers = list[list[bytes | None]]
"""For each connection in turn what is answered on it; after the last of them it is closed."""


class Server:
    """A server on loopback that answers as it is told."""

    def __init__(self, listener: socket.socket, answers: Answers) -> None:
        self._listener, self._answers = listener, answers
        self.asked: list[bytes] = []
        self.connections = 0
        self.closed = [threading.Event() for _ in answers]
        """Of each connection."""
        self._client_is_done = threading.Event()
        self.settings = Settings(f"http://127.0.0.1:{listener.getsockname()[1]}")
        self.exchange = Exchange(dialler(self.settings))

    def serve(self) -> None:
        """One connection after the other."""
        for answers, closed in zip(self._answers, self.closed, strict=True):
            self._listener.settimeout(_SECONDS)
            link, _ = self._listener.accept()
            self.connections += 1
            with link:
                for answer in answers:
                    self.asked.append(_request(link))
                    if answer is SILENCE:
                        self._client_is_done.wait(_SECONDS)
                    elif answer:
                        link.sendall(answer)
            closed.set()

    def let_go(self) -> None:
        """End a silence."""
        self._client_is_done.set()

    def get(self, seconds: float | None = _SECONDS) -> Answer:
        """A GET."""
        return self.exchange.request("GET", "/x?y=z", [("Group", "a"), ("Group", "b")], None, seconds)


def _request(link: socket.socket) -> bytes:
    received = b""
    while b"\r\n\r\n" not in received and (data := link.recv(4096)):
        received += data
    return received


@contextmanager
def server(*answers: list[bytes | None]) -> Iterator[Server]:
    """A server with so many connections; all of them have to be made."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        made = Server(listener, [*answers])
        thread = threading.Thread(target=made.serve, daemon=True)
        thread.start()
        yield made
        made.exchange.close()
        thread.join(_SECONDS)
        assert not thread.is_alive()


def test_a_connection_is_used_again() -> None:
    """And every header arrives, those of one name as well."""
    with server([OK, CHUNKS, LAST]) as made:
        assert made.get() == (200, "OK", b"{}")
        assert made.get().data == b"ab\nc\n"
        assert made.get().data == b"{}"
    assert made.connections == 1
    assert made.asked[0].startswith(b"GET /x?y=z HTTP/1.1\r\nHost: 127.0.0.1:")
    assert b"\r\nGroup: a\r\nGroup: b\r\n" in made.asked[0]


def test_one_that_the_server_ends_is_not() -> None:
    """Whether it says so, or hangs up while the connection is idle: then a POST is safe, too."""
    with server([LAST], [OK], [OK]) as made:
        made.get()
        made.get()
        assert made.closed[1].wait(_SECONDS)
        assert made.exchange.request("POST", "/x", [], b"body", _SECONDS).data == b"{}"
    assert made.asked[2].startswith(b"POST /x HTTP/1.1")


def test_a_server_that_hangs_up_is_asked_once_more_where_that_does_no_harm() -> None:
    """A restart meets a connection like this; a POST may have been carried out already."""
    with server([HANG_UP], [OK], [HANG_UP], [HANG_UP], [HANG_UP]) as made:
        assert made.get().data == b"{}"
        made.exchange.close()
        with pytest.raises((OSError, HTTPException)):
            made.exchange.request("POST", "/x", [], b"body", _SECONDS)
        with pytest.raises((OSError, HTTPException)):
            made.get()
    assert len(made.asked) == 5


def test_a_silent_server_is_waited_for_once() -> None:
    """The time that a request may take is not doubled."""
    with server([SILENCE]) as made:
        with pytest.raises(TimeoutError):
            made.get(0.2)
        made.let_go()
    assert len(made.asked) == 1


def test_an_answer_is_read_as_it_comes() -> None:
    """A watch: by a connection of its own, which ends with it."""
    with server([CHUNKS]) as made, made.exchange.streamed("/x", [], _SECONDS, _SECONDS) as answer:
        assert answer.status == 200
        assert answer.read1(100) == b"ab\n"
        assert answer.read1(100) == b"c\n"
        assert answer.read1(100) == b""


def test_a_redirection_is_no_answer() -> None:
    """It leads to no Kubernetes API: the login page of a proxy, as a rule."""
    with server([b"HTTP/1.1 302 Found\r\nLocation: /login\r\nConnection: close\r\n\r\n"]) as made:
        cluster = KubernetesCluster(
            made.settings, "n", impersonation=[], request_timeout_seconds=None, trace=Trace(0, print)
        )
        with pytest.raises(ApiError, match="the server answered HTTP 302"):
            cluster.request("GET", "/api")


@pytest.mark.parametrize("host", ["https://api:x", "https://api:99999", "ftp://api", "https://", "https://[::1"])
def test_an_address_that_is_none_is_said_so(host: str) -> None:
    """Before anything is asked."""
    with pytest.raises(UsageError, match="of the API server cannot be used: "):
        dialler(Settings(host))
