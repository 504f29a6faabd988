"""The end of the process."""

from __future__ import annotations

import atexit
import os
import sys
from contextlib import suppress
from typing import NoReturn


def quick_exit(status: int) -> NoReturn:
    """Ends at once, but for what was registered to be done at exit: the terminal, key files.

    Python takes itself apart otherwise, object by object, which takes as long as a command through a warm helper.
    """
    atexit._run_exitfuncs()  # noqa: SLF001 - nothing public runs them
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, AttributeError):  # its reader went away; it was closed from the start
            stream.flush()
    os._exit(status)
