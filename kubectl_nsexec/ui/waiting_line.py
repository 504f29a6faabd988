"""The line that says what a run waits for, and for how long."""

from __future__ import annotations

import os
import threading
from abc import abstractmethod
from contextlib import suppress
from typing import TYPE_CHECKING, Final, TypeVar

from kubectl_nsexec.ui.console import OutputClosedError
from kubectl_nsexec.ui.line import Beside, Line
from kubectl_nsexec.ui.waiting import Waiting

if TYPE_CHECKING:
    from collections.abc import Callable

    from kubectl_nsexec.ui.console import Console

AFTER_SECONDS: Final = 1.0
"""So long nobody minds, and most runs have begun by then."""
STAYS_AFTER_SECONDS: Final = 5.0
"""Before a line that cannot be taken back."""
_EVERY_SECONDS: Final = 0.2


_Teller = TypeVar("_Teller", bound="_Told")


class _Told(Waiting):
    """From ``__enter__`` to ``over`` a thread tells it, so that whoever waits need not know of it.

    ``on`` and ``over`` are the main thread's. Begin it after the process has forked: a thread is not in the copy.
    """

    def __init__(self, console: Console, clock: Callable[[], float]) -> None:
        super().__init__(console)
        self._clock = clock
        self._began = 0.0
        self._now_for: tuple[str, float] | None = None
        """What is waited for, and since when; one value, so that the thread sees both of one moment."""
        self._is_over = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self: _Teller) -> _Teller:  # noqa: PYI019 - Self is Python 3.11's
        self._began = self._clock()
        self._thread = threading.Thread(target=self._tell, daemon=True)
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

    @abstractmethod
    def tell(self) -> None:
        """What there is to tell just now. Raises OutputClosedError."""

    def _tell(self) -> None:
        """The thread."""
        with suppress(OutputClosedError):  # who writes next is told
            while not self._is_over.wait(_EVERY_SECONDS):
                self.tell()


class WaitingLine(_Told):
    """On a line that is written over, and gone in the end."""

    def __init__(self, console: Console, clock: Callable[[], float]) -> None:
        self._line = Line(console)
        super().__init__(Beside.of(console, self._line), clock)

    def over(self) -> None:
        """See Waiting."""
        super().over()
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

    def tell(self) -> None:
        """See _Told."""
        self._line.show(*self.words())


class WaitingLines(_Told):
    """By a line that stays, once for whatever takes long: for terminals that cannot go back, and what reads them."""

    _last: tuple[str, float] | None = None

    def tell(self) -> None:
        """See _Told."""
        now_for = self._now_for
        if now_for is None or now_for == self._last or self._clock() - now_for[1] < STAYS_AFTER_SECONDS:
            return
        if _in_foreground(self.console.stderr_fd):
            self._last = now_for
            self.console.notice(f"waiting for {now_for[0]}")


def _in_foreground(fd: int) -> bool:
    """Whether the terminal is ours; in the background the user is at the shell's prompt. tcgetpgrp(3)."""
    with suppress(OSError, AttributeError):  # not the terminal of our session; Windows has no such thing
        return os.tcgetpgrp(fd) == os.getpgrp()
    return True
