"""SIGINT, SIGTERM and their like before anything is made that would have to be cleared up: the process just ends.

Python's own answer to Ctrl-C is a traceback, wherever it comes while a program is being imported, and ours takes a
tenth of a second for that. This is the first that is imported, and imports only what Python has itself by then.
"""

import _signal  # type: ignore[import-not-found]  # signal(2) without enum, which takes as long as all of this
import atexit
import os

NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGBREAK")
"""SIGBREAK is Windows' own, which lacks SIGHUP and SIGQUIT."""


def end_the_process() -> None:
    """From now on each of these signals does, with status 128+n. What is ignored stays so (nohup, background jobs)."""
    for name in NAMES:
        number = getattr(_signal, name, None)
        if number is not None and _signal.getsignal(number) != _signal.SIG_IGN:
            _signal.signal(number, _end)


def _end(number: int, _frame: object) -> None:
    """Also at the very end, when our own handlers are gone and terminal or key files perhaps are not cared for yet."""
    try:
        atexit._run_exitfuncs()  # noqa: SLF001 - nothing public runs them
    finally:
        os._exit(128 + number)
