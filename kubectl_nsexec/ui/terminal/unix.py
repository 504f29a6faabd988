"""Terminals of Linux and macOS: termios(3), and signals for what happens to the window."""

from __future__ import annotations

import os
import signal
import termios
import tty
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from kubectl_nsexec.ui import sources
from kubectl_nsexec.ui.terminal.base import Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from kubectl_nsexec.ui.sources import Source


class UnixTerminal(Terminal):
    """See Terminal."""

    def keys(self) -> Source:
        """See Terminal."""
        return sources.of_descriptor(self._input_fd)

    @contextmanager
    def resizes(self) -> Iterator[Source]:
        """See Terminal; ready also when we have been stopped, for a size may have changed meanwhile.

        Whoever continues us (SIGCONT) may have set the terminal's modes meanwhile, so raw mode is set again.
        """
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        os.set_blocking(writer, False)

        def tell(number: int, _frame: FrameType | None) -> None:
            if number == signal.SIGCONT and self._cooked is not None:
                with suppress(termios.error):
                    self._set_raw(self._cooked)
            with suppress(BlockingIOError):  # full: the reader knows already
                os.write(writer, b"x")

        former = {number: signal.signal(number, tell) for number in (signal.SIGWINCH, signal.SIGCONT)}
        try:
            yield sources.of_descriptor(reader)
        finally:
            for number, handler in former.items():
                signal.signal(number, handler)
            os.close(reader)
            os.close(writer)

    def _modes(self) -> list[Any]:
        return termios.tcgetattr(self._input_fd)

    def _set_raw(self, modes: list[Any]) -> None:
        del modes
        tty.setraw(self._input_fd, termios.TCSANOW)

    def _set_modes(self, modes: list[Any]) -> None:
        with suppress(termios.error):
            termios.tcsetattr(self._input_fd, termios.TCSANOW, modes)
