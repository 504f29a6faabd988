"""The TLS context that all connections of a run share, whichever thread makes them."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest

from kubectl_nsexec.kube import tls
from kubectl_nsexec.kube.client import Client, configuration, failures
from tests.unit.raw_server import SECONDS, raw_server

if TYPE_CHECKING:
    from collections.abc import Callable

CHANGES = ("load_cert_chain", "load_default_certs", "load_verify_locations", "set_alpn_protocols", "set_ciphers")
"""What SSL_CTX_new(3) forbids once a connection was made by it: OpenSSL frees what another thread's one copies."""


@pytest.mark.parametrize("verified", [True, False])
def test_no_connection_changes_it(monkeypatch: pytest.MonkeyPatch, *, verified: bool) -> None:
    """Whatever urllib3 would set for each."""
    changes = []

    def noting(name: str, theirs: Callable[..., object]) -> Callable[..., object]:
        def change(*arguments: object) -> object:
            changes.append(name)
            return theirs(*arguments)

        return change

    for name in CHANGES:
        monkeypatch.setattr(ssl.SSLContext, name, noting(name, getattr(ssl.SSLContext, name)))
    with raw_server([], []) as server:  # it hangs up on each, and one is tried once more
        told = configuration(server.configuration.host.replace("http:", "https:"))
        told.verify_ssl = verified
        made = Client(told)
        when_made = list(changes)
        with pytest.raises(failures()):
            made.send("GET", "/", [], connect_seconds=SECONDS, read_seconds=SECONDS)
    assert server.connections == 2
    assert when_made == ["set_alpn_protocols", *["load_default_certs"] * verified]
    assert changes == when_made


def test_it_offers_http_1_1_and_nothing_else() -> None:
    """A server that chose HTTP/2 could not make a WebSocket of a connection."""
    said = ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        tls.context(configuration()).wrap_bio(ssl.MemoryBIO(), said, server_hostname="localhost").do_handshake()
    extension = b"\x00\x10" + b"\x00\x0b" + b"\x00\x09" + b"\x08http/1.1"  # RFC 7301, 3.1
    assert extension in said.read()
