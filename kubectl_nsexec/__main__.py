"""The one entry point of ``oc-nsexec``, ``kubectl-nsexec`` and ``python -m kubectl_nsexec``."""

from __future__ import annotations

import sys


def main() -> None:
    """Runs the process's own command line and exits with its status."""
    from kubectl_nsexec import cli  # noqa: PLC0415 - so that an interrupt while importing is ours to handle
    from kubectl_nsexec.console import Console  # noqa: PLC0415 - as above

    try:
        status = cli.main(sys.argv)
    except Exception as error:  # noqa: BLE001 - the outermost place
        status = cli.unexpected(error, Console())
    sys.exit(status)  # not os._exit: the client removes the key files that it made of a kubeconfig at exit


if __name__ == "__main__":
    main()
