"""The user's terminal behind one small interface: is it one, its size, raw mode, its keys, and word of a new size."""

from __future__ import annotations

import os
import sys

from kubectl_nsexec.ui.terminal.base import Size, Terminal

__all__ = ["Size", "Terminal", "find"]


def find(input_fd: int, output_fd: int) -> Terminal | None:
    """The terminal that ``input_fd`` is, if it is one; ``output_fd`` may be something else, as in ``… | tee log``."""
    if not os.isatty(input_fd):
        return None
    if sys.platform == "win32":
        from kubectl_nsexec.ui.terminal import windows  # noqa: PLC0415 - there only

        return windows.find(input_fd, output_fd)
    from kubectl_nsexec.ui.terminal.unix import UnixTerminal  # noqa: PLC0415 - not on Windows

    return UnixTerminal(input_fd, output_fd)
