"""The flags that give the command more than ``oc exec`` would, as the option parser needs them.

The command's user has none of its own here: kubectl's --user serves for both (flags.connection).
"""

from __future__ import annotations

from typing import Annotated

import typer

from kubectl_nsexec import asked

Privileged = Annotated[
    bool, typer.Option("--privileged", help="Run as root with every capability, as nsenter -a would.")
]
HostTools = Annotated[
    bool,
    typer.Option(
        "--host-tools", help="Run the node's own program as root. Every namespace but the mounts is the container's."
    ),
]
Process = Annotated[
    str | None,
    typer.Option("--process", metavar="NAME|PID", help="Enter this process of the container instead of its first one."),
]


def powers(user: str | None, process: str | None, *, privileged: bool, host_tools: bool) -> asked.Powers:
    """The flags' words as one value. Raises UsageError."""
    return asked.Powers(
        privileged=privileged,
        host_tools=host_tools,
        user=None if user is None else asked.user(user),
        process=None if process is None else asked.process(process),
    )
