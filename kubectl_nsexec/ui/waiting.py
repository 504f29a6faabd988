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
    """Tells nobody: where there is no terminal, or nobody wants to know. Those of ``waiting_line`` tell."""

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
    """Whether a line may come and go: somebody wants to know, on a terminal that can go back in a line."""
    return _is_heard(console) and not _stays(environment)


def on_terminal(
    console: Console, environment: Mapping[str, str], clock: Callable[[], float] = time.monotonic
) -> Waiting:
    """On stderr where that is a terminal and nobody asked for quiet; else nobody is told, and nothing is imported.

    A terminal that cannot go back in a line gets one that stays, for each long wait.
    """
    if not _is_heard(console):
        return Waiting(console)
    from kubectl_nsexec.ui import waiting_line  # noqa: PLC0415 - not in a script

    return (waiting_line.WaitingLines if _stays(environment) else waiting_line.WaitingLine)(console, clock)


def _is_heard(console: Console) -> bool:
    return not console.quiet and os.isatty(console.stderr_fd)


def _stays(environment: Mapping[str, str]) -> bool:
    """Whether what is written to the terminal cannot be written over: Emacs' shell, and what screen readers ask for."""
    return environment.get("TERM") == "dumb"
