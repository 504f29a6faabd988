"""What a report of a defect should name."""

from __future__ import annotations

import sys
from importlib import metadata

from kubectl_nsexec import __version__


def shown(program: str) -> str:
    """What --version prints."""
    try:
        client = metadata.version("kubernetes")
    except metadata.PackageNotFoundError:
        client = "of an unknown version"
    python = ".".join(map(str, sys.version_info[:3]))
    return f"{program} {__version__}\nPython {python} on {sys.platform}\nkubernetes {client} (the Python client)"
