"""The kubernetes client's ``Configuration`` and ``ApiClient``, set up so that they connect as kubectl does.

What is ours here, and why, stands in docs/architecture.md ("What is left by hand").
"""

from __future__ import annotations

import importlib.util
import ssl
import sys
from http.client import HTTPException
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from kubectl_nsexec.errors import ConfigError
from kubectl_nsexec.kube import tls

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from urllib.parse import SplitResult

    from kubernetes.client import ApiClient, Configuration
    from urllib3 import BaseHTTPResponse

BEARER = "BearerToken"
"""The name that the client gives to the value of the Authorization header (``Configuration.api_key``)."""
RETRY_AFTER = "Retry-After"
_SIBLINGS = frozenset(
    f"kubernetes.{name}" for name in ("config", "dynamic", "informer", "leaderelection", "stream", "watch")
)
"""What ``import kubernetes`` brings along and a run does not need: half of the time that the import takes."""
_ONCE_MORE = ("GET", "HEAD", "PUT", "DELETE", "OPTIONS")
"""Methods that may be sent twice (RFC 9110, 9.2.2)."""

Headers = list[tuple[str, str]]
"""A name may stand several times, as that of an impersonated group does."""


class _LazySiblings:
    """A finder that puts off what ``_SIBLINGS`` names until somebody looks into it (importlib.util.LazyLoader)."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """See importlib.abc.MetaPathFinder."""
        if name not in _SIBLINGS:
            return None
        others = (finder.find_spec(name, path, target) for finder in sys.meta_path if finder is not self)
        spec = next((found for found in others if found), None)
        if spec and spec.loader:
            spec.loader = importlib.util.LazyLoader(spec.loader)
        return spec


def configuration(host: str = "http://localhost") -> Configuration:
    """A ``Configuration`` that takes nothing from the environment: which proxy there is, ``proxies`` says."""
    lazy: Any = _LazySiblings()
    sys.meta_path.insert(0, lazy)
    try:
        from kubernetes.client import Configuration  # noqa: PLC0415 - --help needs none of it
    finally:
        sys.meta_path.remove(lazy)
    made = Configuration(proxy="", no_proxy="")
    made.host = host
    return made


def address(host: str) -> SplitResult:
    """The parts of the API server's address. Raises ConfigError where it is none."""
    try:
        parts = urlsplit(host)
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError as error:
        raise ConfigError(f"the address {host} of the API server cannot be used: {error}") from error
    if not good:
        raise ConfigError(f"the address {host} of the API server cannot be used: it is no http or https URL")
    return parts


class Client:
    """Requests by one ``ApiClient``, from any thread; answers are urllib3's, unread, whatever their status.

    Makes no connection yet. Raises ConfigError for an address that is none, for certificates that cannot be used, and
    for a SOCKS proxy without PySocks.
    """

    def __init__(self, configuration: Configuration) -> None:
        parts = address(configuration.host)
        self.base_path = parts.path
        self._origin = parts._replace(path="").geturl()
        self._host = ("Host", parts.netloc)  # urllib3 puts an IPv6 address into two pairs of brackets behind a proxy
        self._forwarded = parts.scheme == "http" and urlsplit(configuration.proxy).scheme in ("http", "https")
        configuration.retries = False  # what is asked again, ``send`` and ``retry`` decide; no redirection is followed
        context = (
            tls.context(configuration) if "https" in (parts.scheme, urlsplit(configuration.proxy).scheme) else None
        )
        configuration.proxy_ssl_context = context
        self._api = _api_client(configuration)
        if not configuration.verify_ssl:
            import urllib3  # noqa: PLC0415 - as above

            urllib3.disable_warnings()  # kubectl does not warn of --insecure-skip-tls-verify either
        if context is not None:
            pool_arguments = self._api.rest_client.pool_manager.connection_pool_kw
            for name in ("ca_certs", "ca_cert_data", "cert_file", "key_file"):  # the context has them
                pool_arguments.pop(name)
            pool_arguments["ssl_context"] = context

    def authorization(self) -> str | None:
        """The value of that header as of now: the client renews what has expired, and may run a plugin for it."""
        headers: dict[str, str] = {}
        self._api.update_params_for_auth(headers, None, [BEARER], "", "", None)
        return headers.get("authorization")

    def send(
        self,
        method: str,
        target: str,
        headers: Headers,
        body: object = None,
        *,
        connect_seconds: float | None,
        read_seconds: float | None,
        once_more: bool = True,
    ) -> BaseHTTPResponse:
        """The answer to one request; ``target`` is the path with its query, ``body`` becomes JSON.

        ``connect_seconds`` is for connecting, ``read_seconds`` for each wait after that; None: as long as it takes. A
        server that hangs up without a word is asked ``once_more`` where the method allows it. Raises what ``reason``
        takes, and ConfigError for several headers of a name where urllib3 makes one of them.
        """
        if self._forwarded and len({name for name, _ in headers}) < len(headers):
            raise ConfigError(
                "several groups (--as-group) cannot be passed on by an HTTP proxy to a server without TLS: "
                "use https, or go round the proxy by NO_PROXY"
            )
        try:
            return self._sent(method, target, headers, body, connect_seconds, read_seconds)
        except failures() as error:
            if not once_more or method not in _ONCE_MORE or isinstance(reason(error), TimeoutError):
                raise
        return self._sent(method, target, headers, body, connect_seconds, read_seconds)

    def _sent(
        self,
        method: str,
        target: str,
        headers: Headers,
        body: object,
        connect_seconds: float | None,
        read_seconds: float | None,
    ) -> BaseHTTPResponse:
        from urllib3 import HTTPHeaderDict  # noqa: PLC0415 - as above

        answer = self._api.call_api(
            method,
            self._origin + target,
            header_params=HTTPHeaderDict([self._host, *headers]),
            body=body,
            _request_timeout=(connect_seconds, read_seconds),
        )
        response: BaseHTTPResponse = answer.response
        return response


def _api_client(configuration: Configuration) -> ApiClient:
    from kubernetes.client import ApiClient  # noqa: PLC0415 - as above

    try:
        return ApiClient(configuration)
    except ImportError as error:
        raise ConfigError("a SOCKS proxy needs PySocks: pip install PySocks") from error


def failures() -> tuple[type[Exception], ...]:
    """What a request, or reading its answer, raises when there is no whole answer."""
    from kubernetes.client import ApiException  # noqa: PLC0415 - as above
    from urllib3.exceptions import HTTPError  # noqa: PLC0415 - as above

    return HTTPError, ApiException, HTTPException, OSError


def reason(error: Exception) -> Exception:
    """The error of the system or of Python's HTTP that the libraries have wrapped; TimeoutError for every time-out."""
    from urllib3.exceptions import ConnectTimeoutError, NewConnectionError, ReadTimeoutError  # noqa: PLC0415 - as above

    chain = _chain(error)
    # NewConnectionError is a ConnectTimeoutError to urllib3, though nobody waited.
    kinds = (ConnectTimeoutError, ReadTimeoutError)
    waited = any(isinstance(each, kinds) and not isinstance(each, NewConnectionError) for each in chain)
    return TimeoutError("timed out") if waited or isinstance(chain[-1], TimeoutError) else chain[-1]


def was_cut(error: Exception) -> bool:
    """Whether the connection was reset or ended before there was an answer, in the handshake of TLS or later.

    What client-go repeats a GET for (apimachinery, util/net: IsConnectionReset, IsProbableEOF).
    """
    # An end in the handshake is the last one with Python 3.11.2, Debian 12's, and the one before with 3.11.7.
    return isinstance(reason(error), (ConnectionResetError, ssl.SSLEOFError, ssl.SSLZeroReturnError))


def _chain(error: Exception) -> list[Exception]:
    """``error``, what it was raised from, and so on."""
    chain: list[Exception] = []
    each: BaseException | None = error
    while isinstance(each, Exception) and each not in chain:
        chain.append(each)
        each = each.__cause__ or each.__context__
    return chain


def was_connecting(error: Exception) -> bool:
    """Whether there was no connection yet: nobody listens, the name is unknown, TLS or a proxy on the way refuses."""
    from urllib3.exceptions import ConnectTimeoutError, NewConnectionError, ProxyError  # noqa: PLC0415 - as above

    kinds = (ConnectTimeoutError, NewConnectionError, ProxyError, ssl.SSLError)
    return any(isinstance(each, kinds) for each in _chain(error))
