"""The user's side of the wire: bytes of the command on stdout, our own words on stderr."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from typing import NamedTuple

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What write(2) says where there is no room, for anybody or for this user, or the file may grow no more."""


class OutputClosedError(Exception):
    """The reader of our stdout or stderr went away (EPIPE), as ``| head -1`` does, or the disk below it is full.

    ``is_full``: the latter, of which a user has to be told; the message has the system's words.
    """

    def __init__(self, message: str, *, is_full: bool = False) -> None:
        super().__init__(message)
        self.is_full = is_full

    @classmethod
    def of(cls, error: OSError) -> OutputClosedError:
        """What write(2) said."""
        return cls(error.strerror or str(error), is_full=error.errno in _FULL)


class Console(NamedTuple):
    """Three descriptors, and whether notices are wanted. Passed in, never read from globals."""

    stdin_fd: int = 0
    stdout_fd: int = 1
    stderr_fd: int = 2
    quiet: bool = False

    def write_stdout(self, data: bytes | bytearray | memoryview) -> None:
        """All of ``data`` to stdout, unchanged. Raises OutputClosedError."""
        _write_all(self.stdout_fd, data)

    def write_stderr(self, data: bytes | bytearray | memoryview) -> None:
        """All of ``data`` to stderr, unchanged. Raises OutputClosedError."""
        _write_all(self.stderr_fd, data)

    def say(self, line: str) -> None:
        """One line for the user; ``--quiet`` does not hide it. Never fails: there may be nobody to hear it."""
        with suppress(OutputClosedError):
            self.write_stderr(f"{harmless(line)}\n".encode())

    def notice(self, line: str) -> None:
        """One line that ``--quiet`` hides."""
        if not self.quiet:
            self.say(line)

    def below_echo(self) -> None:
        """Begins a line: the terminal itself shows ``^C`` of a Ctrl-C (termios(3), ECHOCTL), and stays behind it."""
        if os.isatty(self.stderr_fd):
            self.say("")

    def print(self, text: str) -> None:
        """A result of our own (a table, a manifest) on stdout. Raises OutputClosedError."""
        self.write_stdout(f"{harmless(text)}\n".encode())


def harmless(text: str) -> str:
    """``text`` with every character but printable ones, newlines and tabs as a Python escape.

    Names, paths and answers in our own words may be a container's: they must not move the user's cursor, retitle the
    window or turn the text round.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode() for c in text)


def with_quiet(console: Console, quiet: bool) -> Console:  # noqa: FBT001 - a setting handed through
    """The same console with notices on or off."""
    return Console(console.stdin_fd, console.stdout_fd, console.stderr_fd, quiet)


def _write_all(fd: int, data: bytes | bytearray | memoryview) -> None:
    view = memoryview(data)
    while view:
        view = view[_write_some(fd, view) :]


def _write_some(fd: int, view: memoryview) -> int:
    """How many bytes were taken. Raises OutputClosedError."""
    try:
        return os.write(fd, view)
    except BlockingIOError:  # somebody else made the shared descriptor non-blocking
        import select  # noqa: PLC0415 - rare path

        select.select([], [fd], [])
        return 0
    except OSError as error:
        raise OutputClosedError.of(error) from error
