"""Where a command runs among many, how it ended there, and who is told: what the engine and ``show`` have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kubectl_nsexec.model.http import Json


class Place(NamedTuple):
    """One target, resolved."""

    namespace: str
    pod: str
    container: str
    node: str
    cpus: str
    """cpuset(7) list format, e.g. ``0-1``."""
    source: str
    """Who says that they are reserved, as in ``model.proof.Proof.source``."""


class Result(NamedTuple):
    """How one target ended."""

    place: Place
    status: int | None
    """The command's exit status; None: not run, or its end is unknown."""
    cause: str
    """Why ``status`` is None, or that ``--max-duration`` ended it; "" otherwise."""
    started: str
    """RFC 3339, UTC, with milliseconds; "" where it never started."""
    seconds: float
    """From start to end; 0 where it never started."""
    proof: Json | None
    """``ui.output.proof_document`` of it, where it started."""
    timed_out: bool = False
    """Ended by ``--max-duration`` (124)."""
    code: str = ""
    """Of the error that ``cause`` tells, as ``--explain`` takes it; "" where that is "" too."""


class Presenter(Protocol):
    """Called from many threads; each implementation holds its own lock.

    All raise ``ui.console.OutputClosedError`` when nobody reads our stdout any more.
    """

    def stdout(self, place: Place, data: bytes) -> None:
        """A raw piece as it comes, of any size."""

    def stderr(self, place: Place, data: bytes) -> None:
        """The same of stderr."""

    def ended(self, result: Result) -> None:
        """Exactly once per target, after its last bytes."""

    def finish(self, results: Sequence[Result]) -> None:
        """All ended: blocks of ``--gather``, the summary object."""
