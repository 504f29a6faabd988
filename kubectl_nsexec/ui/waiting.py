"""What a run waits for before its command starts, told on the user's terminal once that takes longer than a second.

with waiting.on_terminal(console, os.environ) as waits:
    waits.on("the API server")      # what comes next
    waits.over()                    # the command is next: the line is gone, and does not come back
"""

from __future__ import annotations

import os
import time
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from kubectl_nsexec.ui.console import Console

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Waiting(AbstractContextManager["Waiting"]):
    """Tells nobody: where there is no terminal, or nobody wants to know. ``waiting_line.WaitingLine`` tells."""

    def __init__(self, console: Console | None = None) -> None:
        self.console: Console = console or Console()
        """The one that everybody is to write to meanwhile."""

    def on(self, what: str) -> None:
        """From now on ``what`` is waited for: words that follow "waiting for"."""

    def over(self) -> None:
        """Nothing is waited for any more; may be called again."""

    def __exit__(self, *_: object) -> None:
        self.over()


NOBODY = Waiting()


def is_wanted(console: Console, environment: Mapping[str, str]) -> bool:
    """Whether a line may come and go: stderr is a terminal that can go back in a line, and nobody asked for quiet."""
    return not console.quiet and os.isatty(console.stderr_fd) and environment.get("TERM") != "dumb"


def on_terminal(
    console: Console, environment: Mapping[str, str], clock: Callable[[], float] = time.monotonic
) -> Waiting:
    """The line where it ``is_wanted``; else nothing of it is imported, and nobody is told."""
    if not is_wanted(console, environment):
        return Waiting(console)
    from kubectl_nsexec.ui.waiting_line import WaitingLine  # noqa: PLC0415 - not in a script

    return WaitingLine(console, clock)
