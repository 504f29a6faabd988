"""The flags of what is done instead of running a command, as the option parser needs them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from kubectl_nsexec.errors import UsageError
from kubectl_nsexec.flags.helper import DRY_RUN, check_output, unknown_dry_run

if TYPE_CHECKING:
    from collections.abc import Sequence

Cleanup = Annotated[bool, typer.Option("--cleanup", help="List the helper pods, and delete those that are over.")]
Force = Annotated[bool, typer.Option("--force", help="With --cleanup: delete all, those in use as well.")]


def check_cleanup(words: Sequence[str], dry_run: str, output: str | None) -> None:
    """Raises UsageError for what --cleanup does not take; ``words`` are those that would be a pod or a command."""
    if words:
        raise UsageError(f'--cleanup takes neither a pod nor a command, but "{words[0]}" was given')
    if dry_run not in DRY_RUN:
        raise unknown_dry_run(dry_run)
    check_output(output)
