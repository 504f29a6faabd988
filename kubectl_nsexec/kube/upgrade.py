"""Opening a WebSocket by an ordinary request of the kubernetes client: the same TLS, proxy and credentials.

Its own way (``kubernetes.stream``) sends two headers only, which leaves out impersonation, and reads proxies from the
environment by rules of its own. What is left of a handshake (RFC 6455, 4.1) is a header here and one there.
"""

from __future__ import annotations

import os
import ssl
from base64 import b64encode
from contextlib import suppress
from hashlib import sha1
from http.client import HTTPException
from typing import TYPE_CHECKING, Any

from kubectl_nsexec.kube.client import RETRY_AFTER
from kubectl_nsexec.kube.connection import V4_PROTOCOL, V5_PROTOCOL, WebSocketConnection

if TYPE_CHECKING:
    from kubectl_nsexec.kube.client import Client, Headers

_SWITCHING_PROTOCOLS = 101
_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""RFC 6455, 1.3."""
_KEY_BYTES = 16
_ERROR_BYTES = 64 * 1024


def upgraded(client: Client, target: str, headers: Headers, seconds: float) -> WebSocketConnection:
    """A WebSocket, by a GET of ``target``; ``seconds`` is for connecting, and for each wait after that.

    Raises ApiError with the server's own Status when it refuses, WebSocketRefusedError when somebody before it does,
    and what ``client.reason`` takes.
    """
    key = b64encode(os.urandom(_KEY_BYTES)).decode()
    handshake = [
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", key),
        ("Sec-WebSocket-Protocol", f"{V5_PROTOCOL},{V4_PROTOCOL}"),
    ]
    answer = client.send(  # not once more: it is a GET, but may start a command
        "GET", target, [*headers, *handshake], connect_seconds=seconds, read_seconds=seconds, once_more=False
    )
    connection = answer.connection
    try:
        if answer.status != _SWITCHING_PROTOCOLS:
            from kubectl_nsexec.kube.pages import not_upgraded  # noqa: PLC0415 - of few answers

            raise not_upgraded(answer.status, answer.read(_ERROR_BYTES), answer.headers.get(RETRY_AFTER, ""))
        if answer.headers.get("Sec-WebSocket-Accept") != _accepting(key):
            raise HTTPException("it does not answer as a WebSocket does")
        link, received = _taken(answer)
        return WebSocketConnection(link, answer.headers.get("Sec-WebSocket-Protocol", ""), received)
    finally:
        answer.close()
        if answer.status != _SWITCHING_PROTOCOLS:
            # Whoever refuses may hang up. The next one is not asked twice either, so it gets a connection that is open.
            connection.close()


def _accepting(key: str) -> str:
    """What a server that accepts the key answers (RFC 6455, 4.2.2)."""
    return b64encode(sha1(f"{key}{_GUID}".encode(), usedforsecurity=False).digest()).decode()


def _taken(answer: Any) -> tuple[Any, bytes]:  # noqa: ANN401 - nothing public of urllib3's gives the socket away
    """The socket, which the answer no longer closes, and what was read along with the headers: frames already."""
    connection, answered = answer.connection, answer._original_response  # noqa: SLF001 - as above
    link, connection.sock = connection.sock, None
    link.setblocking(False)  # noqa: FBT003 - its name says what is set
    with suppress(BlockingIOError, ssl.SSLWantReadError):
        return link, bytes(answered.fp.peek())
    return link, b""
