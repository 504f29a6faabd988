"""Certificates of every kind that a kubeconfig may meet: authorities, servers that they vouch for, clients."""

from __future__ import annotations

import ssl
import subprocess
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

_ROOT: Final = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n"
_NAMES: Final = "subjectAltName=DNS:api.corp.example,DNS:localhost,IP:127.0.0.1,IP:::1,IP:fd00::1\n"
_SERVER: Final = "extendedKeyUsage=serverAuth\n"
_RSA: Final = ("-newkey", "rsa:2048")
"""kubeadm's; it takes a third of a second to find one."""
_CURVE: Final = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")


class _Kind(NamedTuple):
    """How a certificate is made: who signs it (itself: ""), its extensions (x509v3_config(5)), for how many days."""

    signer: str
    extensions: str
    days: int = 30
    key: tuple[str, ...] = _CURVE


_AUTHORITIES: Final = {
    "root": _Kind("", _ROOT, key=_RSA),
    "intermediate": _Kind("root", _ROOT, key=_RSA),
    "other": _Kind("", _ROOT),
    "no-key-usage": _Kind("", "basicConstraints=critical,CA:TRUE\n"),
    "no-constraints": _Kind("", "subjectKeyIdentifier=hash\n"),
    "expired-root": _Kind("", _ROOT, -1),
    "elliptic": _Kind("", _ROOT),
}
_SERVERS: Final = {
    "good": _Kind("intermediate", _NAMES + _SERVER, key=_RSA),
    "by-root": _Kind("root", _NAMES + _SERVER),
    "without-key-usage": _Kind("no-key-usage", _NAMES + _SERVER),
    "without-constraints": _Kind("no-constraints", _NAMES + _SERVER),
    "by-expired": _Kind("expired-root", _NAMES + _SERVER),
    "by-elliptic": _Kind("elliptic", _NAMES + _SERVER),
    "expired": _Kind("root", _NAMES + _SERVER, -1),
    "other-name": _Kind("root", "subjectAltName=DNS:other.example\n" + _SERVER),
    "no-names": _Kind("root", _SERVER),
    "wildcard": _Kind("root", "subjectAltName=DNS:*.corp.example\n" + _SERVER),
    "address-as-name": _Kind("root", "subjectAltName=DNS:127.0.0.1\n" + _SERVER),
    "for-clients": _Kind("root", _NAMES + "extendedKeyUsage=clientAuth\n"),
    "self-signed": _Kind("", _NAMES + _SERVER),
    "self-signed-authority": _Kind("", _NAMES + "basicConstraints=critical,CA:TRUE\n"),
}
_CLIENTS: Final = {
    "joe": _Kind("root", "extendedKeyUsage=clientAuth\n", key=_RSA),
    "ann": _Kind("root", "extendedKeyUsage=clientAuth\n"),
}


class Authorities:
    """All of them, as ``NAME.crt`` and ``NAME.key`` (PEM) in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.servers = tuple(_SERVERS)
        for name, kind in {**_AUTHORITIES, **_SERVERS, **_CLIENTS}.items():
            self._make(name, kind)
        self._files()

    def path(self, name: str) -> Path:
        """Of a file: ``root.crt``, ``joe.key``, …."""
        return self._folder / name

    def server_context(self, name: str) -> ssl.SSLContext:
        """A server with that certificate, and with what leads to its root; it asks clients for theirs."""
        chain = self.path(f"{name}-chain.crt")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain, self.path(f"{name}.key"))
        context.load_verify_locations(self.path("root.crt"))
        context.verify_mode = ssl.CERT_OPTIONAL
        return context

    def _make(self, name: str, kind: _Kind) -> None:
        crt, key, request, extensions = (self.path(f"{name}.{end}") for end in ("crt", "key", "csr", "ext"))
        extensions.write_text(kind.extensions)
        _openssl("req", "-new", *kind.key, "-nodes", "-keyout", key, "-out", request, "-subj", f"/O=nsexec/CN={name}")
        signed = ("-CA", self.path(f"{kind.signer}.crt"), "-CAkey", self.path(f"{kind.signer}.key"), "-CAcreateserial")
        by = signed if kind.signer else ("-signkey", key)
        _openssl("x509", "-req", "-in", request, *by, "-days", str(kind.days), "-extfile", extensions, "-out", crt)
        between = self.path("intermediate.crt").read_text() if kind.signer == "intermediate" else ""
        self.path(f"{name}-chain.crt").write_text(crt.read_text() + between)

    def _files(self) -> None:
        """Files that are put together in odd ways."""
        root, other = self.path("root.crt").read_text(), self.path("other.crt").read_text()
        joe, key = self.path("joe.crt").read_text(), self.path("joe.key").read_text()
        for name, content in {
            "bundle.crt": other + root,
            "commented.crt": f"# the root\nof 2026\n\n{root}\n# end\n",
            "windows.crt": root.replace("\n", "\r\n"),
            "half.crt": root[: len(root) // 2],
            "text.crt": "no certificate\n",
            "empty.crt": "",
            "joe-and-key.pem": joe + key,
            "key-and-joe.pem": key + joe,
        }.items():
            self.path(name).write_text(content)


def _openssl(*arguments: object) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)
