"""The user's terminal behind one small interface: is it one, its size, raw mode, and word of a new size."""

from __future__ import annotations

import atexit
import os
import signal
import termios
import tty
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

_WORD_BYTES = 4096


class Size(NamedTuple):
    """Of a window, in characters; 0 where it is not known, as the kernel says it (ioctl_tty(2), TIOCGWINSZ)."""

    rows: int
    columns: int


def find(input_fd: int, output_fd: int) -> Terminal | None:
    """The terminal that ``input_fd`` is, if it is one; ``output_fd`` may be something else, as in ``… | tee log``."""
    return Terminal(input_fd, output_fd) if os.isatty(input_fd) else None


class Terminal:
    """One terminal of the user's."""

    def __init__(self, input_fd: int, output_fd: int) -> None:
        self.input_fd = input_fd
        self._output_fd = output_fd
        self._cooked: list[Any] | None = None

    def size(self) -> Size:
        """Of the window that is written to, else of the one that is read from."""
        for fd in (self._output_fd, self.input_fd):
            with suppress(OSError):
                columns, rows = os.get_terminal_size(fd)
                return Size(rows, columns)
        return Size(0, 0)

    @contextmanager
    def raw(self) -> Iterator[None]:
        """Within, every key is a byte for the command, Ctrl-C and Ctrl-Z too; afterwards it is as it was before.

        What was typed ahead is kept. A terminal that went away while we wait for the other end is no error of ours.
        """
        cooked = termios.tcgetattr(self.input_fd)
        try:
            self._cooked = cooked
            # A signal's exception can come between any two steps; the end of the process restores in any case.
            atexit.register(self.restore)
            self._set_raw()
            yield
        finally:
            self.restore()
            atexit.unregister(self.restore)

    def _set_raw(self) -> None:
        tty.setraw(self.input_fd, termios.TCSANOW)

    def restore(self) -> None:
        """As it was before ``raw``; does nothing when that has been done."""
        if self._cooked is not None:
            with suppress(termios.error):
                termios.tcsetattr(self.input_fd, termios.TCSANOW, self._cooked)
            self._cooked = None

    @contextmanager
    def resizes(self) -> Iterator[int]:
        """A descriptor that can be read (see ``take``) when the size has changed, or may have while we were stopped.

        Whoever continues us (SIGCONT) may have set the terminal's modes meanwhile, so raw mode is set again.
        """
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        os.set_blocking(writer, False)

        def tell(number: int, _frame: FrameType | None) -> None:
            if number == signal.SIGCONT and self._cooked is not None:
                with suppress(termios.error):
                    self._set_raw()
            with suppress(BlockingIOError):  # full: the reader knows already
                os.write(writer, b"x")

        former = {number: signal.signal(number, tell) for number in (signal.SIGWINCH, signal.SIGCONT)}
        try:
            yield reader
        finally:
            for number, handler in former.items():
                signal.signal(number, handler)
            os.close(reader)
            os.close(writer)


def take(reader: int) -> None:
    """Empties the descriptor that ``resizes`` gives."""
    with suppress(BlockingIOError):
        os.read(reader, _WORD_BYTES)
