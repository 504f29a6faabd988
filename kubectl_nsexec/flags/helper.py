"""The flags about the helper pod, as the option parser needs them."""

from __future__ import annotations

from typing import Annotated

import typer

from kubectl_nsexec.errors import UsageError

DRY_RUN = ("none", "client")
OUTPUTS = ("json", "yaml")

Timeout = Annotated[
    str, typer.Option("--timeout", metavar="DURATION", help="How long it may take to start the command.")
]
MaxDuration = Annotated[
    str | None,
    typer.Option("--max-duration", metavar="DURATION", help="End the command after so long, by the node's clock."),
]
Keep = Annotated[
    str | None,
    typer.Option(
        "--keep",
        metavar="DURATION",
        envvar="NSEXEC_KEEP",
        help="Leave the helper pod for your next command on that node, for so long. 0 ends it.",
    ),
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
    typer.Option(
        "-o", "--output", metavar="json|yaml", help="With --verify, --dry-run=client or --cleanup: for scripts."
    ),
]
RecordArgs = Annotated[
    bool, typer.Option("--record-args", help="Write CMD's arguments into the Event and the helper pod.")
]


def check_dry_run(dry_run: str, output: str | None, *, verify: bool, force: bool) -> None:
    """Raises UsageError for a value that is not known, and for what goes only with another flag that is missing."""
    if force:
        raise UsageError("--force goes with --cleanup")
    if dry_run not in DRY_RUN:
        raise unknown_dry_run(dry_run)
    check_output(output)
    if output and dry_run == "none" and not verify:
        raise UsageError(f"-o {output} goes with --verify, --dry-run=client or --cleanup")


def check_output(output: str | None) -> None:
    """Raises UsageError for a value of -o that there is not."""
    if output not in (None, *OUTPUTS):
        raise UsageError(f'-o: "{output}" is neither {" nor ".join(OUTPUTS)}')


def unknown_dry_run(dry_run: str) -> UsageError:
    """For a value of --dry-run that there is not."""
    return UsageError(f'--dry-run: "{dry_run}" is neither none nor client')
