"""Opening a WebSocket over the same TLS, proxy and credentials as an ordinary request.

The kubernetes client's own way sends two headers only, which leaves out impersonation, and reads proxies from the
environment by rules of its own. The answer, which is all that is left of a handshake (RFC 6455, 4.1), is read here,
where libraries read it a byte at a time.
"""

from __future__ import annotations

import os
import ssl
from base64 import b64encode
from contextlib import suppress
from hashlib import sha1
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import TYPE_CHECKING

from kubectl_nsexec.kube.connection import V4_PROTOCOL, V5_PROTOCOL, WebSocketConnection
from kubectl_nsexec.kube.exchange import RETRY_AFTER, send

if TYPE_CHECKING:
    import socket

    from kubectl_nsexec.kube.exchange import Headers

_SWITCHING_PROTOCOLS = 101
_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""RFC 6455, 1.3."""
_KEY_BYTES = 16
_ERROR_BYTES = 64 * 1024


def upgraded(connection: HTTPConnection, target: str, headers: Headers) -> WebSocketConnection:
    """``connection`` as a WebSocket, by a GET of ``target``; closed where it does not become one.

    Raises ApiError with the server's own Status when it refuses, WebSocketRefusedError when somebody before it does,
    OSError and HTTPException.
    """
    try:
        return _upgraded(connection, target, headers)
    except BaseException:
        connection.close()
        raise


def _upgraded(connection: HTTPConnection, target: str, headers: Headers) -> WebSocketConnection:
    key = b64encode(os.urandom(_KEY_BYTES)).decode()
    handshake = [
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", key),
        ("Sec-WebSocket-Protocol", f"{V5_PROTOCOL},{V4_PROTOCOL}"),
    ]
    send(connection, "GET", target, [*headers, *handshake], None)
    link: socket.socket = connection.sock
    with HTTPResponse(link, method="GET") as answer:
        answer.begin()
        if answer.status != _SWITCHING_PROTOCOLS:
            from kubectl_nsexec.kube.pages import not_upgraded  # noqa: PLC0415 - of few answers

            raise not_upgraded(answer.status, answer.read(_ERROR_BYTES), answer.getheader(RETRY_AFTER) or "")
        if answer.getheader("Sec-WebSocket-Accept") != _accepting(key):
            raise HTTPException("it does not answer as a WebSocket does")
        protocol = answer.getheader("Sec-WebSocket-Protocol") or ""
        return WebSocketConnection(link, protocol, _read_ahead(link, answer))


def _accepting(key: str) -> str:
    """What a server that accepts the key answers (RFC 6455, 4.2.2)."""
    return b64encode(sha1(f"{key}{_GUID}".encode(), usedforsecurity=False).digest()).decode()


def _read_ahead(link: socket.socket, answer: HTTPResponse) -> bytes:
    """What was read along with the headers: frames already."""
    link.setblocking(False)  # noqa: FBT003 - its name says what is set
    with suppress(BlockingIOError, ssl.SSLWantReadError):
        return bytes(answer.fp.peek())
    return b""
