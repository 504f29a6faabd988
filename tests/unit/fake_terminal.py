"""A pseudo-terminal, and what a user sees on it."""

from __future__ import annotations

import fcntl
import os
import struct
import termios

from kubectl_nsexec.ui.console import Console


def shown(written: bytes) -> list[str]:
    """The lines on a terminal on which that was written; CR goes back to the first column."""
    lines = []
    for line in written.decode(errors="replace").split("\n"):
        cells: list[str] = []
        for text in line.split("\r"):
            cells[: len(text)] = text
        lines.append("".join(cells).rstrip())
    return lines


def opened_for_ctrl_c() -> tuple[int, int]:
    """(our end, the program's end) of a pseudo-terminal on which a Ctrl-C takes nothing away.

    The kernel sends SIGINT and then empties both queues (termios(3), NOFLSH): what the program has answered in between
    would be lost, on a busy machine.
    """
    ours, theirs = os.openpty()
    attributes = termios.tcgetattr(theirs)
    attributes[3] |= termios.NOFLSH
    termios.tcsetattr(theirs, termios.TCSANOW, attributes)
    return ours, theirs


class Terminal:
    """A pseudo-terminal of a width, and what was written to it, as bytes and as a user sees it."""

    def __init__(self, columns: int = 80) -> None:
        self._ours, self.fd = os.openpty()
        attributes = termios.tcgetattr(self.fd)
        attributes[1] &= ~termios.OPOST  # bytes as they were written
        termios.tcsetattr(self.fd, termios.TCSANOW, attributes)
        self.resize(columns)
        self.console = Console(0, self.fd, self.fd)
        self.written = b""

    def resize(self, columns: int) -> None:
        """To so many columns."""
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("4H", 24, columns, 0, 0))

    def read_until(self, end: bytes) -> bytes:
        """What has been written when that has."""
        while end not in self.written:
            self.written += os.read(self._ours, 65536)
        return self.written

    def seen(self) -> list[str]:
        """Its lines; CR goes back to the first column."""
        self.console.write_stderr(b"<end>")
        return shown(self.read_until(b"<end>").removesuffix(b"<end>"))

    def close(self) -> None:
        """Closes both ends."""
        os.close(self.fd)
        os.close(self._ours)
