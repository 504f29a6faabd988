"""Which transport to the node the user wants (--via), as one value."""

from __future__ import annotations

import sys
from typing import NamedTuple

from kubectl_nsexec.errors import UsageError

POD, SSH, LOCAL = "pod", "ssh", "local"
DEFAULT_SSH_USER = "core"
"""RHCOS' own."""


class Via(NamedTuple):
    """``kind``: a helper pod, the user's ssh, or a shell on this machine, which is the node."""

    kind: str = POD
    ssh_user: str = DEFAULT_SSH_USER
    """Empty: by ssh's own configuration."""
    ssh_options: tuple[str, ...] = ()
    """``NAME=VALUE`` as in ssh_config(5)."""


THROUGH_POD = Via()


def of_flags(kind: str, ssh_user: str, ssh_options: tuple[str, ...]) -> Via:
    """The flags' words as one value. Raises UsageError."""
    if kind not in (POD, SSH, LOCAL):
        raise UsageError(f'--via: "{kind}" is neither pod, ssh nor local')
    if kind != POD and sys.platform == "win32":  # a program's stdin cannot be a socket there (process_link)
        raise UsageError(f"--via {kind} does not work on Windows; without it the node is reached by a helper pod")
    if ssh_options and kind != SSH:
        raise UsageError("--ssh-option goes with --via ssh")
    if "\0" in ssh_user or any("\0" in option for option in ssh_options):
        raise UsageError("an argument cannot contain a NUL byte")
    return Via(kind, ssh_user, ssh_options)
