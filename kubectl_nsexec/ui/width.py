"""How wide the user's terminal is."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Final

USUAL: Final = 80
"""Columns of a terminal that does not say, and of what is no terminal."""


def of(fd: int) -> int:
    """Columns of the terminal that descriptor FD is just now."""
    with suppress(OSError, ValueError):  # Windows knows the sizes of stdin, stdout and stderr only
        return os.get_terminal_size(fd).columns or USUAL
    return USUAL


def of_text(fd: int) -> int:
    """Columns for sentences on FD: wider ones than ``USUAL`` are hard to read."""
    return min(of(fd), USUAL)
