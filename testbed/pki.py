"""Keys and certificates of the cluster, made by openssl(1), and kubeconfigs that carry them inside."""

import base64
import json
import os
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from testbed.errors import ClusterError
from testbed.paths import PKI

CA_CRT: Final = PKI / "ca.crt"
CA_KEY: Final = PKI / "ca.key"
SERVICE_ACCOUNT_KEY: Final = PKI / "service-account.key"

_DAYS: Final = "365"
_RENEW_BEFORE_SECONDS: Final = str(7 * 24 * 3600)


def ensure_ca() -> None:
    """Make the certificate authority and the key that signs service account tokens, unless they are there."""
    PKI.mkdir(parents=True, exist_ok=True)
    PKI.chmod(0o700)
    if not (CA_CRT.exists() and _still_valid(CA_CRT)):
        for stale in PKI.iterdir():
            stale.unlink()
        _openssl(
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(CA_KEY), "-out", str(CA_CRT),
            "-days", _DAYS, "-subj", "/CN=oc-nsexec-testbed",
        )  # fmt: skip
    if not SERVICE_ACCOUNT_KEY.exists():
        _openssl("genrsa", "-out", str(SERVICE_ACCOUNT_KEY), "2048")


def certificate(name: str, common_name: str, organization: str, sans: Iterable[str] = ()) -> tuple[Path, Path]:
    """Return the paths (certificate, key) of NAME, signed by our authority, making them when needed.

    ``sans`` are openssl's words, e.g. ``IP:127.0.0.1`` or ``DNS:localhost``. For a client the common name is the user
    and the organization its group (https://kubernetes.io/docs/reference/access-authn-authz/authentication/#x509).
    A pair that was made for another subject, by another authority, or that expires within a week is made again.
    """
    ensure_ca()
    crt, key, made_for = PKI / f"{name}.crt", PKI / f"{name}.key", PKI / f"{name}.json"
    wanted = json.dumps([common_name, organization, list(sans)])
    if crt.exists() and made_for.exists() and made_for.read_text() == wanted and _still_valid(crt):
        return crt, key
    request, extensions = PKI / f"{name}.csr", PKI / f"{name}.ext"
    alternative = json.loads(wanted)[2]
    extensions.write_text(f"subjectAltName={','.join(alternative)}\n" if alternative else "")
    # Elliptic: each exec is a handshake with the kubelet, which spent a twelfth of its time on RSA when emulated.
    _openssl(
        "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
        "-keyout", str(key), "-out", str(request), "-subj", f"/O={organization}/CN={common_name}",
    )  # fmt: skip
    serial = str(int.from_bytes(os.urandom(8), "big") >> 1)  # two threads may sign at once: no shared serial file
    _openssl(
        "x509", "-req", "-in", str(request), "-CA", str(CA_CRT), "-CAkey", str(CA_KEY), "-set_serial", serial,
        "-days", _DAYS, "-out", str(crt), "-extfile", str(extensions),
    )  # fmt: skip
    made_for.write_text(wanted)
    return crt, key


def kubeconfig(path: Path, user: str, server: str) -> Path:
    """Write a kubeconfig with everything inside: the authority and the pair that ``certificate(user, …)`` made.

    The file is JSON (which is YAML), readable by its owner only, and may be copied to another machine.
    """

    def data(file: Path) -> str:
        return base64.b64encode(file.read_bytes()).decode()

    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "testbed", "cluster": {"server": server, "certificate-authority-data": data(CA_CRT)}}],
        "users": [
            {
                "name": user,
                "user": {
                    "client-certificate-data": data(PKI / f"{user}.crt"),
                    "client-key-data": data(PKI / f"{user}.key"),
                },
            }
        ],
        "contexts": [{"name": "testbed", "context": {"cluster": "testbed", "user": user}}],
        "current-context": "testbed",
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.new")
    scratch.touch(mode=0o600)
    scratch.write_text(json.dumps(content, indent=1) + "\n")
    scratch.replace(path)
    return path


def _still_valid(crt: Path) -> bool:
    check = ["openssl", "x509", "-in", str(crt), "-noout", "-checkend", _RENEW_BEFORE_SECONDS]
    return subprocess.run(check, capture_output=True, check=False).returncode == 0


def _openssl(*arguments: str) -> None:
    try:
        done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise ClusterError("openssl is not installed: python3 -m testbed packages cluster") from error
    if done.returncode != 0:
        raise ClusterError(f"openssl {' '.join(arguments)} failed: {done.stderr.strip()}")
