"""TLS as Go has it, which kubectl is written in; Python's and urllib3's defaults are others.

TLS 1.2 at the least. A certificate's common name is no name of the server. Whatever is among the authorities is trusted
(an intermediate, the server's own certificate), and an authority need not say what its key is for, on which Python 3.13
and urllib3 insist. Nobody is asked for a key's password.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Final

from kubectl_nsexec.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kubernetes.client import Configuration

_ALPN: Final = ("http/1.1",)
"""RFC 7301: a WebSocket needs it, and urllib3 has no other."""


class _Shared(ssl.SSLContext):
    """A context that stays as it was made, for threads connect by it at the same time.

    urllib3 tells it the protocols anew for each connection, and CPython then frees those that another thread's
    connection is copying (its issue 141012): the server refuses what that one says (decode_error), or the process dies.
    """

    def set_alpn_protocols(self, alpn_protocols: Iterable[str]) -> None:
        """They are set already."""


def context(configuration: Configuration) -> ssl.SSLContext:
    """One for all connections: certificates are read once, which for a system's own takes longer than a connection.

    Raises ConfigError for certificates that cannot be used.
    """
    made = _Shared(ssl.PROTOCOL_TLS_CLIENT)
    ssl.SSLContext.set_alpn_protocols(made, _ALPN)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.hostname_checks_common_name = False
    made.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if not configuration.verify_ssl:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    what = "certificate-authority"
    try:
        if configuration.ssl_ca_cert:
            made.load_verify_locations(configuration.ssl_ca_cert)
        elif configuration.verify_ssl:
            made.load_default_certs()
        what = "client-certificate and client-key"
        if configuration.cert_file:
            made.load_cert_chain(configuration.cert_file, configuration.key_file, password=_no_password)
    except OSError as error:  # ssl.SSLError is one
        raise ConfigError(f"the {what} of the kubeconfig cannot be used: {error}; see that it is PEM") from error
    return made


def _no_password() -> str:
    """Instead of OpenSSL's own question to the terminal: kubectl has none either."""
    raise ConfigError("the client-key of the kubeconfig is encrypted, and its password is asked of nobody; decrypt it")
