"""The exit status of a fleet."""

from __future__ import annotations

import pytest

from kubectl_nsexec.fleet.result import Place, Result
from kubectl_nsexec.fleet.status import exit_status, failed

_PLACE = Place("ran", "du-0", "main", "n0", "0-1", "--cpus")
_OVER = "over"
"""Ended by --max-duration."""


def results(*statuses: int | str | None) -> list[Result]:
    """Of commands that ended so."""
    return [
        Result(_PLACE, 124 if status == _OVER else status, "", "", 0.0, None, status == _OVER)  # type: ignore[arg-type] # no text by now
        for status in statuses
    ]


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ((), 0),
        ((0, 0), 0),
        ((0, 3, 2), 3),
        ((0, 255), 255),
        ((0, 124), 124),
        ((200, 124), 200),
        ((0, _OVER), 124),
        ((200, _OVER), 124),
        ((0, None), 125),
        ((200, _OVER, None), 125),
    ],
)
def test_what_counts_most(statuses: tuple[int | str | None, ...], expected: int) -> None:
    """Not run or unknown, then the time, then the largest; a command may end with 124 by itself."""
    assert exit_status(results(*statuses)) == expected


@pytest.mark.parametrize(("signal", "expected"), [(2, 130), (15, 143)])
def test_a_signal_counts_more(signal: int, expected: int) -> None:
    """Whatever had ended by then."""
    assert exit_status(results(0, 3, None), signal) == expected


@pytest.mark.parametrize(("status", "fails"), [(0, False), (1, True), (_OVER, True), (None, True)])
def test_what_counts_as_a_failure(status: int | str | None, fails: bool) -> None:  # noqa: FBT001 - a table's column
    """For --max-fail."""
    assert failed(results(status)[0]) == fails
