"""How the API server is reached and as whom, and urllib3's pool for that.

The fields have the names of the kubernetes client's ``Configuration``, so that its loader of a pod's own service
account can fill them. The client itself is left out because importing it takes a fifth of a second, which is most of
what a user would wait for a completion.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from kubectl_nsexec.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from urllib3 import PoolManager

BEARER = "BearerToken"
"""The name that the kubernetes client gives to the Authorization header's value."""
_CONNECTIONS = 8
_RETRIES = 1


@dataclass
class Settings:
    """Of one server. Paths are of PEM files; a name is looked up only when a request is made."""

    host: str = "http://localhost"
    ssl_ca_cert: str | None = None
    verify_ssl: bool = True
    tls_server_name: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    api_key: dict[str, str] = field(default_factory=dict, repr=False)
    refresh_api_key_hook: Callable[[Any], None] | None = None
    """Called before each request: it may put a new token into ``api_key``."""
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    proxy: str | None = None
    no_proxy: str | None = None
    """Hosts and networks that are reached without ``proxy``, with commas between them."""
    proxy_headers: Mapping[str, str] | None = field(default=None, repr=False)

    def authorization(self) -> str | None:
        """The header of that name, as of now."""
        from urllib3.util import make_headers  # noqa: PLC0415 - see config.load

        if self.refresh_api_key_hook is not None:
            self.refresh_api_key_hook(self)
        if self.api_key.get(BEARER):
            return self.api_key[BEARER]
        if self.username:
            return str(make_headers(basic_auth=f"{self.username}:{self.password or ''}")["authorization"])
        return None


def pool_manager(settings: Settings) -> PoolManager:
    """The connections to the server of ``settings``.

    Raises ImportError for a SOCKS proxy without PySocks, UsageError for certificates that cannot be used.
    """
    import urllib3  # noqa: PLC0415 - see config.load

    more: dict[str, Any] = {"server_hostname": settings.tls_server_name} if settings.tls_server_name else {}
    more |= {
        "cert_reqs": "CERT_REQUIRED" if settings.verify_ssl else "CERT_NONE",
        "retries": _RETRIES,
        "maxsize": _CONNECTIONS,
    }
    proxy = settings.proxy
    if not proxy or _bypasses(settings):
        if urlsplit(settings.host).scheme == "https":
            more["ssl_context"] = _tls(settings)
        return urllib3.PoolManager(**more)
    # These are read anew for each connection: an https proxy is checked by the same authority.
    more |= {"ca_certs": settings.ssl_ca_cert, "cert_file": settings.cert_file, "key_file": settings.key_file}
    if urlsplit(proxy).scheme.lower().startswith("socks"):
        from urllib3.contrib.socks import SOCKSProxyManager  # noqa: PLC0415 - as above, and it needs PySocks

        return SOCKSProxyManager(proxy, headers=settings.proxy_headers, **more)
    return urllib3.ProxyManager(proxy, proxy_headers=settings.proxy_headers, **more)


def _tls(settings: Settings) -> ssl.SSLContext:
    """One for all connections: certificates are read once, which for a system's own takes longer than a connection."""
    from urllib3.util.ssl_ import create_urllib3_context  # noqa: PLC0415 - see config.load

    what = "certificate-authority"
    context: ssl.SSLContext = create_urllib3_context(
        cert_reqs=ssl.CERT_REQUIRED if settings.verify_ssl else ssl.CERT_NONE
    )
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


def _bypasses(settings: Settings) -> bool:
    if not settings.no_proxy:
        return False
    from kubernetes.client.rest import should_bypass_proxies  # noqa: PLC0415 - see the top

    return bool(should_bypass_proxies(settings.host, settings.no_proxy))
