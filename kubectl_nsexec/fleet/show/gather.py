"""Equal outputs as one block (``--gather``), and the others as what differs from the largest (``--diff``)."""

from __future__ import annotations

import difflib
import hashlib
import io
import threading
from typing import TYPE_CHECKING, Final, NamedTuple

from kubectl_nsexec.fleet.show.blocks import BlockPrinter, Holding, ending
from kubectl_nsexec.fleet.show.names import folded, labels

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kubectl_nsexec.fleet.result import Place, Result
    from kubectl_nsexec.fleet.show.held import Held, Outputs
    from kubectl_nsexec.model.fleet import ShowOptions
    from kubectl_nsexec.ui.console import Console

MOST_COMPARED_BYTES: Final = 1024 * 1024
"""Of a stream: difflib has all of it in memory, many times over."""
MOST_COMPARED_LINES: Final = 10_000
"""Of a stream: difflib takes half a second for so many with little in common, and minutes for ten times as many."""
_NO_LAST_END: Final = b"\n\\ No newline at end of file\n"
"""As diff(1) says it."""


class Block(NamedTuple):
    """Places that printed the same and ended alike."""

    places: list[Place]
    outputs: Outputs
    ending: str


class Gather(Holding):
    """Keeps each output once; nothing is shown before all have ended.

    Those that never started are in no block; the summary tells of them.
    """

    def __init__(self, options: ShowOptions, places: Sequence[Place], console: Console) -> None:
        super().__init__()
        self._diff = options.diff
        self._order = {place: at for at, place in enumerate(places)}
        self._names = labels(places)
        self._printer = BlockPrinter(console)
        self._lock = threading.Lock()
        self._blocks: dict[tuple[str, bytes, bytes], Block] = {}

    def ended(self, result: Result) -> None:
        """See ``Shown``."""
        outputs = self.store.take(result.place)
        if not (result.started or outputs.size_bytes):
            outputs.drop()
            return
        key = (ending(result), _digest(outputs.stdout), _digest(outputs.stderr))
        with self._lock:
            block = self._blocks.setdefault(key, Block([], outputs, key[0]))
            block.places.append(result.place)
        if block.outputs is not outputs:
            outputs.drop()

    def finish(self, results: Sequence[Result]) -> None:
        """Largest first; of equally large ones the one first whose first place is."""
        del results
        with self._lock:
            blocks = sorted(self._blocks.values(), key=lambda block: (-len(block.places), self._first(block)))
            for block in blocks:
                if self._diff and block is not blocks[0]:
                    self._show_difference(blocks[0], block)
                else:
                    self._printer.show(self._heading(block) + block.ending, block.outputs)

    def _first(self, block: Block) -> int:
        return min(self._order[place] for place in block.places)

    def _heading(self, block: Block) -> str:
        """``ran/du-[0-11] (12)``."""
        return f"{folded(self._names[place] for place in block.places)} ({len(block.places)})"

    def _show_difference(self, largest: Block, block: Block) -> None:
        pairs = list(zip(largest.outputs, block.outputs, strict=True))
        heading = self._heading(block) + block.ending
        if not all(map(_is_comparable, (*largest.outputs, *block.outputs))):
            self._printer.show(f"{heading}, too large to compare", block.outputs)
            return
        names = self._heading(largest).encode(), self._heading(block).encode()
        differences = [list(_unified(_all(one), _all(other), *names)) for one, other in pairs]
        same = "" if any(differences) else ", same output"
        self._printer.print(heading + same, *differences)


def _is_comparable(held: Held) -> bool:
    if held.size_bytes > MOST_COMPARED_BYTES:
        return False
    return sum(piece.count(b"\n") for piece in held.pieces()) <= MOST_COMPARED_LINES


def _digest(held: Held) -> bytes:
    digest = hashlib.sha256()
    for piece in held.pieces():
        digest.update(piece)
    return digest.digest()


def _all(held: Held) -> bytes:
    return b"".join(held.pieces())


def _unified(one: bytes, other: bytes, one_name: bytes, other_name: bytes) -> Iterator[bytes]:
    """The unified diff (diff(1), -u) as lines, also of what is no text."""
    before, after = (io.BytesIO(text).readlines() for text in (one, other))  # bytes.splitlines would cut at a CR, too
    for line in difflib.diff_bytes(difflib.unified_diff, before, after, one_name, other_name):
        yield line if line.endswith(b"\n") else line + _NO_LAST_END
