"""A server on loopback that answers byte by byte what it is told, and a cluster that is to be reached there."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING

from kubectl_nsexec.kube import KubernetesCluster
from kubectl_nsexec.kube.client import configuration
from kubectl_nsexec.kube.trace import Trace

if TYPE_CHECKING:
    from collections.abc import Iterator

HANG_UP = b""
SILENCE = None
SECONDS = 20.0
"""For whatever is waited for here."""

Reply = bytes | Callable[[bytes], bytes] | None
"""What is answered to a request; a function takes the request."""


class RawServer:
    """For each connection in turn it has replies; after the last of them the connection is closed."""

    def __init__(self, listener: socket.socket, connections: list[list[Reply]]) -> None:
        listener.settimeout(SECONDS)
        self._listener, self._replies = listener, connections
        self.asked: list[bytes] = []
        self.connections = 0
        self.closed = [threading.Event() for _ in connections]
        """Of each connection."""
        self._client_is_done = threading.Event()
        self._clusters: list[KubernetesCluster] = []
        self.configuration = configuration(f"http://127.0.0.1:{listener.getsockname()[1]}")

    def serve(self) -> None:
        """One connection after the other."""
        for replies, closed in zip(self._replies, self.closed, strict=True):
            link, _ = self._listener.accept()
            self.connections += 1
            with link:
                for reply in replies:
                    self.asked.append(_request(link))
                    if reply is SILENCE:
                        self._client_is_done.wait(SECONDS)
                    else:
                        link.sendall(reply(self.asked[-1]) if callable(reply) else reply)
            closed.set()

    def let_go(self) -> None:
        """End a silence."""
        self._client_is_done.set()

    def cluster(self, *impersonation: tuple[str, str]) -> KubernetesCluster:
        """The cluster that this server is."""
        made = KubernetesCluster(
            self.configuration, "n", impersonation=impersonation, request_timeout_seconds=None, trace=Trace(0, print)
        )
        self._clusters.append(made)
        return made

    def forget(self) -> None:
        """Closes the connections to it that are idle."""
        for each in self._clusters:
            each._client._api.rest_client.close()


def _request(link: socket.socket) -> bytes:
    received = b""
    while not _is_whole(received) and (data := link.recv(4096)):
        received += data
    return received


def _is_whole(received: bytes) -> bool:
    head, end, body = received.partition(b"\r\n\r\n")
    (length,) = re.findall(rb"(?i)\r\ncontent-length: (\d+)", head) or (b"0",)
    return bool(end) and len(body) >= int(length)


@contextmanager
def raw_server(*connections: list[Reply]) -> Iterator[RawServer]:
    """A server with so many connections; all of them have to be made."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        made = RawServer(listener, [*connections])
        thread = threading.Thread(target=made.serve, daemon=True)
        thread.start()
        try:
            yield made
        finally:
            made.forget()
            made.let_go()
            thread.join(SECONDS)
        assert not thread.is_alive()
