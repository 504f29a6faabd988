"""The line that says what a run waits for, and for how long."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from kubectl_nsexec.ui.console import OutputClosedError
from kubectl_nsexec.ui.line import Beside, Line
from kubectl_nsexec.ui.waiting import Waiting

if TYPE_CHECKING:
    from collections.abc import Callable

    from kubectl_nsexec.ui.console import Console

AFTER_SECONDS: Final = 1.0
"""So long nobody minds, and most runs have begun by then."""
_EVERY_SECONDS: Final = 0.2


class WaitingLine(Waiting):
    """From ``__enter__`` to ``over`` a thread shows it, so that whoever waits need not know of it.

    ``on`` and ``over`` are the main thread's. Begin it after the process has forked: a thread is not in the copy.
    """

    def __init__(self, console: Console, clock: Callable[[], float]) -> None:
        self._line = Line(console)
        super().__init__(Beside.of(console, self._line))
        self._clock = clock
        self._began = 0.0
        self._now_for: tuple[str, float] | None = None
        """What is waited for, and since when; one value, so that the thread sees both of one moment."""
        self._is_over = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> WaitingLine:  # noqa: PYI034 - Self is Python 3.11's
        self._began = self._clock()
        self._thread = threading.Thread(target=self._draw, daemon=True)
        self._thread.start()
        return self

    def on(self, what: str) -> None:
        """See Waiting."""
        if self._now_for is None or self._now_for[0] != what:
            self._now_for = (what, self._clock())

    def over(self) -> None:
        """See Waiting."""
        self._is_over.set()
        if self._thread:
            self._thread.join()
        self._line.clear()

    def words(self) -> tuple[str, str]:
        """What there is to show just now, and its end, which is never cut: for how long.

        Nothing in the first second, nor while another has the terminal.
        """
        now = self._clock()
        if self._now_for is None or now - self._began < AFTER_SECONDS or not _in_foreground(self.console.stderr_fd):
            return "", ""
        what, since = self._now_for
        seconds = int(now - since)
        return f"waiting for {what}", f", {seconds} s" if seconds else ""

    def _draw(self) -> None:
        """The thread."""
        with suppress(OutputClosedError):  # who writes next is told
            while not self._is_over.wait(_EVERY_SECONDS):
                self._line.show(*self.words())


def _in_foreground(fd: int) -> bool:
    """Whether the terminal is ours; in the background the user is at the shell's prompt. tcgetpgrp(3)."""
    with suppress(OSError, AttributeError):  # not the terminal of our session; Windows has no such thing
        return os.tcgetpgrp(fd) == os.getpgrp()
    return True
