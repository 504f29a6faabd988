"""How a target ended, as one word and one reason."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kubectl_nsexec.fleet.result import Result

_LONGEST_REASON = 200
"""Of an answer of somebody else's."""


class Outcome(Enum):
    """In the order in which they are told."""

    OK = "ok"
    FAILED = "failed"
    TIMED_OUT = "timed out"
    END_UNKNOWN = "end unknown"
    NOT_STARTED = "not started"


def outcome(result: Result) -> Outcome:
    """Ended by ``--max-duration`` comes before whatever status that gave."""
    if result.timed_out:
        return Outcome.TIMED_OUT
    if result.status is not None:
        return Outcome.FAILED if result.status else Outcome.OK
    return Outcome.END_UNKNOWN if result.started else Outcome.NOT_STARTED


def reason(result: Result) -> str:
    """``exit 2``, or the cause as one line; "" where there is none to tell."""
    if outcome(result) is Outcome.FAILED:
        return f"exit {result.status}"
    line = " ".join(result.cause.split())
    return line if len(line) <= _LONGEST_REASON else f"{line[: _LONGEST_REASON - 1]}…"
