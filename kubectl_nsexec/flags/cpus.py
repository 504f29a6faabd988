"""The flags about the CPUs that the command runs on, as the option parser needs them."""

from __future__ import annotations

from typing import Annotated

import typer

Verify = Annotated[bool, typer.Option("--verify", help="Print the proof of the pin; without CMD only check.")]
Cpus = Annotated[str | None, typer.Option("--cpus", metavar="LIST", help="Run on these CPUs (else the reserved ones).")]
Profile = Annotated[
    str | None,
    typer.Option("--profile", metavar="NAME", help="Take the reserved CPUs from this PerformanceProfile."),
]
CpuSource = Annotated[
    str | None,
    typer.Option(
        "--cpu-source",
        metavar="profile|node|kubelet",
        help="Whose word counts: PerformanceProfile, CRI-O and workload pinning on the node, kubelet's configuration.",
    ),
]
