"""Outputs as blocks: a heading, stdout, stderr. A block a pod as it ends (``--group``)."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from kubectl_nsexec.fleet.show.held import Store
from kubectl_nsexec.fleet.show.names import labels
from kubectl_nsexec.fleet.show.shown import Shown, one_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from kubectl_nsexec.fleet.result import Place, Result
    from kubectl_nsexec.fleet.show.held import Outputs
    from kubectl_nsexec.model.fleet import ShowOptions
    from kubectl_nsexec.ui.console import Console

_RULE: Final = "-" * 15
"""As clush(1) has it."""


class Holding(Shown):
    """Holds outputs back until their target has ended."""

    def __init__(self, store: Store | None = None) -> None:
        self.store = store or Store()

    def stdout(self, place: Place, data: bytes) -> None:
        """See ``Shown``."""
        self.store.outputs(place).stdout.append(data)

    def stderr(self, place: Place, data: bytes) -> None:
        """See ``Shown``."""
        self.store.outputs(place).stderr.append(data)

    def close(self) -> None:
        """See ``Shown``."""
        self.store.close()


class Group(Holding):
    """A block a pod; of those that never started nothing is shown, the summary tells of them."""

    def __init__(self, options: ShowOptions, places: Sequence[Place], console: Console) -> None:
        super().__init__()
        self._names = labels(places)
        self._printer = BlockPrinter(console)
        self._lock = threading.Lock()
        self._waiting: dict[Place, tuple[Result, Outputs]] = {}
        self._in_order = list(reversed(places)) if options.keep_order else None

    def ended(self, result: Result) -> None:
        """See ``Shown``."""
        outputs = self.store.take(result.place)
        with self._lock:
            if self._in_order is None:
                self._show(result, outputs)
                return
            self._waiting[result.place] = (result, outputs)
            while self._in_order and self._in_order[-1] in self._waiting:
                self._show(*self._waiting.pop(self._in_order.pop()))

    def finish(self, results: Sequence[Result]) -> None:
        """What still waits for one before it that nobody told the end of."""
        del results
        with self._lock:
            for place in reversed(self._in_order or ()):
                if place in self._waiting:
                    self._show(*self._waiting.pop(place))

    def _show(self, result: Result, outputs: Outputs) -> None:
        if result.started or outputs.size_bytes:
            self._printer.show(self._names[result.place] + ending(result), outputs)
        outputs.drop()


class BlockPrinter:
    """Writes whole blocks; whoever calls holds a lock."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._one_file = one_file(console)

    def show(self, heading: str, outputs: Outputs) -> None:
        """The heading on stdout; before anything on stderr there as well, unless it is the same file."""
        self.print(
            heading,
            _with_last_end(outputs.stdout.pieces(), outputs.stdout.last),
            _with_last_end(outputs.stderr.pieces(), outputs.stderr.last) if outputs.stderr.size_bytes else (),
        )

    def print(self, heading: str, stdout: Iterable[bytes], stderr: Iterable[bytes]) -> None:
        """The same of any pieces."""
        head = f"{_RULE}\n{heading}\n{_RULE}\n".encode()
        self._write(self._console.write_stdout, head, stdout)
        self._write(self._console.write_stderr, b"" if self._one_file else head, stderr, only_with_pieces=True)

    @staticmethod
    def _write(
        write: Callable[[bytes], None], head: bytes, pieces: Iterable[bytes], *, only_with_pieces: bool = False
    ) -> None:
        if not only_with_pieces:
            write(head)
            head = b""
        for piece in pieces:
            if head:
                write(head)
                head = b""
            write(piece)


def ending(result: Result) -> str:
    """What a heading says of how the command ended, behind the names; nothing where all is well."""
    if result.timed_out:
        return ", timed out"
    if result.status is None:
        return ", its end is unknown"
    return f", exit {result.status}" if result.status else ""


def _with_last_end(pieces: Iterable[bytes], last: bytes) -> Iterable[bytes]:
    yield from pieces
    if last not in (b"", b"\n"):
        yield b"\n"
