"""SIGINT, SIGTERM, SIGHUP, SIGQUIT and SIGBREAK as exceptions, so that every ``finally`` runs."""

from __future__ import annotations

import _thread
import signal
import sys
import time
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from kubectl_nsexec.ui import early_signals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from sys import UnraisableHookArgs
    from types import FrameType

_SIGNALS = tuple(getattr(signal, name) for name in early_signals.NAMES if hasattr(signal, name))
_MAIN_THREAD = _thread.get_ident()
_AGAIN_AFTER_SECONDS = 0.005
"""How long what a signal cannot be raised in has to come to its end."""
_IMPORTING = "<frozen importlib."
"""How the names begin that Python gives its import system's own source."""


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

    What a handler raises within a weak reference's callback, a destructor or a hook of os.fork cannot leave it: Python
    tells sys.unraisablehook and goes on. Within an import, and where a ``with`` takes or gives back what it is for, it
    may leave a lock behind that is held for ever, and another thread waits for it. Such a signal is sent again.
    """

    def __init__(self) -> None:
        self._deferred = 0
        self._received: int | None = None
        self._raised = False
        self._first: Callable[[], object] | None = None

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT and self._first is not None:
            first, self._first = self._first, None
            first()
            return
        if self._received is None:
            self._received = number
        if not self._raised and _may_hold_a_lock(frame):
            self._send_again(self._received)
        else:
            self._raise_pending()

    def _raise_pending(self) -> None:
        if self._received is not None and not self._deferred and not self._raised:
            self._raised = True
            raise SignalReceived(self._received)

    @contextmanager
    def asked(self, first: Callable[[], object]) -> Iterator[None]:
        """Within, the first Ctrl-C is a question: ``first`` is called, between any two steps of the main thread.

        The second raises, as every other signal does at once.
        """
        self._first = first
        try:
            yield
        finally:
            self._first = None

    def pending(self) -> bool:
        """Whether a signal has arrived, also one that is deferred."""
        return self._received is not None

    @contextmanager
    def as_exceptions(self) -> Iterator[None]:
        """Within, the signals raise; their former handlers come back afterwards.

        What is ignored when we begin stays so: nohup(1) and a shell's background jobs mean it.
        """
        heeded = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
        former = {number: signal.signal(number, self._handle) for number in heeded}
        hook = sys.unraisablehook
        sys.unraisablehook = partial(self._unraisable, hook)
        try:
            yield
        finally:
            sys.unraisablehook = hook
            for number, handler in former.items():
                signal.signal(number, handler)

    def _unraisable(self, others: Callable[[UnraisableHookArgs], object], unraisable: UnraisableHookArgs) -> None:
        if isinstance(unraisable.exc_value, SignalReceived):
            self._raised = False
            self._send_again(unraisable.exc_value.number)
        else:
            others(unraisable)

    def _send_again(self, number: int) -> None:
        _thread.start_new_thread(self._again, (number,))  # threading's locks may be held where we were called

    def _again(self, number: int) -> None:
        time.sleep(_AGAIN_AFTER_SECONDS)
        if hasattr(signal, "pthread_kill"):
            signal.pthread_kill(_MAIN_THREAD, number)  # also ends what it waits for
        else:
            signal.raise_signal(number)

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Within, a signal waits: for steps that must not be cut in two, such as creating a pod."""
        self._deferred += 1
        try:
            yield
        finally:
            self._deferred -= 1
        self._raise_pending()


def _may_hold_a_lock(frame: FrameType | None) -> bool:
    """Whether it is a step of Python code that has taken a lock and does not give it back should an exception come.

    Such code has ``acquire()`` before its ``try``, or in an ``__enter__``, as threading's conditions have it.
    """
    if frame and frame.f_code.co_name in ("__enter__", "__exit__"):
        return True
    while frame:
        if frame.f_code.co_filename.startswith(_IMPORTING):
            return True
        frame = frame.f_back
    return False
