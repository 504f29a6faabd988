"""Signals as a program has them that a user starts at a terminal, whoever starts it. Standard library only.

nohup(1) ignores SIGHUP, a shell without job control SIGINT and SIGQUIT for what it runs in the background, and some
supervisors ignore or block others. All of that is inherited through fork(2) and execve(2), into every program that a
test starts and every container of the test bed.
"""

import os
import signal
from types import FrameType

_PYTHONS_OWN = frozenset(getattr(signal, name) for name in ("SIGPIPE", "SIGXFZ", "SIGXFSZ") if hasattr(signal, name))
"""What the interpreter itself ignores (subprocess gives its children the default again)."""
_GO_ON = frozenset((signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM))
"""Whoever ignores these wants us to go on: we do, by a handler, which execve(2) turns into the default."""


def _go_on(_number: int, _frame: FrameType | None) -> None:
    return


def as_at_a_terminal() -> None:
    """Nothing is blocked, nothing is ignored, here and in every child from now on. In the main thread only."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    gone_on = [number for number in ignored() if number in _GO_ON]
    for number in ignored():
        if number == signal.SIGINT:
            signal.signal(number, signal.default_int_handler)
        else:
            signal.signal(number, _go_on if number in gone_on else signal.SIG_DFL)
    if gone_on:
        os.register_at_fork(after_in_child=lambda: _default(gone_on))


def ignored() -> list[int]:
    """The signals that are ignored, but for those that Python itself ignores."""
    theirs = signal.valid_signals() - _PYTHONS_OWN
    return sorted(number for number in theirs if signal.getsignal(number) is signal.SIG_IGN)


def of_mask(mask: str) -> set[int]:
    """The signals of a mask of proc_pid_status(5) that a program can set: the C library keeps some to itself."""
    return {number for number in map(int, signal.valid_signals()) if int(mask, 16) >> (number - 1) & 1}


def _default(numbers: list[int]) -> None:
    """In a child that goes on without execve(2)."""
    for number in numbers:
        if signal.getsignal(number) is _go_on:
            signal.signal(number, signal.SIG_DFL)
