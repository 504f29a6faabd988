"""The flags about the way onto the node, as the option parser needs them."""

from __future__ import annotations

from typing import Annotated

import typer

Kind = Annotated[
    str,
    typer.Option(
        "--via",
        metavar="pod|ssh|local",
        envvar="NSEXEC_VIA",
        help="The way onto the node: a helper pod, your own ssh, or local: this machine is the node, and you its root.",
    ),
]
SshUser = Annotated[
    str,
    typer.Option(
        "--ssh-user",
        metavar="NAME",
        envvar="NSEXEC_SSH_USER",
        help="Who to log in as with --via ssh, root or with sudo; '' leaves it to ssh's configuration.",
    ),
]
SshOption = Annotated[
    list[str] | None,
    typer.Option("--ssh-option", metavar="NAME=VALUE", help="Passed to ssh as -o; may be repeated."),
]
