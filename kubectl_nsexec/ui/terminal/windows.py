"""Consoles of Windows: modes by kernel32, keys as virtual terminal sequences, the window's size looked at by the clock.

https://learn.microsoft.com/windows/console/setconsolemode, and moby/term for which modes make a console raw. There is
no signal for a new size, and the event for it would come among the keys.
"""

from __future__ import annotations

import codecs
import ctypes
import threading
from contextlib import contextmanager
from ctypes import wintypes
from typing import TYPE_CHECKING, Any, NamedTuple

from kubectl_nsexec.ui import sources
from kubectl_nsexec.ui.terminal.base import Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubectl_nsexec.ui.sources import Source

PROCESSED_INPUT, LINE_INPUT, ECHO_INPUT, WINDOW_INPUT, MOUSE_INPUT = 0x1, 0x2, 0x4, 0x8, 0x10
"""Without PROCESSED_INPUT Ctrl-C is a key like any other."""
VIRTUAL_TERMINAL_INPUT = 0x200
PROCESSED_OUTPUT, VIRTUAL_TERMINAL_PROCESSING, NO_AUTO_RETURN = 0x1, 0x4, 0x8
UTF_8 = 65001
_COOKED = PROCESSED_INPUT | LINE_INPUT | ECHO_INPUT | WINDOW_INPUT | MOUSE_INPUT
_RAW_OUTPUT = PROCESSED_OUTPUT | VIRTUAL_TERMINAL_PROCESSING | NO_AUTO_RETURN
_KEYS = 4096
_LOOK_SECONDS = 0.25


class Modes(NamedTuple):
    """Of a console; ``output`` is None where stdout is something else."""

    input: int
    output: int | None
    code_page: int


def find(input_fd: int, output_fd: int) -> Terminal | None:
    """See ``terminal.find``. None, too, for NUL, which is a terminal to isatty, and for consoles that cannot be raw."""
    import msvcrt  # noqa: PLC0415 - there only

    handle: Any = msvcrt.get_osfhandle  # type: ignore[attr-defined,unused-ignore] # mypy looks at one system at a time
    kernel32: Any = ctypes.WinDLL("kernel32")  # type: ignore[attr-defined,unused-ignore] # as above
    found = WindowsTerminal(input_fd, output_fd, kernel32, (handle(input_fd), handle(output_fd)))
    return found if found.can_be_raw() else None


class WindowsTerminal(Terminal):
    """See Terminal. ``handles``: of the input and the output."""

    def __init__(self, input_fd: int, output_fd: int, kernel32: Any, handles: tuple[int, int]) -> None:  # noqa: ANN401
        super().__init__(input_fd, output_fd)
        self._kernel32 = kernel32
        self._in, self._out = (wintypes.HANDLE(handle) for handle in handles)

    def can_be_raw(self) -> bool:
        """Whether it is a console, and one that knows virtual terminal sequences (Windows 10)."""
        mode = self._mode(self._in)
        if mode is None or not self._set_mode(self._in, mode | VIRTUAL_TERMINAL_INPUT):
            return False
        return self._set_mode(self._in, mode)

    def keys(self) -> Source:
        """See Terminal; in UTF-8."""
        characters = ctypes.create_unicode_buffer(_KEYS)
        # A character beyond 16 bits is two units, and may be cut in two.
        whole = codecs.getincrementaldecoder("utf-16-le")(errors="replace")

        def read() -> bytes | None:
            count = wintypes.DWORD()
            if not self._kernel32.ReadConsoleW(self._in, characters, _KEYS, ctypes.byref(count), None):
                return None
            units = "".join(characters[: count.value]).encode("utf-16-le", "surrogatepass")
            return whole.decode(units).encode()

        return sources.pumped(read)

    @contextmanager
    def resizes(self) -> Iterator[Source]:
        """See Terminal."""
        over = threading.Event()
        last = self.size()

        def read() -> bytes | None:
            nonlocal last
            while not over.wait(_LOOK_SECONDS):
                if (now := self.size()) != last:
                    last = now
                    return b"x"
            return None

        try:
            yield sources.pumped(read)
        finally:
            over.set()

    def _modes(self) -> Modes:
        code_page = int(self._kernel32.GetConsoleOutputCP())
        return Modes(self._mode(self._in) or 0, self._mode(self._out), code_page)

    def _set_raw(self, modes: Modes) -> None:
        self._set_mode(self._in, modes.input & ~_COOKED | VIRTUAL_TERMINAL_INPUT)
        if modes.output is not None:
            self._set_mode(self._out, modes.output | _RAW_OUTPUT)
        self._kernel32.SetConsoleOutputCP(UTF_8)

    def _set_modes(self, modes: Modes) -> None:
        self._set_mode(self._in, modes.input)
        if modes.output is not None:
            self._set_mode(self._out, modes.output)
        self._kernel32.SetConsoleOutputCP(modes.code_page)

    def _mode(self, handle: wintypes.HANDLE) -> int | None:
        mode = wintypes.DWORD()
        return int(mode.value) if self._kernel32.GetConsoleMode(handle, ctypes.byref(mode)) else None

    def _set_mode(self, handle: wintypes.HANDLE, mode: int) -> bool:
        return bool(self._kernel32.SetConsoleMode(handle, wintypes.DWORD(mode)))
