"""A request that becomes a WebSocket: what the server may answer, and what it sends along with it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from kubectl_nsexec.errors import ApiError, WebSocketRefusedError
from kubectl_nsexec.kube.frames import masked_frame
from tests.unit.raw_server import SECONDS, SILENCE, raw_server

if TYPE_CHECKING:
    from collections.abc import Callable

    from kubectl_nsexec.kube.connection import WebSocketConnection

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""RFC 6455, 1.3."""


def accepted(request: bytes, more: bytes = b"") -> bytes:
    """What a server answers, and MORE in the same segment."""
    (key,) = re.findall(rb"(?i)sec-websocket-key: (\S+)", request)
    accept = base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest())
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Protocol: v5.channel.k8s.io\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n" + more
    )


def refused(status: str, body: bytes) -> bytes:
    """An answer that is no upgrade."""
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def opened(answer: Callable[[bytes], bytes]) -> tuple[WebSocketConnection, bytes]:
    """The connection to a server that answers so, and the request that it was asked by."""
    with raw_server([answer]) as server:
        cluster = server.cluster(("Impersonate-Group", "a"), ("Impersonate-Group", "b"))
        path, query = "/api/v1/namespaces/n/pods/p/exec", [("command", "a"), ("command", "b c")]
        return cluster.open_stream(path, query, timeout_seconds=SECONDS), server.asked[0]


def test_a_request_becomes_a_websocket_with_all_of_its_headers() -> None:
    """Each group of an impersonation is a header of its own; the query is as it was."""
    connection, request = opened(accepted)
    with closing(connection):
        assert connection.protocol == "v5.channel.k8s.io"
    lines = request.decode().split("\r\n")
    assert lines[0] == "GET /api/v1/namespaces/n/pods/p/exec?command=a&command=b+c HTTP/1.1"
    assert [line for line in lines if line.startswith("Impersonate-Group")] == [
        "Impersonate-Group: a",
        "Impersonate-Group: b",
    ]
    assert "Upgrade: websocket" in lines
    assert "Sec-WebSocket-Version: 13" in lines


def test_frames_that_came_with_the_answer_are_not_lost() -> None:
    """And nobody waits on the socket for them."""
    frame = b"\x82\x03\x01hi"
    connection, _ = opened(lambda request: accepted(request, frame * 2))
    with closing(connection):
        assert connection.buffered()
        assert [bytes(message) for message in connection.receive()] == [b"\x01hi", b"\x01hi"]
        assert not connection.buffered()


PAGE = b"<!DOCTYPE html>\n<html><head><title>403 &ndash; Forbidden by\n policy</title></head><body>x</body></html>"


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        ("403 Forbidden", PAGE, "HTTP 403 was answered instead (403 \u2013 Forbidden by policy): "),
        ("400 Bad Request", b"<html><script>f()</script><body>Bad <b>request</b></body></html>", "(Bad request): "),
        ("200 OK", PAGE, "HTTP 200 was answered instead (403"),
        ("200 OK", b"", "HTTP 200 was answered instead: "),
        ("403 Forbidden", b"", "HTTP 403 was answered instead: "),  # Envoy, where upgrades are not configured
        ("302 Found", b"", "HTTP 302 was answered instead: "),
        ("426 Upgrade Required", b"upgrade to HTTP/2", "HTTP 426 was answered instead (upgrade to HTTP/2): "),
        ("404 Not Found", PAGE, "HTTP 404 was answered instead"),
        ("403 Forbidden", b'{"message":"no route matched"}', "HTTP 403 was answered instead (no route matched): "),
        (
            "400 Bad Request",
            b'{"kind":"Status","reason":"BadRequest","message":"Upgrade request required"}',
            "HTTP 400 was answered instead (Upgrade request required): ",
        ),
    ],
)
def test_what_somebody_before_the_server_answers_is_told_with_the_way_out(status: str, body: bytes, words: str) -> None:
    """A proxy that lets no WebSocket through, or takes the headers of the upgrade away."""
    with pytest.raises(WebSocketRefusedError) as error:
        opened(lambda _: refused(status, body))
    assert words in error.value.rendered()
    assert error.value.rendered().startswith("error: exec and attach take a WebSocket")
    assert "--via ssh" in error.value.message
    assert "<" not in error.value.message
    assert (error.value.status, error.value.http_status) == (0, int(status.split(maxsplit=1)[0]))


@pytest.mark.parametrize(
    ("status", "body"),
    [
        ("403 Forbidden", b'{"kind":"Status","reason":"Forbidden","message":"pods \\"p\\" is forbidden: User"}'),
        ("400 Bad Request", b'{"kind":"Status","reason":"BadRequest","message":"container x is not valid for pod p"}'),
        ("403 Forbidden", b"Forbidden (user=kube-apiserver, verb=create, resource=nodes, subresource=proxy)"),
        ("404 Not Found", b"pod does not exist"),
        ("500 Internal Server Error", b'container not found ("nsexec")'),
        ("401 Unauthorized", b"Unauthorized"),
    ],
)
def test_what_the_server_or_its_kubelet_refuses_is_told_as_that(status: str, body: bytes) -> None:
    """RBAC's 403 is not a proxy's; a kubelet answers in plain text, which older servers hand on."""
    with pytest.raises(ApiError) as error:
        opened(lambda _: refused(status, body))
    assert not isinstance(error.value, WebSocketRefusedError)
    assert error.value.status == int(status.split(maxsplit=1)[0])
    assert "--via ssh" not in error.value.message


def test_a_refusal_is_the_servers_own_status() -> None:
    """With its reason, as of any other request."""
    status = json.dumps({"kind": "Status", "message": 'pods "p" is forbidden', "reason": "Forbidden"}).encode()
    with pytest.raises(ApiError) as error:
        opened(lambda _: refused("403 Forbidden", status))
    assert (error.value.status, error.value.reason) == (403, "Forbidden")
    assert error.value.message == 'pods "p" is forbidden'


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda _: accepted(b"Sec-WebSocket-Key: x\r\n"), "it does not answer as a WebSocket does"),
        (lambda _: b"", "closed connection without response"),
        (lambda _: b"SSH-2.0-OpenSSH\r\n", "SSH-2.0-OpenSSH"),
    ],
)
def test_what_is_no_websocket_is_said_so(answer: Callable[[bytes], bytes], words: str) -> None:
    """By the server's address, in a sentence."""
    with pytest.raises(ApiError, match="the API server http://127.0.0.1:[0-9]+ could not be reached") as error:
        opened(answer)
    assert words in error.value.message
    assert "--via ssh" in error.value.message


def test_a_stream_that_is_not_opened_in_time_is_told_as_that() -> None:
    """The API server answers for a kubelet: nobody looks for a proxy first."""
    with raw_server([SILENCE]) as server:
        with pytest.raises(ApiError, match="did not open the stream in time: the node's kubelet") as error:
            server.cluster().open_stream("/api/v1/namespaces/n/pods/p/exec", [], timeout_seconds=0.2)
        server.let_go()
    assert "SPDY" not in error.value.message


@pytest.mark.parametrize(("size", "head"), [(0, 2), (125, 2), (126, 4), (65_535, 4), (65_536, 10)])
def test_a_frame_is_masked_and_says_its_length(size: int, head: int) -> None:
    """RFC 6455, 5.2 and 5.3: lengths of one, three and nine bytes; a server refuses what is not masked."""
    payload = bytes(range(256)) * 257
    frame = b"".join(masked_frame(payload[:size], 2))
    assert frame[0] == 0x82
    assert frame[1] & 0x80
    length = frame[1] & 0x7F if head == 2 else int.from_bytes(frame[2:head], "big")
    assert length == size
    mask, masked = frame[head : head + 4], frame[head + 4 :]
    assert bytes(byte ^ mask[at % 4] for at, byte in enumerate(masked)) == payload[:size]
