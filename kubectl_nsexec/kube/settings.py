"""How the API server is reached and as whom.

The fields have the names of the kubernetes client's ``Configuration``, so that its loader of a pod's own service
account can fill them. The client itself is left out because importing it takes a fifth of a second, which is most of
what a user would wait for a completion.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from kubectl_nsexec.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from urllib.parse import SplitResult

BEARER = "BearerToken"
"""The name that the kubernetes client gives to the Authorization header's value."""


class Settings:
    """Of one server. Paths are of PEM files; a name is looked up only when a request is made."""

    def __init__(self, host: str = "http://localhost") -> None:
        self.host = host
        self.ssl_ca_cert: str | None = None
        self.verify_ssl = True
        self.tls_server_name: str | None = None
        self.cert_file: str | None = None
        self.key_file: str | None = None
        self.api_key: dict[str, str] = {}
        self.refresh_api_key_hook: Callable[[Any], None] | None = None
        """Called before each request: it may put a new token into ``api_key``."""
        self.username: str | None = None
        self.password: str | None = None
        self.proxy: str | None = None
        self.proxy_headers: Mapping[str, str] | None = None

    def address(self) -> SplitResult:
        """The parts of ``host``. Raises UsageError where it is none."""
        try:
            parts = urlsplit(self.host)
            good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError as error:
            raise UsageError(f"the address {self.host} of the API server cannot be used: {error}") from error
        if not good:
            raise UsageError(f"the address {self.host} of the API server cannot be used: it is no http or https URL")
        return parts

    def authorization(self) -> str | None:
        """The header of that name, as of now."""
        if self.refresh_api_key_hook is not None:
            self.refresh_api_key_hook(self)
        if self.api_key.get(BEARER):
            return self.api_key[BEARER]
        if self.username:
            return basic(self.username, self.password or "")
        return None


def basic(name: str, password: str) -> str:
    """The value of an Authorization header (RFC 7617)."""
    return f"Basic {base64.b64encode(f'{name}:{password}'.encode()).decode()}"
