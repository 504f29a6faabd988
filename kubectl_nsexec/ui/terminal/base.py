"""What a terminal is to the rest, and what is the same on every system."""

from __future__ import annotations

import atexit
import os
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubectl_nsexec.ui.sources import Source


class Size(NamedTuple):
    """Of a window, in characters; 0 where it is not known, as the kernel says it (ioctl_tty(2), TIOCGWINSZ)."""

    rows: int
    columns: int


class Terminal(ABC):
    """One terminal of the user's."""

    def __init__(self, input_fd: int, output_fd: int) -> None:
        self._input_fd = input_fd
        self._output_fd = output_fd
        self._cooked: Any = None

    def size(self) -> Size:
        """Of the window that is written to, else of the one that is read from."""
        for fd in (self._output_fd, self._input_fd):
            with suppress(OSError, ValueError):  # Windows knows the sizes of stdin, stdout and stderr only
                columns, rows = os.get_terminal_size(fd)
                return Size(rows, columns)
        return Size(0, 0)

    @contextmanager
    def raw(self) -> Iterator[None]:
        """Within, every key is a byte for the command, Ctrl-C and Ctrl-Z too; afterwards it is as it was before.

        What was typed ahead is kept. A terminal that went away while we wait for the other end is no error of ours.
        """
        cooked = self._modes()
        try:
            self._cooked = cooked
            # A signal's exception can come between any two steps; the end of the process restores in any case.
            atexit.register(self.restore)
            self._set_raw(cooked)
            yield
        finally:
            self.restore()
            atexit.unregister(self.restore)

    def restore(self) -> None:
        """As it was before ``raw``; does nothing when that has been done."""
        if self._cooked is not None:
            self._set_modes(self._cooked)
            self._cooked = None

    @abstractmethod
    def keys(self) -> Source:
        """What is typed; to be asked for within ``raw``."""

    @abstractmethod
    def resizes(self) -> AbstractContextManager[Source]:
        """Something that is ready when the size has changed, or may have; its bytes say nothing more."""

    @abstractmethod
    def _modes(self) -> Any:  # noqa: ANN401 - each system has its own
        """As they are."""

    @abstractmethod
    def _set_raw(self, modes: Any) -> None:  # noqa: ANN401 - as above
        """``modes``, but raw."""

    @abstractmethod
    def _set_modes(self, modes: Any) -> None:  # noqa: ANN401 - as above
        """Those that ``_modes`` gave; a terminal that is gone is no error."""
