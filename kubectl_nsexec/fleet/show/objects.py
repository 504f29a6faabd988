"""A JSON object a line (NDJSON): of each target as it ends, and of all at the end.

docs/reference/fleet.schema.json is what scripts may rely on.
"""

from __future__ import annotations

import base64
import codecs
import json
import threading
from typing import TYPE_CHECKING, Final

from kubectl_nsexec.fleet.show.blocks import Holding
from kubectl_nsexec.fleet.show.outcome import Outcome, outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from kubectl_nsexec.fleet.result import Place, Result
    from kubectl_nsexec.fleet.show.held import Held, Outputs
    from kubectl_nsexec.model.fleet import ShowOptions
    from kubectl_nsexec.model.http import Json
    from kubectl_nsexec.ui.console import Console

API_VERSION: Final = "nsexec.io/v1"
_WORDS: Final = {
    Outcome.OK: "ok",
    Outcome.FAILED: "failed",
    Outcome.TIMED_OUT: "timedOut",
    Outcome.END_UNKNOWN: "endUnknown",
    Outcome.NOT_STARTED: "notStarted",
}
_BASE64_UNIT_BYTES: Final = 3
"""What base64 turns into four characters without padding (RFC 4648, 4)."""


class Objects(Holding):
    """Outputs are written in pieces: one that is larger than memory is no matter.

    Nothing but ASCII is written: no output moves the cursor of a terminal that shows it.
    """

    def __init__(self, options: ShowOptions, places: Sequence[Place], console: Console) -> None:
        del places
        super().__init__()
        self._base64 = options.base64
        self._console = console
        self._lock = threading.Lock()

    def ended(self, result: Result) -> None:
        """See ``Shown``."""
        outputs = self.store.take(result.place)
        as_text = not self._base64 and all(map(_is_text, outputs))
        with self._lock:
            for piece in _result(result, outputs, as_text=as_text):
                self._console.write_stdout(piece.encode())
        outputs.drop()

    def finish(self, results: Sequence[Result]) -> None:
        """See ``Shown``."""
        with self._lock:
            self._console.write_stdout(f"{json.dumps(summary_object(results))}\n".encode())


def summary_object(results: Sequence[Result]) -> dict[str, object]:
    """The last line: how many targets ended how, and on how many nodes they are."""
    found = [outcome(result) for result in results]
    return {
        "apiVersion": API_VERSION,
        "kind": "FleetSummary",
        "targets": len(results),
        "nodes": len({result.place.node for result in results}),
        **{word: found.count(kind) for kind, word in _WORDS.items()},
    }


def _result(result: Result, outputs: Outputs, *, as_text: bool) -> Iterator[str]:
    """The line, in pieces."""
    place = result.place
    # By the node, where only that knows which CPUs are reserved.
    told: Json = (result.proof or {}).get("reserved") or {}
    before = {
        "apiVersion": API_VERSION,
        "kind": "FleetResult",
        "namespace": place.namespace,
        "pod": place.pod,
        "container": place.container,
        "node": place.node,
        "cpus": place.cpus or told.get("cpus", ""),
        "source": place.source if place.cpus else told.get("source", place.source),
        "outcome": _WORDS[outcome(result)],
        "status": result.status,
        "cause": result.cause,
        "code": result.code,
        "started": result.started,
        "seconds": result.seconds,
        "encoding": "utf-8" if as_text else "base64",
    }
    yield json.dumps(before).removesuffix("}")
    for name, held in (("stdout", outputs.stdout), ("stderr", outputs.stderr)):
        yield f', "{name}": "'
        yield from _text(held.pieces()) if as_text else _base64(held.pieces())
        yield '"'
    yield f', "proof": {json.dumps(result.proof)}}}\n'


def _is_text(held: Held) -> bool:
    """Whether it is UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for piece in held.pieces():
            decoder.decode(piece)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _text(pieces: Iterable[bytes]) -> Iterator[str]:
    """What stands between the quotes of a JSON string."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    for piece in pieces:
        yield json.dumps(decoder.decode(piece))[1:-1]


def _base64(pieces: Iterable[bytes]) -> Iterator[str]:
    rest = b""
    for piece in pieces:
        known = rest + piece
        whole = len(known) - len(known) % _BASE64_UNIT_BYTES
        yield base64.b64encode(known[:whole]).decode()
        rest = known[whole:]
    yield base64.b64encode(rest).decode()
