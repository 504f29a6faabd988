"""A console of Windows as kernel32 shows it, and Windows or macOS as Python shows them, made of this Linux."""

from __future__ import annotations

import ctypes
import os
import select
import selectors
import signal
import stat
import sys
import types
from typing import Any, Final

IN, OUT = 100, 101
"""Handles; every other one is no console."""
COOKED_INPUT: Final = 0x1F7
"""What a new console has (SetConsoleMode): all but WINDOW_INPUT and VIRTUAL_TERMINAL_INPUT."""
COOKED_OUTPUT: Final = 0x3
CODE_PAGE: Final = 850
_VIRTUAL_TERMINAL_INPUT = 0x200


class FakeKernel32:
    """The functions of kernel32 that a terminal takes. ``typed``: what each read of the console gives; then it ends."""

    def __init__(self, *typed: str, virtual_terminal: bool = True) -> None:
        self.typed = list(typed)
        self.modes = {IN: COOKED_INPUT, OUT: COOKED_OUTPUT}
        self.code_page = CODE_PAGE
        self.while_reading: list[tuple[int, int, int]] = []
        """Input mode, output mode and code page at each read."""
        self._virtual_terminal = virtual_terminal

    def GetConsoleMode(self, handle: Any, mode: Any) -> int:  # noqa: N802, ANN401 - Windows' names and types
        mode._obj.value = self.modes.get(handle.value, 0)
        return int(handle.value in self.modes)

    def SetConsoleMode(self, handle: Any, mode: Any) -> int:  # noqa: N802, ANN401 - as above
        known = handle.value in self.modes and (self._virtual_terminal or not mode.value & _VIRTUAL_TERMINAL_INPUT)
        if known:
            self.modes[handle.value] = mode.value
        return int(known)

    def GetConsoleOutputCP(self) -> int:  # noqa: N802 - as above
        return self.code_page

    def SetConsoleOutputCP(self, code_page: int) -> int:  # noqa: N802 - as above
        self.code_page = code_page
        return 1

    def ReadConsoleW(self, handle: Any, into: Any, most: int, count: Any, control: None) -> int:  # noqa: N802, ANN401
        assert (handle.value, control) == (IN, None)
        self.while_reading.append((self.modes[IN], self.modes[OUT], self.code_page))
        if not self.typed:
            return 0
        text = self.typed.pop(0)
        assert len(text) <= most
        into[: len(text)] = text
        count._obj.value = len(text)
        return 1


_MODULES = ("fcntl", "grp", "posix", "pty", "pwd", "resource", "syslog", "termios", "tty")
_OF_OS = ("fork", "geteuid", "getgid", "getuid", "memfd_create", "mkfifo", "openpty", "pipe2", "set_blocking", "uname")
_OF_SIGNAL = ("SIGCONT", "SIGHUP", "SIGKILL", "SIGPIPE", "SIGQUIT", "SIGUSR1", "SIGWINCH", "pause", "sigwait")


def become_windows(kernel32: FakeKernel32) -> None:
    """From now on this process has nothing that Windows lacks, and waits for sockets only, as WinSock does."""
    for name in _MODULES:
        sys.modules[name] = None  # type: ignore[assignment] # which makes the import fail
    for module, names in ((os, _OF_OS), (signal, _OF_SIGNAL)):
        for name in names:
            delattr(module, name)
    _without_poll()
    wait = select.select

    def sockets_only(readers: Any, writers: Any, others: Any, seconds: Any = None) -> Any:  # noqa: ANN401
        descriptors = (each if isinstance(each, int) else each.fileno() for each in (*readers, *writers))
        if any(not stat.S_ISSOCK(os.fstat(fd).st_mode) for fd in descriptors):
            raise OSError(10038, "An operation was attempted on something that is not a socket")
        return wait(readers, writers, others, seconds)

    select.select = sockets_only
    selectors.SelectSelector._select = staticmethod(sockets_only)  # type: ignore[attr-defined] # Python's own
    msvcrt = types.ModuleType("msvcrt")
    msvcrt.get_osfhandle = lambda fd: {0: IN, 1: OUT}.get(fd, -1)  # type: ignore[attr-defined] # a fake
    sys.modules["msvcrt"] = msvcrt
    ctypes.WinDLL = {"kernel32": kernel32}.__getitem__  # type: ignore[attr-defined] # as above
    sys.platform = "win32"


def become_macos() -> None:
    """From now on this process has nothing that macOS lacks, and no poll, which is of little use there."""
    del os.memfd_create
    _without_poll()
    sys.platform = "darwin"


def _without_poll() -> None:
    for name in ("poll", "epoll"):
        delattr(select, name)
        delattr(selectors, f"{name.capitalize()}Selector")
