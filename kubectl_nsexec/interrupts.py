"""SIGINT, SIGTERM, SIGHUP, SIGQUIT and SIGBREAK as exceptions, so that every ``finally`` runs."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGBREAK")
"""SIGBREAK is Windows' own, which lacks SIGHUP and SIGQUIT."""
_SIGNALS = tuple(getattr(signal, name) for name in _NAMES if hasattr(signal, name))


class SignalReceived(BaseException):
    """One of the signals above arrived; ``number`` says which."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Interrupts:
    """Raises SignalReceived in the main thread, at once or at the end of a ``deferred`` block.

    The first signal is the one that counts: later ones find the clean-up already under way and are
    dropped, so that an impatient second Ctrl-C cannot leave a pod behind. What the clean-up may
    take is bounded by its own time-outs.
    """

    def __init__(self) -> None:
        self._deferred = 0
        self._received: int | None = None
        self._raised = False

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self._received is None:
            self._received = number
        self._raise_pending()

    def _raise_pending(self) -> None:
        if self._received is not None and not self._deferred and not self._raised:
            self._raised = True
            raise SignalReceived(self._received)

    @contextmanager
    def as_exceptions(self) -> Iterator[None]:
        """Within, the signals raise; their former handlers come back afterwards."""
        former = {number: signal.signal(number, self._handle) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in former.items():
                signal.signal(number, handler)

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Within, a signal waits: for steps that must not be cut in two, such as creating a pod."""
        self._deferred += 1
        try:
            yield
        finally:
            self._deferred -= 1
        self._raise_pending()
