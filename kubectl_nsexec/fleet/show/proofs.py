"""``--verify`` of many pods for people: a row a target. For scripts ``-o json`` has each proof whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kubectl_nsexec.fleet.show.outcome import outcome
from kubectl_nsexec.ui import output

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kubectl_nsexec.fleet.result import Result
    from kubectl_nsexec.model.http import Json

_PLACE: Final = ("NAMESPACE", "POD", "CONTAINER", "NODE")
_PROOF: Final = ("RESERVED CPUS", "TARGET'S MASK", "EXCLUSIVE CPUS", "CMD'S MASK", "VERDICT", "PLAIN EXEC")


def table(results: Sequence[Result]) -> str:
    """In the order of the results, without the last newline; one that was not started says so in place of a verdict."""
    return output.table([*_PLACE, *_PROOF], [[*result.place[: len(_PLACE)], *_cells(result)] for result in results])


def _cells(result: Result) -> tuple[str, ...]:
    """Below _PROOF."""
    proof = result.proof
    if proof is None:
        return ("-", "-", "-", "-", outcome(result).value, "-")
    return (
        proof["reserved"]["cpus"],
        proof["target"]["cpus"],
        proof["exclusive"]["cpus"] or "none",
        proof["command"]["cpus"],
        proof["verdict"]["reason"],
        _plain_exec(proof["plainExec"]),
    )


def _plain_exec(plain: Json | None) -> str:
    if plain is None:
        return "-"
    return f"{'safe' if plain['safe'] else 'not safe'}: {plain['message']}"
