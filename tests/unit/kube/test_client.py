"""Requests by the kubernetes client: what a server may do with its connections, and what is asked once more."""

from __future__ import annotations

import socket
import struct
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from kubectl_nsexec.errors import ApiError, UsageError
from kubectl_nsexec.kube.client import Client, configuration, failures, reason, was_cut
from kubectl_nsexec.model.background import Background
from tests.unit.raw_server import HANG_UP, SECONDS, SILENCE, RawServer, raw_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.raw_server import Reply

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
LAST = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
CHUNKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab\n\r\n2\r\nc\n\r\n0\r\n\r\n"


@contextmanager
def client(*connections: list[Reply]) -> Iterator[tuple[RawServer, Client]]:
    """A server with so many connections, and requests to it; what is idle in the end is closed."""
    with raw_server(*connections) as server:
        made = Client(server.configuration)
        try:
            yield server, made
        finally:
            forget(made)


def forget(made: Client) -> None:
    """Close what is idle, so that the next request takes a new connection."""
    made._api.rest_client.close()


def ask(made: Client, method: str = "GET", body: object = None, seconds: float = SECONDS) -> tuple[int, bytes]:
    """``(status, body)`` of the answer."""
    headers = [("Group", "a"), ("Group", "b")]
    answer = made.send(method, "/x?y=z", headers, body, connect_seconds=seconds, read_seconds=seconds)
    return answer.status, answer.data


def test_a_connection_is_used_again() -> None:
    """And every header arrives, those of one name as well."""
    with client([OK, CHUNKS, LAST]) as (server, made):
        assert ask(made) == (200, b"{}")
        assert ask(made) == (200, b"ab\nc\n")
        assert ask(made) == (200, b"{}")
    assert server.connections == 1
    assert server.asked[0].startswith(b"GET /x?y=z HTTP/1.1\r\n")
    assert server.asked[0].count(b"\r\nHost: 127.0.0.1:") == 1
    assert b"\r\nGroup: a\r\nGroup: b\r\n" in server.asked[0]


def test_one_that_the_server_ends_is_not() -> None:
    """Whether it says so, or hangs up while the connection is idle: then a POST is safe, too."""
    with client([LAST], [OK], [OK]) as (server, made):
        ask(made)
        ask(made)
        assert server.closed[1].wait(SECONDS)
        assert ask(made, "POST", {"kind": "Pod"}) == (200, b"{}")
    assert server.asked[2].startswith(b"POST /x?y=z HTTP/1.1")
    assert server.asked[2].endswith(b'\r\n\r\n{"kind": "Pod"}')


def test_a_server_that_hangs_up_is_asked_once_more_where_that_does_no_harm() -> None:
    """A restart meets a connection like this; a POST may have been carried out already."""
    with client([HANG_UP], [OK], [HANG_UP], [HANG_UP], [HANG_UP]) as (server, made):
        assert ask(made) == (200, b"{}")
        forget(made)
        with pytest.raises(failures()):
            ask(made, "POST", {})
        with pytest.raises(failures()):
            ask(made)
    assert len(server.asked) == 5


def test_a_silent_server_is_waited_for_once() -> None:
    """The time that a request may take is not doubled."""
    with client([SILENCE]) as (server, made):
        with pytest.raises(failures()) as error:
            ask(made, seconds=0.2)
        assert isinstance(reason(error.value), TimeoutError)
        server.let_go()
    assert len(server.asked) == 1


def test_an_answer_is_read_as_it_comes() -> None:
    """A watch: whoever reads it waits for nothing that has not come yet."""
    with client([CHUNKS]) as (_, made):
        answer = made.send("GET", "/x", [], connect_seconds=SECONDS, read_seconds=SECONDS)
        assert [answer.read1(100), answer.read1(100), answer.read1(100)] == [b"ab\n", b"c\n", b""]


def test_a_path_before_the_apis_is_part_of_every_address() -> None:
    """As a proxy of many clusters has it."""
    with raw_server([LAST]) as server:
        server.configuration.host += "/k8s/clusters/c"
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
    called: list[tuple[str, int]] = []

    def refused(to: tuple[str, int], *_: object, **__: object) -> None:
        called.append(to)
        raise ConnectionRefusedError

    monkeypatch.setattr("urllib3.util.connection.create_connection", refused)
    with pytest.raises(failures()):
        Client(configuration(address)).send("POST", "/x", [], {}, connect_seconds=1, read_seconds=1)
    assert called == [connected]


def test_a_redirection_is_no_answer() -> None:
    """It leads to no Kubernetes API: the login page of a proxy, as a rule."""
    found = b"HTTP/1.1 302 Found\r\nLocation: /login\r\nConnection: close\r\n\r\n"
    with raw_server([found]) as server, pytest.raises(ApiError, match="the server answered HTTP 302"):
        server.cluster().request("GET", "/api")


@pytest.mark.parametrize("host", ["https://api:x", "https://api:99999", "ftp://api", "https://", "https://[::1"])
def test_an_address_that_is_none_is_said_so(host: str) -> None:
    """Before anything is asked."""
    with pytest.raises(UsageError, match="of the API server cannot be used: "):
        Client(configuration(host))


def test_several_groups_are_not_made_one_by_a_proxy() -> None:
    """Without TLS the proxy gets the request itself, and urllib3 joins headers of one name: another group."""
    with raw_server([LAST]) as server:
        to = configuration("http://api.example")
        to.proxy = server.configuration.host
        with pytest.raises(UsageError, match="several groups"):
            ask(Client(to))
        answer = Client(to).send("GET", "/x", [("Group", "a")], connect_seconds=SECONDS, read_seconds=SECONDS)
        assert answer.data == b"{}"
    assert server.asked[0].startswith(b"GET http://api.example/x HTTP/1.1")


@pytest.mark.parametrize(
    "error",
    [ConnectionRefusedError("refused"), socket.gaierror(-2, "no such name"), OSError("no route")],
    ids=["nobody listens", "no such name", "no route"],
)
def test_a_server_that_is_not_there_is_told_in_the_systems_words(
    monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    """Not as a time-out, which urllib3 takes it for."""

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("urllib3.util.connection.create_connection", fail)
    with pytest.raises(failures()) as caught:
        ask(Client(configuration("https://api.example")))
    assert reason(caught.value) is error


def test_a_connection_that_takes_too_long_is_a_time_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """As an answer is that does."""

    def fail(*_: object, **__: object) -> None:
        raise TimeoutError

    monkeypatch.setattr("urllib3.util.connection.create_connection", fail)
    with pytest.raises(failures()) as caught:
        ask(Client(configuration("https://api.example")))
    assert isinstance(reason(caught.value), TimeoutError)


@pytest.mark.parametrize(
    ("linger_seconds", "words"), [(None, b""), (0, b""), (None, b"HTTP/1.1 400 Bad Request\r\n\r\n")]
)
def test_whether_a_connection_was_cut_in_the_handshake_of_tls(linger_seconds: int | None, words: bytes) -> None:
    """By its end or a reset; a server that speaks something else has answered."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def ends_twice() -> None:  # a GET is sent once more
            for _ in range(2):
                link, _address = listener.accept()
                with link:
                    link.recv(65536)
                    link.sendall(words)
                    if linger_seconds is not None:
                        link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, linger_seconds))

        ending = Background(ends_twice)
        made = Client(configuration(f"https://127.0.0.1:{listener.getsockname()[1]}"))
        with pytest.raises(failures()) as raised:
            ask(made)
        ending.result(SECONDS)
    assert was_cut(raised.value) is not bool(words)
