"""Outputs that are held back until they can be shown: in memory while they are small, else in one temporary file.

One file for all, cut into blocks that are used again: a file for each (``tempfile.SpooledTemporaryFile``) takes a
descriptor for each, of which a process has 1024 by default, and 5,000 targets have 10,000 streams.
"""

from __future__ import annotations

import tempfile
import threading
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Final, NamedTuple

from kubectl_nsexec.errors import OutputFileError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubectl_nsexec.fleet.result import Place

MOST_OF_ONE_BYTES: Final = 1024 * 1024
"""Of one stream in memory."""
MOST_OF_ALL_BYTES: Final = 32 * 1024 * 1024
"""Of all in memory together."""
BLOCK_BYTES: Final = 64 * 1024


class Outputs(NamedTuple):
    """Both streams of a target."""

    stdout: Held
    stderr: Held

    @property
    def size_bytes(self) -> int:
        """Of both together."""
        return self.stdout.size_bytes + self.stderr.size_bytes

    def drop(self) -> None:
        """They are not needed any more."""
        self.stdout.drop()
        self.stderr.drop()


class Held:
    """One stream. Whoever has it uses it from one thread at a time."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.size_bytes = 0
        self.last = b""
        """The last byte, where there is any."""
        self.tail = bytearray()
        """What is in memory; the store's own, as ``blocks``."""
        self.blocks: list[tuple[int, int]] = []
        """Number and size in bytes of each block in the file, in their order; before ``tail``."""

    def append(self, data: bytes) -> None:
        """Raises OutputFileError when there is no room on the disk."""
        if data:
            self.size_bytes += len(data)
            self.last = data[-1:]
            self._store.append(self, data)

    def pieces(self) -> Iterator[bytes]:
        """All of it again, in pieces of a block at most."""
        for number, size_bytes in list(self.blocks):
            yield self._store.block(number, size_bytes)
        tail = bytes(self.tail)
        for start in range(0, len(tail), BLOCK_BYTES):
            yield tail[start : start + BLOCK_BYTES]

    def drop(self) -> None:
        """Memory and blocks are free for others; nothing is held any more."""
        self._store.free(self)
        self.size_bytes, self.last = 0, b""


class Store:
    """Memory and file of all that is held."""

    def __init__(self, most_of_one_bytes: int = MOST_OF_ONE_BYTES, most_of_all_bytes: int = MOST_OF_ALL_BYTES) -> None:
        self._most_of_one_bytes = most_of_one_bytes
        self._most_of_all_bytes = most_of_all_bytes
        self._lock = threading.RLock()
        self._running: dict[Place, Outputs] = {}
        self._in_memory: dict[int, Held] = {}
        self._file: IO[bytes] | None = None
        self._free: list[int] = []
        self._blocks = 0
        self.memory_bytes = 0

    def outputs(self, place: Place) -> Outputs:
        """Of a target that runs."""
        with self._lock:
            if place not in self._running:
                self._running[place] = Outputs(Held(self), Held(self))
            return self._running[place]

    def take(self, place: Place) -> Outputs:
        """Of a target that has ended: they are the caller's to drop."""
        outputs = self.outputs(place)
        with self._lock:
            del self._running[place]
        return outputs

    def append(self, held: Held, data: bytes) -> None:
        """See ``Held.append``."""
        with self._lock:
            held.tail += data
            self.memory_bytes += len(data)
            self._in_memory[id(held)] = held
            if len(held.tail) > self._most_of_one_bytes:
                self._spill(held)
            if self.memory_bytes > self._most_of_all_bytes:
                for each in list(self._in_memory.values()):
                    self._spill(each)

    def block(self, number: int, size_bytes: int) -> bytes:
        """What is in a block."""
        with self._lock, _explained():
            file = self._opened()
            file.seek(number * BLOCK_BYTES)
            return file.read(size_bytes)

    def free(self, held: Held) -> None:
        """See ``Held.drop``."""
        with self._lock:
            self._forget_tail(held)
            self._free += [number for number, _ in held.blocks]
            held.blocks.clear()

    def close(self) -> None:
        """The file is gone."""
        with self._lock:
            if self._file:
                self._file.close()

    def _spill(self, held: Held) -> None:
        tail = bytes(held.tail)
        for start in range(0, len(tail), BLOCK_BYTES):
            part = tail[start : start + BLOCK_BYTES]
            held.blocks.append((self._write(part), len(part)))
        self._forget_tail(held)

    def _forget_tail(self, held: Held) -> None:
        self._in_memory.pop(id(held), None)
        self.memory_bytes -= len(held.tail)
        held.tail = bytearray()  # clear() would leave a byte in its place: no other of that size fits there again

    def _write(self, part: bytes) -> int:
        """The number of the block that has it now."""
        with _explained():
            file = self._opened()
            number = self._free.pop() if self._free else self._blocks
            file.seek(number * BLOCK_BYTES)
            view = memoryview(part)
            while view:  # near the end of a disk less is taken than was given
                view = view[file.write(view) :]
        self._blocks = max(self._blocks, number + 1)
        return number

    def _opened(self) -> IO[bytes]:
        if self._file is None:
            self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - ``close`` does
        return self._file


@contextmanager
def _explained() -> Iterator[None]:
    """An OSError as a sentence."""
    try:
        yield
    except OSError as error:
        raise OutputFileError(
            f"what the commands print could not be held back in {tempfile.gettempdir()}: "
            f"{error.strerror or error}; TMPDIR names another folder for it"
        ) from error
