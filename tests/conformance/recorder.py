"""An API server on loopback, and proxies in front of it, that write down how they were asked."""

from __future__ import annotations

import socket
import ssl
import threading
from base64 import b64decode
from contextlib import ExitStack, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conformance.authorities import Authorities

    Fields = list[tuple[str, str]]
    Head = tuple[str, str, Fields]

SECONDS: Final = 20.0
PATH: Final = "/api/v1/namespaces/ran/pods/du-0"
_ALLOWED: Final = b'{"kind":"SelfSubjectAccessReview","status":{"allowed":true}}'
_NONE: Final = b'{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404,"message":"none"}'
_ANSWER: Final = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
_CONNECTED: Final = b"HTTP/1.1 200 Connection established\r\n\r\n"
_HEAD_LIMIT_BYTES: Final = 64 * 1024
_TLS_HANDSHAKE: Final = b"\x16"


class Seen(NamedTuple):
    """One request for the pod, and what it came by; "" where there is none of it."""

    proxy: str = ""
    """``http``, ``https`` or ``socks5``."""
    through: str = ""
    """What the proxy was to connect to."""
    proxy_login: str = ""
    tls_name: str = ""
    """Server name indication (RFC 6066, 3)."""
    client: str = ""
    """The common name of the client's certificate."""
    target: str = ""
    """As the request's first line has it."""
    headers: tuple[tuple[str, str], ...] = ()
    """Host, Authorization and those of impersonation, sorted, by their names in lower case."""


class Recorder:
    """Ports by name: ``plain``, one for each server certificate, and the proxies ``http``, ``https`` and ``socks5``.

    A proxy answers itself for whatever it is to connect to, with the certificate named ``good``.
    """

    def __init__(self, authorities: Authorities, stack: ExitStack) -> None:
        self.ports: dict[str, int] = {}
        self._seen: list[Seen] = []
        self._authorities, self._stack = authorities, stack
        for name in authorities.servers:
            self._listen(name, partial(self._serve_tls, come=Seen(), certificate=name))
        self._listen("plain", lambda link: self._serve(link, Seen()))
        self._listen("http", lambda link: self._proxy(link, Seen("http")))
        self._listen("https", self._proxy_by_tls)
        self._listen("socks5", lambda link: self._socks(link, Seen("socks5")))

    def taken(self) -> list[Seen]:
        """What was seen since it was asked last, each once."""
        seen, self._seen = self._seen, []
        return list(dict.fromkeys(seen))

    def _listen(self, name: str, serve: Callable[[socket.socket], None]) -> None:
        """At one port of both loopback addresses."""
        first = socket.create_server(("127.0.0.1", 0))
        self.ports[name] = first.getsockname()[1]
        second = socket.create_server(("::1", self.ports[name]), family=socket.AF_INET6)
        for server in (first, second):
            thread = threading.Thread(target=_accept, args=(server, serve), daemon=True)
            thread.start()
            self._stack.callback(thread.join, SECONDS)
            self._stack.callback(server.shutdown, socket.SHUT_RDWR)

    def _serve_tls(self, link: socket.socket, *, come: Seen, certificate: str) -> None:
        names: list[str] = []
        context = self._authorities.server_context(certificate)
        context.sni_callback = lambda _link, name, _context: names.append(name or "")
        with context.wrap_socket(link, server_side=True) as tls:
            self._serve(tls, come._replace(tls_name="".join(names), client=_common_name(tls)))

    def _serve(self, link: socket.socket, come: Seen) -> None:
        while head := _head(link):
            self._answer(link, come, head)

    def _answer(self, link: socket.socket, come: Seen, head: Head) -> None:
        method, target, fields = head
        target = target.partition("?")[0]
        if target.endswith(PATH):
            compared = [pair for pair in fields if pair[0] in ("authorization", "host") or pair[0].startswith("imp")]
            self._seen.append(come._replace(target=f"{method} {target}", headers=tuple(sorted(compared))))
        _exactly(link, int(dict(fields).get("content-length", "0")))
        status, body = (b"201 Created", _ALLOWED) if method == "POST" else (b"404 Not Found", _NONE)
        link.sendall(_ANSWER % (status, len(body), body))

    def _proxy(self, link: socket.socket, come: Seen) -> None:
        while head := _head(link):
            method, target, fields = head
            logged_in = come._replace(proxy_login=_login(fields))
            if method == "CONNECT":
                link.sendall(_CONNECTED)
                self._beyond(link, logged_in._replace(through=target))
                return
            self._answer(link, logged_in, head)

    def _proxy_by_tls(self, link: socket.socket) -> None:
        """TLS within TLS: what comes out of the outer goes through a pair of sockets."""
        inner, outer = socket.socketpair()
        with self._authorities.server_context("good").wrap_socket(link, server_side=True) as tls, inner, outer:
            for source, sink in ((tls, outer), (outer, tls)):
                threading.Thread(target=_pump, args=(source, sink), daemon=True).start()
            self._proxy(inner, Seen("https"))

    def _socks(self, link: socket.socket, come: Seen) -> None:
        """RFC 1928, and RFC 1929 for a name and password."""
        wants_name = 2 in _exactly(link, _exactly(link, 2)[1])
        link.sendall(bytes([5, 2 if wants_name else 0]))
        login = ""
        if wants_name:
            name = _exactly(link, _exactly(link, 2)[1]).decode()
            login = f"{name}:{_exactly(link, _exactly(link, 1)[0]).decode()}"
            link.sendall(bytes([1, 0]))
        kind = _exactly(link, 4)[3]
        if kind == 3:  # a name
            host = _exactly(link, _exactly(link, 1)[0]).decode()
        else:
            family, size = (socket.AF_INET, 4) if kind == 1 else (socket.AF_INET6, 16)
            host = socket.inet_ntop(family, _exactly(link, size))
        port = int.from_bytes(_exactly(link, 2), "big")
        link.sendall(bytes([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]))
        self._beyond(link, come._replace(through=f"{host}:{port}", proxy_login=login))

    def _beyond(self, link: socket.socket, come: Seen) -> None:
        if link.recv(1, socket.MSG_PEEK) == _TLS_HANDSHAKE:
            self._serve_tls(link, come=come, certificate="good")
        else:
            self._serve(link, come)


def _common_name(link: ssl.SSLSocket) -> str:
    """Of the other side's certificate; "" without one."""
    names: Any = (link.getpeercert() or {}).get("subject", ())
    return str({key: value for part in names for key, value in part}.get("commonName", ""))


def _accept(server: socket.socket, serve: Callable[[socket.socket], None]) -> None:
    with server, suppress(OSError):
        while True:
            link, _ = server.accept()
            threading.Thread(target=_served, args=(link, serve), daemon=True).start()


def _served(link: socket.socket, serve: Callable[[socket.socket], None]) -> None:
    link.settimeout(SECONDS)
    with link, suppress(OSError):  # as well of a client that does not trust us
        serve(link)


def _head(link: socket.socket) -> Head | None:
    """Method, target and fields of the next request; None at the end."""
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        byte = link.recv(1)
        if not byte or len(data) > _HEAD_LIMIT_BYTES:
            return None
        data += byte
    first, *lines = data.decode("latin-1").split("\r\n")
    method, target, _ = (*first.split(" "), "", "")[:3]
    fields = [line.partition(":") for line in lines if line]
    return method, target, [(name.lower(), value.strip()) for name, _, value in fields]


def _login(fields: Fields) -> str:
    """Of a Proxy-Authorization (RFC 7617)."""
    value = dict(fields).get("proxy-authorization", "")
    return b64decode(value.removeprefix("Basic ")).decode() if value.startswith("Basic ") else value


def _exactly(link: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = link.recv(size - len(data))
        if not piece:
            raise ConnectionError
        data += piece
    return data


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError, ssl.SSLError):
        while data := source.recv(64 * 1024):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
