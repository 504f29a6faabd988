"""The flags of ``oc exec`` and ``oc rsh``, as the option parser needs them."""

from __future__ import annotations

from typing import Annotated

import typer

Pod = Annotated[
    list[str] | None,
    typer.Argument(metavar="(POD | TYPE/NAME)", help="The pod, or what leads to one.", show_default=False),
]
Namespace = Annotated[
    str | None, typer.Option("-n", "--namespace", metavar="NAME", help="The pod's namespace (else the context's).")
]
Container = Annotated[
    str | None, typer.Option("-c", "--container", metavar="NAME", help="The container (else the pod's default one).")
]
Stdin = Annotated[bool, typer.Option("-i", "--stdin", help="Pass stdin to the command.")]
Tty = Annotated[bool, typer.Option("-t", "--tty", help="With -i: give the command a terminal.")]
NoTty = Annotated[bool, typer.Option("-T", "--no-tty", help="Give the shell no terminal.")]
Shell = Annotated[str, typer.Option("--shell", metavar="PATH", help="What to run when no command is given.")]
Filename = Annotated[
    str | None,
    typer.Option("-f", "--filename", metavar="FILE", help="A manifest that names it, instead of POD; - is stdin."),
]
PodRunningTimeout = Annotated[
    str,
    typer.Option("--pod-running-timeout", metavar="DURATION", help="How long to wait for a pod of TYPE/NAME."),
]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Only the command's own output.")]
