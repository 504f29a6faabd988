"""Programs that are run to their end, or ended: nothing of the demo waits for ever."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence


class DemoError(Exception):
    """The demo cannot go on; the message says why and what to do."""


class Ended(NamedTuple):
    """What came of a program; output that is no UTF-8 is shown as far as it is."""

    status: int
    stdout: str
    stderr: str


def run(argv: Sequence[str], seconds: float, *, stdin: str | None = None, show_stderr: bool = False) -> Ended | None:
    """What came of ARGV; None when it was killed after SECONDS. ``show_stderr``: on ours. Raises DemoError.

    In a session of its own: a second Ctrl-C at the terminal does not end what clears up after the first.
    """
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL if stdin is None else None,
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=None if show_stderr else subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            check=False,
            timeout=seconds,
            start_new_session=True,
        )
    except subprocess.TimeoutExpired:
        return None
    except OSError as error:
        raise DemoError(f"{argv[0]} cannot be run: {error.strerror or error}") from error
    return Ended(done.returncode, done.stdout, done.stderr or "")
