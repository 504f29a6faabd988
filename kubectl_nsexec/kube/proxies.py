"""Which proxy leads to a server, by the rules of Go's net/http, which kubectl has.

Source: golang.org/x/net/http/httpproxy. No library of Python has them: they read ALL_PROXY, which Go does not, prefer
the variables in small letters, know no ``*.`` in NO_PROXY, and want a proxy to have a scheme.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from kubectl_nsexec.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from urllib.parse import SplitResult

_SCHEMES = ("http", "https", "socks5", "socks5h")
_PORTS = {"http": 80, "https": 443}


def of_environment(server: SplitResult, environment: Mapping[str, str]) -> str | None:
    """The URL of the proxy for ``server`` by HTTPS_PROXY or HTTP_PROXY, and NO_PROXY; None: straight.

    Raises ConfigError for a proxy that is no address.
    """
    name = f"{server.scheme}_proxy"
    proxy = _first(environment, name)
    if not proxy or is_exempt(server, _first(environment, "no_proxy")):
        return None
    return checked(proxy if "://" in proxy else f"http://{proxy}", f"{name.upper()}={_without_login(proxy)}")


def of_kubeconfig(proxy_url: str) -> str:
    """``proxy-url`` of a cluster, which NO_PROXY is not asked about. Raises ConfigError for one that is no address."""
    return checked(proxy_url, f"proxy-url {_without_login(proxy_url)} of the kubeconfig")


def _without_login(url: str) -> str:
    """To be shown: a password is not."""
    return url.rpartition("@")[2]


def checked(url: str, what: str) -> str:
    """``url``, which ``what`` names. Raises ConfigError where it is not a proxy's."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in _SCHEMES and parts.hostname and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise ConfigError(f"the proxy {what} cannot be used: it is no URL of http, https or socks5")
    return url


def is_exempt(server: SplitResult, exceptions: str) -> bool:
    """Whether ``server`` is reached without the environment's proxy: it is this machine, or one of ``exceptions``.

    These have commas between them: a domain, which stands for all below it too (one that begins with ``.`` or ``*.``
    for those alone), an address, a network (CIDR), each but the network with ``:PORT`` or without, or ``*``.
    """
    host, port = (server.hostname or "").rstrip("."), server.port or _PORTS[server.scheme]
    address = _address(host)
    if host == "localhost" or (address is not None and address.is_loopback):
        return True
    words = [word.strip().lower() for word in exceptions.split(",")]
    return any(_matches(word, host, port, address) for word in words if word)


_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def _matches(word: str, host: str, port: int, address: _Address | None) -> bool:
    if word == "*":
        return True
    if "/" in word:
        try:
            return address is not None and address in ipaddress.ip_network(word, strict=False)
        except ValueError:
            return False
    name, wanted = _split(word)
    if wanted not in ("", str(port)):
        return False
    if exempt := _address(name):
        return exempt == address
    name = name.removeprefix("*")
    return bool(name) and (host.endswith(name) if name.startswith(".") else f".{host}".endswith(f".{name}"))


def _split(word: str) -> tuple[str, str]:
    """HOST or HOST:PORT; an IPv6 address has brackets where a port follows."""
    if _address(word):
        return word, ""
    name, colon, port = word.rpartition(":")
    if not colon or word.endswith("]"):
        return word, ""
    return name.removeprefix("[").removesuffix("]"), port


def _address(host: str) -> _Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _first(environment: Mapping[str, str], name: str) -> str:
    """The variable in capitals, or where that is empty the one in small letters."""
    return environment.get(name.upper()) or environment.get(name) or ""
