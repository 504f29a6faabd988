"""One stdin for many commands: read once, kept, and given to each from its beginning.

A command that does not read its own holds nobody up: what it has not taken yet is here, in memory as long as it is
little and in a file without a name after that.
"""

from __future__ import annotations

import os
import socket
import tempfile
import threading
from contextlib import suppress
from typing import IO, TYPE_CHECKING

from kubectl_nsexec.errors import OutputFileError
from kubectl_nsexec.ui.sources import READ_BYTES, Source

if TYPE_CHECKING:
    from collections.abc import Callable

MEMORY_BYTES = 1024 * 1024


class Spool:
    """All that has come so far, and whether that is all. From any thread."""

    def __init__(self, memory_bytes: int = MEMORY_BYTES) -> None:
        self._memory = bytearray()
        self._memory_bytes = memory_bytes
        self._file: IO[bytes] | None = None
        self._size = 0
        self._complete = False
        self._failure = ""
        self._changing = threading.Lock()
        self._readers: set[Reader] = set()

    @property
    def in_file(self) -> bool:
        """Whether it has become too much for memory."""
        return self._file is not None

    def fill(self, fd: int) -> None:
        """Reads ``fd`` to its end, in a thread that holds the process back in no way."""
        threading.Thread(target=self._fill, args=(fd,), daemon=True).start()

    def _fill(self, fd: int) -> None:
        with suppress(OutputFileError):  # which the readers raise
            while data := _read(fd):
                self.put(data)
        self.finish()

    def put(self, data: bytes) -> None:
        """Some more of it. Raises OutputFileError where there is no room for it."""
        with self._changing:
            try:
                self._keep(data)
            except OSError as error:
                self._failure = f"stdin cannot be kept in {tempfile.gettempdir()}: {error.strerror}"
                raise OutputFileError(self._failure) from error
            self._size += len(data)
        self._tell()

    def _keep(self, data: bytes) -> None:
        if self._file is None and self._size + len(data) > self._memory_bytes:
            self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - see close
            self._append(self._memory)
            self._memory = bytearray()
        if self._file is None:
            self._memory += data
        else:
            self._append(data)

    def _append(self, data: bytes | bytearray) -> None:
        view = memoryview(data)
        self._file.seek(0, os.SEEK_END)  # type: ignore[union-attr] # see _keep
        while view:
            view = view[self._file.write(view) :]  # type: ignore[union-attr] # as above

    def finish(self) -> None:
        """That was all."""
        self._complete = True
        self._tell()

    def _tell(self) -> None:
        with self._changing:
            for reader in self._readers:
                reader.wake()

    def at(self, offset: int) -> bytes | None:
        """A piece from there on; none when there is nothing yet, None at the end. Raises OutputFileError."""
        with self._changing:
            if self._failure:
                raise OutputFileError(self._failure)
            if offset >= self._size:
                return None if self._complete else b""
            if self._file is None:
                return bytes(memoryview(self._memory)[offset : offset + READ_BYTES])
            self._file.seek(offset)
            return self._file.read(READ_BYTES)

    def close(self) -> None:
        """No command needs it any more."""
        with self._changing:
            if self._file is not None:
                self._file.close()

    def reader(self) -> Reader:
        """For one command."""
        made = Reader(self.at, self._leave)
        with self._changing:
            self._readers.add(made)
        made.wake()
        return made

    def _leave(self, reader: Reader) -> None:
        with self._changing:
            self._readers.discard(reader)


def _read(fd: int) -> bytes:
    """Some more; nothing at its end, and where it cannot be read any more: a terminal that is gone (EIO)."""
    try:
        return os.read(fd, READ_BYTES)
    except OSError:
        return b""


class Reader:
    """What one command has taken; belongs to the thread of its relay, but for ``wake``."""

    def __init__(self, at: Callable[[int], bytes | None], leave: Callable[[Reader], None]) -> None:
        self._at = at
        self._leave = leave
        self._offset = 0
        self._ours, self._theirs = socket.socketpair()
        self._theirs.setblocking(False)  # noqa: FBT003 - socket's own

    def source(self) -> Source:
        """For ``relay``."""
        return Source(self._ours.fileno(), self._read)

    def wake(self) -> None:
        """There may be more."""
        with suppress(OSError):  # many words say no more than one; it has just been closed
            self._theirs.send(b"!")

    def _read(self) -> bytes | None:
        self._ours.recv(READ_BYTES)
        data = self._at(self._offset)
        if data:
            self._offset += len(data)
            self.wake()  # until there is nothing more
        return data

    def close(self) -> None:
        """The command has ended."""
        self._leave(self)
        self._ours.close()
        self._theirs.close()
