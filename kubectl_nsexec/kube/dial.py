"""New connections to the API server: straight to it by Python's own HTTP client, through a proxy by urllib3.

urllib3 knows proxies by TLS and SOCKS as well; importing it takes as long as everything else before a first request,
and most users need it for nothing.
"""

from __future__ import annotations

import socket
import ssl
from http.client import HTTPConnection, HTTPSConnection
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from kubectl_nsexec.errors import UsageError

if TYPE_CHECKING:
    from urllib.parse import SplitResult

    from urllib3 import PoolManager

    from kubectl_nsexec.kube.settings import Settings


class Dial(Protocol):
    """How connections to one server are made."""

    def __call__(self, seconds: float | None) -> HTTPConnection:
        """A new connection that is open.

        ``seconds``: what each step of connecting, and of what follows, may take; None: as long as it takes. Raises
        OSError and HTTPException.
        """
        ...

    def learn(self, connection: HTTPConnection) -> None:
        """Looks at a connection that has had an answer, and that nobody else uses now, for what helps the next one."""
        ...


def dialler(settings: Settings) -> Dial:
    """How the server of ``settings`` is connected to. Connects to nothing yet.

    Raises UsageError for an address that is none, for certificates that cannot be used, and for a SOCKS proxy without
    PySocks.
    """
    server = settings.address()
    if settings.proxy:
        return _ThroughProxy(settings, server)
    return _Straight(settings, server)


class _Straight:
    """See Dial."""

    def __init__(self, settings: Settings, server: SplitResult) -> None:
        self._host, self._port = str(server.hostname), _port(server)
        self._tls = _tls(settings) if server.scheme == "https" else None
        self._name = _plain(settings.tls_server_name or self._host)
        self._session: ssl.SSLSession | None = None

    def __call__(self, seconds: float | None) -> HTTPConnection:
        """See Dial."""
        tls = self._tls
        connection = (
            HTTPSConnection(self._host, self._port, context=tls) if tls else HTTPConnection(self._host, self._port)
        )
        address: Any = (_plain(self._host), self._port)
        connection.sock = socket.create_connection(address, seconds)
        try:
            connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if tls:
                connection.sock = tls.wrap_socket(connection.sock, server_hostname=self._name, session=self._session)
        except BaseException:
            connection.close()
            raise
        return connection

    def learn(self, connection: HTTPConnection) -> None:
        """Certificates that were proven once need not be again (RFC 8446, 2.2): half the work of a connection."""
        if self._session is None and isinstance(connection.sock, ssl.SSLSocket):
            self._session = connection.sock.session


def _port(server: SplitResult) -> int:
    """Python's HTTP client would take the end of an IPv6 address for it."""
    return server.port or (443 if server.scheme == "https" else 80)


def _plain(name: str) -> str | bytes:
    """A name of a host. Python has names in other scripts encoded, and would import that for plain ones as well."""
    return name.encode() if name.isascii() else name


def _tls(settings: Settings) -> ssl.SSLContext:
    """One for all connections: certificates are read once, which for a system's own takes longer than a connection.

    As Go has it: TLS 1.2 at the least, a certificate's common name is no name of the server, whatever is among the
    authorities is trusted (an intermediate, the server's own), and an authority need not say what its key is for.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.hostname_checks_common_name = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.set_alpn_protocols(["http/1.1"])
    if not settings.verify_ssl:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    what = "certificate-authority"
    try:
        if settings.ssl_ca_cert:
            context.load_verify_locations(settings.ssl_ca_cert)
        elif settings.verify_ssl:
            context.load_default_certs()
        what = "client-certificate and client-key"
        if settings.cert_file:
            context.load_cert_chain(settings.cert_file, settings.key_file, password=_no_password)
    except OSError as error:  # ssl.SSLError is one
        raise UsageError(f"the {what} of the kubeconfig cannot be used: {error}; see that it is PEM") from error
    return context


def _no_password() -> str:
    """Instead of OpenSSL's own question to the terminal: kubectl has none either."""
    raise UsageError("the client-key of the kubeconfig is encrypted, and its password is asked of nobody; decrypt it")


class _ThroughProxy:
    """See Dial."""

    def __init__(self, settings: Settings, server: SplitResult) -> None:
        self._pools, self._url = _pools(settings), settings.host
        self._host, self._port = server.hostname, _port(server)

    def __call__(self, seconds: float | None) -> HTTPConnection:
        """See Dial."""
        from urllib3.exceptions import HTTPError  # noqa: PLC0415 - see the top
        from urllib3.exceptions import TimeoutError as ProxyTimeout  # noqa: PLC0415 - as above

        pool = self._pools.connection_from_url(self._url)
        connection: Any = pool._new_conn()  # noqa: SLF001 - nothing public gives one of the pool's own making
        connection.timeout = seconds
        proxy = getattr(pool, "proxy", None)
        if proxy is not None:
            connection.set_tunnel(self._host, self._port, headers=pool.proxy_headers, scheme=proxy.scheme)
        try:
            connection.connect()
        except HTTPError as error:  # urllib3 hides the cause in ``reason`` behind an object's name
            words = str(getattr(error, "reason", None) or error).rpartition("): ")[2].strip()
            kind = TimeoutError if isinstance(error, ProxyTimeout) else ConnectionError
            raise kind(words or type(error).__name__) from error
        return connection  # type: ignore[no-any-return] # a class derived from it

    def learn(self, connection: HTTPConnection) -> None:
        """Nothing: urllib3 begins each connection anew."""


def _pools(settings: Settings) -> PoolManager:
    import urllib3  # noqa: PLC0415 - see the top

    # An https proxy is checked by the same authority.
    tls = _tls(settings)
    more: dict[str, Any] = {"ssl_context": tls}
    if settings.tls_server_name:
        more["server_hostname"] = settings.tls_server_name
    proxy = str(settings.proxy)
    if urlsplit(proxy).scheme.lower().startswith("socks"):
        try:
            from urllib3.contrib.socks import SOCKSProxyManager  # noqa: PLC0415 - it needs PySocks
        except ImportError as error:
            raise UsageError("a SOCKS proxy needs PySocks: pip install PySocks") from error
        # socks5h: the proxy looks names up, as Go has it.
        return SOCKSProxyManager(proxy.replace("socks5:", "socks5h:", 1), **more)
    return urllib3.ProxyManager(proxy, proxy_headers=settings.proxy_headers, proxy_ssl_context=tls, **more)
