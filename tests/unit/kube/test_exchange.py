"""Requests over connections that are used again: what a server may do with them, and what is asked once more."""

from __future__ import annotations

from contextlib import contextmanager
from http.client import HTTPException
from typing import TYPE_CHECKING

import pytest

from kubectl_nsexec.errors import ApiError, UsageError
from kubectl_nsexec.kube.dial import dialler
from kubectl_nsexec.kube.exchange import Answer, Exchange
from kubectl_nsexec.kube.settings import Settings
from tests.unit.raw_server import HANG_UP, SECONDS, SILENCE, RawServer, raw_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.raw_server import Reply

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
LAST = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
CHUNKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab\n\r\n2\r\nc\n\r\n0\r\n\r\n"


@contextmanager
def exchange(*connections: list[Reply]) -> Iterator[tuple[RawServer, Exchange]]:
    """A server with so many connections, and requests to it; what is idle in the end is closed."""
    with raw_server(*connections) as server:
        made = Exchange(dialler(server.settings))
        try:
            yield server, made
        finally:
            forget(made)


def forget(made: Exchange) -> None:
    """Close what is idle, so that the next request takes a new connection."""
    while made._idle:
        made._idle.pop().close()


def get(made: Exchange, seconds: float = SECONDS) -> Answer:
    """A GET."""
    return made.request("GET", "/x?y=z", [("Group", "a"), ("Group", "b")], None, seconds)


def test_a_connection_is_used_again() -> None:
    """And every header arrives, those of one name as well."""
    with exchange([OK, CHUNKS, LAST]) as (server, made):
        assert get(made) == Answer(200, "OK", b"{}")
        assert get(made).data == b"ab\nc\n"
        assert get(made).data == b"{}"
    assert server.connections == 1
    assert server.asked[0].startswith(b"GET /x?y=z HTTP/1.1\r\nHost: 127.0.0.1:")
    assert b"\r\nGroup: a\r\nGroup: b\r\n" in server.asked[0]


def test_one_that_the_server_ends_is_not() -> None:
    """Whether it says so, or hangs up while the connection is idle: then a POST is safe, too."""
    with exchange([LAST], [OK], [OK]) as (server, made):
        get(made)
        get(made)
        assert server.closed[1].wait(SECONDS)
        assert made.request("POST", "/x", [], b"body", SECONDS).data == b"{}"
    assert server.asked[2].startswith(b"POST /x HTTP/1.1")


def test_a_server_that_hangs_up_is_asked_once_more_where_that_does_no_harm() -> None:
    """A restart meets a connection like this; a POST may have been carried out already."""
    with exchange([HANG_UP], [OK], [HANG_UP], [HANG_UP], [HANG_UP]) as (server, made):
        assert get(made).data == b"{}"
        forget(made)
        with pytest.raises((OSError, HTTPException)):
            made.request("POST", "/x", [], b"body", SECONDS)
        with pytest.raises((OSError, HTTPException)):
            get(made)
    assert len(server.asked) == 5


def test_a_silent_server_is_waited_for_once() -> None:
    """The time that a request may take is not doubled."""
    with exchange([SILENCE]) as (server, made):
        with pytest.raises(TimeoutError):
            get(made, 0.2)
        server.let_go()
    assert len(server.asked) == 1


def test_an_answer_is_read_as_it_comes() -> None:
    """A watch: by a connection of its own, which ends with it."""
    with exchange([CHUNKS]) as (_, made), made.streamed("/x", [], SECONDS, SECONDS) as answer:
        assert answer.status == 200
        assert answer.read1(100) == b"ab\n"
        assert answer.read1(100) == b"c\n"
        assert answer.read1(100) == b""


def test_a_path_before_the_apis_is_part_of_every_address() -> None:
    """As a proxy of many clusters has it."""
    with raw_server([LAST]) as server:
        server.settings.host += "/k8s/clusters/c"
        server.cluster().request("GET", "/api", [("limit", "1")])
    assert server.asked[0].startswith(b"GET /k8s/clusters/c/api?limit=1 HTTP/1.1")


@pytest.mark.parametrize(
    ("address", "connected"),
    [
        ("https://[fd00::1]", ("fd00::1", 443)),
        ("http://[fd00::1]", ("fd00::1", 80)),
        ("https://[fd00::1]:6443", ("fd00::1", 6443)),
        ("https://api.example", ("api.example", 443)),
    ],
)
def test_what_is_connected_to(monkeypatch: pytest.MonkeyPatch, address: str, connected: tuple[str, int]) -> None:
    """An address of IPv6 is not cut at its last colon."""
    called: list[tuple[bytes, int]] = []

    def refused(to: tuple[bytes, int], _seconds: float) -> None:
        called.append(to)
        raise OSError

    monkeypatch.setattr("socket.create_connection", refused)
    with pytest.raises(OSError):  # noqa: PT011 - ours
        dialler(Settings(address))(1)
    assert [(host.decode(), port) for host, port in called] == [connected]


def test_a_redirection_is_no_answer() -> None:
    """It leads to no Kubernetes API: the login page of a proxy, as a rule."""
    found = b"HTTP/1.1 302 Found\r\nLocation: /login\r\nConnection: close\r\n\r\n"
    with raw_server([found]) as server, pytest.raises(ApiError, match="the server answered HTTP 302"):
        server.cluster().request("GET", "/api")


@pytest.mark.parametrize("host", ["https://api:x", "https://api:99999", "ftp://api", "https://", "https://[::1"])
def test_an_address_that_is_none_is_said_so(host: str) -> None:
    """Before anything is asked."""
    with pytest.raises(UsageError, match="of the API server cannot be used: "):
        dialler(Settings(host))
