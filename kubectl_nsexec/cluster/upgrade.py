"""Opening a WebSocket over the same TLS, proxy and credentials as an ordinary request.

The kubernetes client's own way sends two headers only, which leaves out impersonation, and reads proxies from the
environment by rules of its own. So urllib3 connects and asks; the answer, which is all that is left of a handshake
(RFC 6455, 4.1), is read here, where libraries read it a byte at a time.
"""

from __future__ import annotations

import os
import ssl
from contextlib import suppress
from http.client import HTTPException, HTTPResponse
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from kubectl_nsexec.cluster.answers import api_error, unreachable
from kubectl_nsexec.cluster.connection import V4_PROTOCOL, V5_PROTOCOL, WebSocketConnection

if TYPE_CHECKING:
    import socket

    from urllib3 import HTTPHeaderDict, PoolManager
    from urllib3.connection import HTTPConnection

_SWITCHING_PROTOCOLS = 101
_KEY_BYTES = 16
_ERROR_BYTES = 64 * 1024


def connect(pools: PoolManager, url: str, headers: HTTPHeaderDict, timeout_seconds: float) -> WebSocketConnection:
    """Opens ``url`` (http or https) as a WebSocket. Raises ApiError with the server's own Status when it refuses."""
    from urllib3.exceptions import HTTPError  # noqa: PLC0415 - see cluster.config.load

    try:
        connection = _dial(pools, url, timeout_seconds)
        try:
            return _upgraded(connection, url, headers)
        except BaseException:
            connection.close()
            raise
    except (HTTPException, HTTPError, OSError) as error:
        raise unreachable("{0.scheme}://{0.netloc}".format(urlsplit(url)), error) from error


def _dial(pools: PoolManager, url: str, timeout_seconds: float) -> HTTPConnection:
    """A connection to the server of ``url``, through the proxy and with the TLS that ``pools`` is set up for."""
    pool = pools.connection_from_url(url)
    connection: HTTPConnection = pool._new_conn()  # noqa: SLF001 - nothing public gives one of the pool's own making
    connection.timeout = timeout_seconds
    proxy = getattr(pool, "proxy", None)
    if proxy is not None:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        connection.set_tunnel(parts.hostname, port, headers=pool.proxy_headers, scheme=proxy.scheme)
    connection.connect()
    return connection


def _upgraded(connection: HTTPConnection, url: str, headers: HTTPHeaderDict) -> WebSocketConnection:
    from base64 import b64encode  # noqa: PLC0415 - see cluster.config.load

    from websockets.utils import accept_key  # noqa: PLC0415 - as above

    key = b64encode(os.urandom(_KEY_BYTES)).decode()
    headers["Upgrade"], headers["Connection"] = "websocket", "Upgrade"
    headers["Sec-WebSocket-Version"], headers["Sec-WebSocket-Key"] = "13", key
    headers["Sec-WebSocket-Protocol"] = f"{V5_PROTOCOL},{V4_PROTOCOL}"
    parts = urlsplit(url)
    connection.request("GET", f"{parts.path}?{parts.query}", headers=headers)
    link: socket.socket = connection.sock
    with HTTPResponse(link, method="GET") as answer:
        answer.begin()
        if answer.status != _SWITCHING_PROTOCOLS:
            raise api_error(answer.status, answer.read(_ERROR_BYTES))
        if answer.getheader("Sec-WebSocket-Accept") != accept_key(key):
            raise HTTPException("it does not answer as a WebSocket does")
        protocol = answer.getheader("Sec-WebSocket-Protocol") or ""
        return WebSocketConnection(link, protocol, _read_ahead(link, answer))


def _read_ahead(link: socket.socket, answer: HTTPResponse) -> bytes:
    """What was read along with the headers: frames already."""
    link.setblocking(False)  # noqa: FBT003 - its name says what is set
    with suppress(BlockingIOError, ssl.SSLWantReadError):
        return bytes(answer.fp.peek())
    return b""
