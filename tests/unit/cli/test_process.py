"""The process itself: its standard streams, its end."""

from __future__ import annotations

import subprocess
import sys

import pytest

_WORDS = """\
import os, sys; sys.argv[1:] = ['--version']
from kubectl_nsexec import __main__
from kubectl_nsexec.cli import app
"""


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_stream_that_was_closed_is_devnull(closed: str) -> None:
    """So that no file or connection of ours takes its number, and the command's bytes with it."""
    look = "app.main = lambda _: os.open(os.devnull, os.O_RDONLY) < 3"
    script = f'exec "$0" -c "$1" {closed}'
    argv = ["sh", "-c", script, sys.executable, f"{_WORDS}{look}\n__main__.main()"]
    assert subprocess.run(argv, check=False).returncode == 0


def test_what_is_registered_for_the_end_is_done_and_all_is_written() -> None:
    """Although Python is not given the time to take itself apart."""
    script = "import atexit; atexit.register(print, 'done'); print('first', flush=False)"
    argv = [sys.executable, "-c", f"{_WORDS}{script}\napp.main = lambda _: 7\n__main__.main()"]
    done = subprocess.run(argv, check=False, capture_output=True)
    assert (done.returncode, done.stdout) == (7, b"first\ndone\n")
