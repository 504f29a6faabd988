"""The flags about the CPUs that the command runs on, as the option parser needs them."""

from __future__ import annotations

from typing import Annotated

import typer

Verify = Annotated[bool, typer.Option("--verify", help="Print the proof of the pin; without CMD only check.")]
Cpus = Annotated[str | None, typer.Option("--cpus", metavar="LIST", help="Run on these CPUs (else the reserved ones).")]
