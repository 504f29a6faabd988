"""The line on the user's terminal that says how far many commands are.

with Progress(places, console) as progress, presenter(options, places, progress.console) as shown:
    progress.running(place)
    progress.ended(result)
"""

from __future__ import annotations

import os
import threading
from contextlib import AbstractContextManager, suppress
from typing import TYPE_CHECKING, Final

from kubectl_nsexec.fleet.show.outcome import Outcome, outcome
from kubectl_nsexec.ui.console import OutputClosedError
from kubectl_nsexec.ui.line import Beside, Line
from kubectl_nsexec.ui.waiting import is_wanted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kubectl_nsexec.fleet.result import Place, Result
    from kubectl_nsexec.ui.console import Console

AFTER_SECONDS: Final = 2.0
_EVERY_SECONDS: Final = 0.2


class Progress(AbstractContextManager["Progress"]):
    """On stderr where that is a terminal and nobody asked for quiet, after two seconds; else it only counts.

    ``console`` is the one that everybody is to write to meanwhile: the line is gone before anything else is written,
    and back when nothing is. All may be called from any thread.
    """

    def __init__(self, places: Sequence[Place], console: Console, *, terminal: bool | None = None) -> None:
        self._of, self._nodes = len(places), len({place.node for place in places})
        self._running: set[Place] = set()
        self._done = self._failed = 0
        wanted = is_wanted(console, os.environ) if terminal is None else terminal and not console.quiet
        self._line = Line(console) if wanted else None
        self.console: Console = Beside.of(console, self._line) if self._line else console
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def running(self, place: Place) -> None:
        """Its command is being started."""
        self._running.add(place)

    def ended(self, result: Result) -> None:
        """It has, or it never started."""
        self._running.discard(result.place)
        self._done += 1  # of a thread that comes between, the worst is a number of a fifth of a second
        self._failed += outcome(result) is not Outcome.OK

    def words(self) -> str:
        """The line."""
        failed = f" ({self._failed} failed)" if self._failed else ""
        nodes = "1 node" if self._nodes == 1 else f"{self._nodes} nodes"
        return f"{self._done} of {self._of} done{failed}, {len(self._running)} running, on {nodes}"

    def __enter__(self) -> Progress:  # noqa: PYI034 - Self is Python 3.11's
        if self._line:
            self._thread = threading.Thread(target=self._draw, args=(self._line,), daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._line and self._thread:
            self._thread.join()
            self._line.clear()

    def _draw(self, line: Line) -> None:
        """The thread."""
        wait = AFTER_SECONDS
        with suppress(OutputClosedError):  # who writes next is told
            while not self._over.wait(wait):
                line.show(self.words())
                wait = _EVERY_SECONDS
