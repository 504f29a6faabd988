"""The flags about the helper pod, as the option parser needs them."""

from __future__ import annotations

from typing import Annotated

import typer

from kubectl_nsexec.errors import UsageError

DRY_RUN = ("none", "client")

Timeout = Annotated[
    str, typer.Option("--timeout", metavar="DURATION", help="How long it may take to start the command.")
]
MaxDuration = Annotated[
    str | None,
    typer.Option("--max-duration", metavar="DURATION", help="End the command after so long, by the node's clock."),
]
Image = Annotated[
    str | None,
    typer.Option(
        "--image", metavar="IMAGE", envvar="NSEXEC_IMAGE", help="Image with util-linux, for nodes without it."
    ),
]
HelperNamespace = Annotated[
    str | None,
    typer.Option(
        "--helper-namespace",
        metavar="NAME",
        envvar="NSEXEC_NAMESPACE",
        help="Where the helper pod runs. Without it: nsexec.",
    ),
]
DryRun = Annotated[
    str,
    typer.Option(
        "--dry-run", metavar="none|client", help="client: only print the helper pod, or what --cleanup finds."
    ),
]
Output = Annotated[
    str | None,
    typer.Option("-o", "--output", metavar="json|yaml", help="With --cleanup; yaml also with --dry-run=client."),
]
RecordArgs = Annotated[
    bool, typer.Option("--record-args", help="Write CMD's arguments into the Event and the helper pod.")
]


def check_dry_run(dry_run: str, output: str | None, *, force: bool) -> None:
    """Raises UsageError for a value that is not known, and for what goes only with another flag that is missing."""
    if force:
        raise UsageError("--force goes with --cleanup")
    if dry_run not in DRY_RUN:
        raise unknown_dry_run(dry_run)
    if output not in (None, "yaml"):
        raise UsageError(f'-o: "{output}" is not supported; only yaml is')
    if output and dry_run == "none":
        raise UsageError("-o yaml goes with --dry-run=client")


def unknown_dry_run(dry_run: str) -> UsageError:
    """For a value of --dry-run that there is not."""
    return UsageError(f'--dry-run: "{dry_run}" is neither none nor client')
