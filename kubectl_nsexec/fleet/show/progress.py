"""The line on the user's terminal that says how far many commands are. By hand: rich is in no archive of ours.

with Progress(places, console) as progress, presenter(options, places, progress.console) as shown:
    progress.running(place)
    progress.ended(result)
"""

from __future__ import annotations

import os
import threading
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import TYPE_CHECKING, Final

from kubectl_nsexec.fleet.show.outcome import Outcome, outcome
from kubectl_nsexec.ui.console import Console, OutputClosedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kubectl_nsexec.fleet.result import Place, Result

AFTER_SECONDS: Final = 2.0
_EVERY_SECONDS: Final = 0.2
_COLUMNS: Final = 80
"""Of a terminal that does not say."""


class Progress(AbstractContextManager["Progress"]):
    """On stderr where that is a terminal and nobody asked for quiet, after two seconds; else it only counts.

    ``console`` is the one that everybody is to write to meanwhile: the line is gone before anything else is written,
    and back when nothing is. All may be called from any thread.
    """

    def __init__(self, places: Sequence[Place], console: Console, *, terminal: bool | None = None) -> None:
        self._of, self._nodes = len(places), len({place.node for place in places})
        self._running: set[Place] = set()
        self._done = self._failed = 0
        is_wanted = not console.quiet and (os.isatty(console.stderr_fd) if terminal is None else terminal)
        self._plain = console
        self._line = Line(console) if is_wanted else None
        self.console: Console = _Beside.of(console, self._line) if self._line else console
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


class Line:
    """One line at the bottom of a terminal, overwritten and never ended. Without escape sequences: CR and spaces do."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = threading.RLock()
        self._shown = ""

    def show(self, words: str) -> None:
        """Raises OutputClosedError."""
        with self._lock:
            cut = words[: _columns(self._console.stderr_fd) - 1]  # in the last column terminals differ
            if cut != self._shown:
                back = "" if cut else "\r"
                self._console.write_stderr(f"\r{cut.ljust(len(self._shown))}{back}".encode())
                self._shown = cut

    def clear(self) -> None:
        """Nobody may see it: that is no failure."""
        with suppress(OutputClosedError):
            self.show("")

    @contextmanager
    def cleared(self) -> Iterator[None]:
        """It is not there, and does not come back meanwhile."""
        with self._lock:
            self.clear()
            yield


class _Beside(Console):
    """A console whose terminal has the line as well."""

    _line: Line
    _is_stdout_beside: bool

    @classmethod
    def of(cls, console: Console, line: Line) -> _Beside:
        """``console``, with that line."""
        made = cls(*console)
        made._line = line
        made._is_stdout_beside = os.isatty(console.stdout_fd)
        return made

    def write_stdout(self, data: bytes | bytearray | memoryview) -> None:
        """As Console's. A pipe that nobody reads does not hold up stderr."""
        if not self._is_stdout_beside:
            self._plain().write_stdout(data)
            return
        with self._line.cleared():
            self._plain().write_stdout(data)

    def write_stderr(self, data: bytes | bytearray | memoryview) -> None:
        """As Console's."""
        with self._line.cleared():
            self._plain().write_stderr(data)

    def _plain(self) -> Console:
        return Console(*self)


def _columns(fd: int) -> int:
    with suppress(OSError):
        return os.get_terminal_size(fd).columns or _COLUMNS
    return _COLUMNS
