"""How much time is left, as one value that is handed down."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from kubectl_nsexec.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta


def parse_duration(text: str, option: str) -> float:
    """Seconds (> 0) of a Go duration such as ``90s`` or ``1m30s`` (time.ParseDuration), as kubectl takes them.

    Raises UsageError naming ``option`` when ``text`` is no duration or not above zero.
    """
    import durationpy  # noqa: PLC0415 - only when a duration is given; it comes with the kubernetes client

    try:
        duration: timedelta = durationpy.from_str(text)
    except Exception as error:  # durationpy raises a bare Exception subclass per kind of mistake
        raise UsageError(f'{option}: "{text}" is not a duration; write it like 90s or 1m30s') from error
    seconds = duration.total_seconds()
    if seconds <= 0:
        raise UsageError(f"{option}: must be greater than zero, not {text}")
    return seconds


def parse_request_timeout(text: str) -> float:
    """Seconds of kubectl's ``--request-timeout``: a whole number of seconds or a duration; 0 for no time-out.

    Raises UsageError in kubectl's words (clientcmd.ParseTimeout).
    """
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        return parse_duration(text, "--request-timeout")
    except UsageError as error:
        if text.strip("0hmsµun.") == "" and "0" in text:
            return 0.0
        raise UsageError(
            "Invalid timeout value. Timeout must be a single integer in seconds, or an integer followed by a "
            "corresponding time unit (e.g. 1s | 2m | 3h)"
        ) from error


def parse_keep(text: str) -> float:
    """Seconds of ``--keep``: a duration, or 0. Raises UsageError."""
    return 0.0 if text in ("0", "0s") else parse_duration(text, "--keep")


class Deadline(NamedTuple):
    """A moment on a monotonic clock (seconds) that all the steps of one piece of work share."""

    at_seconds: float
    allowed_seconds: float
    clock: Callable[[], float] = time.monotonic

    @classmethod
    def after(cls, seconds: float, clock: Callable[[], float] = time.monotonic) -> Deadline:
        """The deadline ``seconds`` from now."""
        return cls(clock() + seconds, seconds, clock)

    def remaining_seconds(self) -> float:
        """Seconds left, never below zero."""
        return max(0.0, self.at_seconds - self.clock())

    def expired(self) -> bool:
        """Whether nothing is left."""
        return self.remaining_seconds() <= 0
