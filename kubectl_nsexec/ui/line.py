"""One line at the bottom of the user's terminal that comes and goes, and a console beside it.

Without escape sequences: a carriage return and spaces do, on every terminal that can go back in a line. Why it is by
hand: docs/architecture.md.
"""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from kubectl_nsexec.ui import width
from kubectl_nsexec.ui.console import Console, OutputClosedError, harmless

if TYPE_CHECKING:
    from collections.abc import Iterator

_DOTS: Final = "..."
"""Of one column each on every terminal, whatever its character set."""
_ECHO_COLUMNS: Final = len("^C")
"""What a terminal itself shows of a Ctrl-C (termios(3), ECHOCTL), right behind the line."""


class Line:
    """The line, overwritten and never ended, no wider than the terminal is just now."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = threading.RLock()
        self._shown = ""

    def show(self, words: str, end: str = "") -> None:
        """``end`` follows the words, and is there as well where they have to be cut. Raises OutputClosedError."""
        with self._lock:
            room = width.of(self._console.stderr_fd) - 1  # in the last column terminals differ
            cut = _cut(harmless(words), end, room)
            if cut != self._shown:
                back, echo = ("", 0) if cut else ("\r", _ECHO_COLUMNS)
                covered = min(len(self._shown) + echo, room)
                self._console.write_stderr(f"\r{cut.ljust(covered)}{back}".encode())
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


class Beside(Console):
    """A console whose terminal has the line as well: it is gone before anything else is written."""

    _line: Line
    _is_stdout_beside: bool

    @classmethod
    def of(cls, console: Console, line: Line) -> Beside:
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


def _cut(words: str, end: str, room: int) -> str:
    left = room - len(_DOTS) - len(end)
    if not end or len(words) + len(end) <= room or left < 1:
        return (words + end)[:room]
    return f"{words[:left]}{_DOTS}{end}"
