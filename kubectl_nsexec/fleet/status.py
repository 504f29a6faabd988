"""The exit status of a fleet, of those of its targets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubectl_nsexec.errors import EXIT_OWN_FAILURE, EXIT_TIMED_OUT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kubectl_nsexec.fleet.result import Result

_SIGNALS = 128


def exit_status(results: Sequence[Result], signal: int | None = None) -> int:
    """0 when all are 0.

    Else 125 when any was not run or its end is unknown, else 124 where any hit --max-duration, else the largest.
    ``signal``: the number of the one by which the user ended it all: then it is 128 more than that.
    """
    if signal is not None:
        return _SIGNALS + signal
    if any(result.status is None for result in results):
        return EXIT_OWN_FAILURE
    if any(result.timed_out for result in results):
        return EXIT_TIMED_OUT
    return max((result.status or 0 for result in results), default=0)


def failed(result: Result) -> bool:
    """Whether it counts for --max-fail."""
    return result.status != 0
