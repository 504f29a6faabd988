"""Opening a WebSocket over the same TLS, proxy and credentials as an ordinary request.

The kubernetes client's own way sends two headers only, which leaves out impersonation, and websocket-client's reads
proxies from the environment by rules of its own. So urllib3 connects, and websocket-client shakes hands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from kubectl_nsexec.cluster.answers import api_error, unreachable
from kubectl_nsexec.cluster.connection import V4_PROTOCOL, V5_PROTOCOL, WebSocketConnection

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterable

    from urllib3 import PoolManager


def prepare() -> None:
    """Import what a stream needs, which takes a twentieth of a second that somebody may have to spare."""
    import websocket  # noqa: F401, PLC0415 - see cluster.config.load
    import websockets.frames  # noqa: F401, PLC0415 - as above


def connect(
    pools: PoolManager, url: str, headers: Iterable[tuple[str, str]], timeout_seconds: float
) -> WebSocketConnection:
    """Opens ``url`` (http or https) as a WebSocket. Raises ApiError with the server's own Status when it refuses."""
    import websocket  # noqa: PLC0415 - see cluster.config.load
    from urllib3.exceptions import HTTPError  # noqa: PLC0415 - as above

    server = "{0.scheme}://{0.netloc}".format(urlsplit(url))
    lines = [f"{name}: {value}" for name, value in headers]
    link = websocket.WebSocket(enable_multithread=False)
    try:
        link.connect(
            "ws" + url.removeprefix("http"),
            socket=_dial(pools, url, timeout_seconds),
            header=[*lines, f"Sec-WebSocket-Protocol: {V5_PROTOCOL},{V4_PROTOCOL}"],
            suppress_origin=True,
        )
    except websocket.WebSocketBadStatusException as error:
        raise api_error(error.status_code, error.resp_body) from error
    except (websocket.WebSocketException, HTTPError, OSError) as error:
        raise unreachable(server, error) from error
    return WebSocketConnection(link.sock, str(link.getheaders().get("sec-websocket-protocol") or ""))


def _dial(pools: PoolManager, url: str, timeout_seconds: float) -> socket.socket:
    """A connected socket to the server of ``url``, through the proxy and with the TLS that ``pools`` is set up for."""
    pool = pools.connection_from_url(url)
    connection = pool._new_conn()  # noqa: SLF001 - nothing public gives a connection of the pool's own making
    connection.timeout = timeout_seconds
    proxy = getattr(pool, "proxy", None)
    if proxy is not None:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        connection.set_tunnel(parts.hostname, port, headers=pool.proxy_headers, scheme=proxy.scheme)
    connection.connect()
    link: socket.socket = connection.sock
    return link
