"""What the archive's executable runs: the whole tool in one program, which goes by the name it was called by.

``kubectl-nsexec``, ``oc-nsexec``: the tool; ``kubectl_complete-nsexec``, ``oc_complete-nsexec``: its completion.
"""

# Nothing but what Python has by itself is imported here: Ctrl-C is ours to answer only once main has begun.
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import MutableMapping

_COMPLETION = {"kubectl_complete-nsexec", "oc_complete-nsexec"}
_ROOTS = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
"""Where systems keep the certificates they trust (Go's crypto/x509 looks there, so kubectl does)."""


def give_back(environment: "MutableMapping[str, str]") -> None:
    """Take the loader's own variables out, so that exec plugins and ssh load their own libraries, not the archive's.

    https://pyinstaller.org/en/stable/runtime-information.html#ld-library-path-libpath-considerations
    """
    for name in ("LD_LIBRARY_PATH", "LIBPATH"):
        before = environment.pop(f"{name}_ORIG", None)
        if before is not None:
            environment[name] = before
        elif environment.get(name) == getattr(sys, "_MEIPASS", None):
            environment.pop(name, None)
    for name in [name for name in environment if name.startswith("_PYI_")]:
        del environment[name]


def trust(environment: "MutableMapping[str, str]") -> None:
    """Name the system's certificates: the archive's OpenSSL looks where the machine that built it had them."""
    if "SSL_CERT_FILE" in environment or "SSL_CERT_DIR" in environment:
        return
    from pathlib import Path  # noqa: PLC0415 - see above

    found = next((place for place in _ROOTS if Path(place).exists()), None)
    if found is not None:
        environment["SSL_CERT_FILE"] = found


def main() -> None:
    """Runs what the process was called as."""
    from kubectl_nsexec.ui import early_signals  # noqa: PLC0415 - see above

    early_signals.end_the_process()
    from pathlib import Path  # noqa: PLC0415 - as above

    give_back(os.environ)
    if sys.platform != "win32":  # Windows has a store of its own, which Python reads
        trust(os.environ)
    if Path(sys.argv[0]).name.removesuffix(".exe") in _COMPLETION:
        from kubectl_nsexec.cli.completion.main import main as run  # noqa: PLC0415 - one of the two is enough
    else:
        from kubectl_nsexec.__main__ import main as run  # noqa: PLC0415 - as above
    run()


if __name__ == "__main__":
    main()
