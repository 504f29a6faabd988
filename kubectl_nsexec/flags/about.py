"""The flags about the tool itself, as the option parser needs them."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from kubectl_nsexec import __version__

Options = Annotated[bool, typer.Option("--options", help="Show every flag, by what it is about, and exit.")]
Version = Annotated[
    bool, typer.Option("--version", help="Show the versions of the tool and of what it runs with, and exit.")
]


def versions(program: str) -> str:
    """What --version prints: what a report of a defect should name."""
    from importlib import metadata  # noqa: PLC0415 - only for --version: start-up time

    try:
        client = metadata.version("kubernetes")
    except metadata.PackageNotFoundError:
        client = "of an unknown version"
    python = ".".join(map(str, sys.version_info[:3]))
    return f"{program} {__version__}\nPython {python} on {sys.platform}\nkubernetes {client} (the Python client)"
