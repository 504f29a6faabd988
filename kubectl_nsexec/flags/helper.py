"""The flags about the helper pod, as the option parser needs them."""

from __future__ import annotations

from typing import Annotated

import typer

from kubectl_nsexec.errors import UsageError

Timeout = Annotated[
    str, typer.Option("--timeout", metavar="DURATION", help="How long it may take to start the command.")
]
Image = Annotated[
    str | None,
    typer.Option(
        "--image", metavar="IMAGE", envvar="NSEXEC_IMAGE", help="Image with util-linux, for nodes without it."
    ),
]
HelperNamespace = Annotated[
    str,
    typer.Option("--helper-namespace", metavar="NAME", envvar="NSEXEC_NAMESPACE", help="Where the helper pod runs."),
]
DryRun = Annotated[str, typer.Option("--dry-run", metavar="none|client", help="client: only print the helper pod.")]
Output = Annotated[str | None, typer.Option("-o", "--output", metavar="yaml", help="With --dry-run.")]
RecordArgs = Annotated[
    bool, typer.Option("--record-args", help="Write CMD's arguments into the Event and the helper pod.")
]


def check_dry_run(dry_run: str, output: str | None) -> None:
    """Raises UsageError for a value that is not known, and for an output form without a dry run."""
    if dry_run not in ("none", "client"):
        raise UsageError(f'--dry-run: "{dry_run}" is neither none nor client')
    if output not in (None, "yaml"):
        raise UsageError(f'-o: "{output}" is not supported; only yaml is')
    if output and dry_run == "none":
        raise UsageError("-o yaml goes with --dry-run=client")
