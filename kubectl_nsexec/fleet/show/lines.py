"""The default: whole lines as they come, each with its target's name before it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from kubectl_nsexec.fleet.show.colour import coloured, in_colour
from kubectl_nsexec.fleet.show.names import labels
from kubectl_nsexec.fleet.show.shown import Shown, one_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from kubectl_nsexec.fleet.result import Place, Result
    from kubectl_nsexec.model.fleet import ShowOptions
    from kubectl_nsexec.ui.console import Console

LONGEST_BYTES: Final = 64 * 1024
"""Of a line; what is longer becomes several. So much of each stream is held back at most."""
_CONTINUES_MASK, _CONTINUES, _LONGEST_CHARACTER_BYTES = 0xC0, 0x80, 4
"""Of UTF-8: a byte that is not the first of its character (RFC 3629)."""


class Lines(Shown):
    """Raw bytes otherwise: what the command sends to move the cursor moves it, as with kubectl exec.

    Stdout and stderr go on without each other where they are two files: a pager that pauses holds up no error.
    """

    def __init__(self, options: ShowOptions, places: Sequence[Place], console: Console) -> None:
        lock = threading.Lock()
        names = labels(places)
        self._stdout = _Stream(
            console.write_stdout, lock, _prefixes(names, colours=coloured(options.color, console.stdout_fd))
        )
        self._stderr = _Stream(
            console.write_stderr,
            lock if one_file(console) else threading.Lock(),
            _prefixes(names, colours=coloured(options.color, console.stderr_fd)),
        )

    def stdout(self, place: Place, data: bytes) -> None:
        """See ``Shown``."""
        self._stdout.put(place, data)

    def stderr(self, place: Place, data: bytes) -> None:
        """See ``Shown``."""
        self._stderr.put(place, data)

    def ended(self, result: Result) -> None:
        """See ``Shown``."""
        self._stdout.end(result.place)
        self._stderr.end(result.place)


def _prefixes(names: Mapping[Place, str], *, colours: bool) -> dict[Place, bytes]:
    return {place: f"{in_colour(name) if colours else name}: ".encode() for place, name in names.items()}


class _Stream:
    """Stdout or stderr of all targets."""

    def __init__(self, write: Callable[[bytes], None], lock: threading.Lock, prefixes: Mapping[Place, bytes]) -> None:
        self._write = write
        self._lock = lock
        self._prefixes = prefixes
        self._lines: dict[Place, LineBuffer] = {}

    def put(self, place: Place, data: bytes) -> None:
        with self._lock:
            lines = self._lines.get(place)
            if lines is None:
                lines = self._lines[place] = LineBuffer(self._prefixes[place])
            for whole in lines.put(data):
                self._write(whole)

    def end(self, place: Place) -> None:
        with self._lock:
            lines = self._lines.pop(place, None)
            if lines and (rest := lines.end()):
                self._write(rest)


class LineBuffer:
    """Cuts a stream into whole lines with a prefix; the same ones however the bytes come."""

    def __init__(self, prefix: bytes) -> None:
        self._prefix = prefix
        self._rest = bytearray()

    def put(self, data: bytes) -> Iterator[bytes]:
        """What is complete now, in pieces that memory is bounded by."""
        for start in range(0, len(data), LONGEST_BYTES):
            before = len(self._rest)  # without an end of a line
            self._rest += data[start : start + LONGEST_BYTES]
            if len(self._rest) > LONGEST_BYTES:
                yield from self._too_long()
                before = 0
            end = self._rest.rfind(b"\n", before) + 1
            if end:
                whole = bytes(self._rest[: end - 1])
                del self._rest[:end]
                yield self._line(whole.replace(b"\n", b"\n" + self._prefix))

    def end(self) -> bytes:
        """The last line, where it had no end of its own."""
        rest = bytes(self._rest)
        self._rest.clear()
        return self._line(rest) if rest else b""

    def _line(self, content: bytes) -> bytes:
        return self._prefix + content + b"\n"

    def _too_long(self) -> Iterator[bytes]:
        """The pieces of a first line that is longer than allowed; no other can be, of a piece that is not."""
        while self._first_line_bytes() > LONGEST_BYTES:
            end = _character_start(self._rest, LONGEST_BYTES)
            yield self._line(bytes(self._rest[:end]))
            del self._rest[:end]

    def _first_line_bytes(self) -> int:
        end = self._rest.find(b"\n")
        return len(self._rest) if end < 0 else end


def _character_start(data: bytearray, at: int) -> int:
    """``at``, or a little before it: not inside a character, where the bytes are UTF-8."""
    for start in range(at, at - _LONGEST_CHARACTER_BYTES, -1):
        if data[start] & _CONTINUES_MASK != _CONTINUES:
            return start
    return at
