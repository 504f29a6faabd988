"""Health questions to the cluster's servers, asked directly as its administrator."""

import ssl
import urllib.error
import urllib.request
from http import HTTPStatus

from testbed.paths import PKI
from testbed.pki import CA_CRT


def answers(url: str, timeout_seconds: float = 5.0) -> bool:
    """Whether GET URL (https on loopback) is answered with 200."""
    return fetch(url, timeout_seconds) is not None


def fetch(url: str, timeout_seconds: float = 5.0) -> bytes | None:
    """Return the body that GET URL (https on loopback) is answered with, None unless the status is 200.

    A kubelet has to be asked directly: the API server's node proxy refuses loopback addresses ("address not allowed",
    k8s.io/apimachinery/pkg/util/proxy IsProxyableHostname).
    """
    try:
        context = ssl.create_default_context(cafile=str(CA_CRT))
        context.load_cert_chain(PKI / "admin.crt", PKI / "admin.key")
        direct = urllib.request.ProxyHandler({})
        opener = urllib.request.build_opener(direct, urllib.request.HTTPSHandler(context=context))
        with opener.open(url, timeout=timeout_seconds) as answer:
            return bytes(answer.read()) if answer.status == HTTPStatus.OK else None
    except (urllib.error.URLError, OSError):
        return None
