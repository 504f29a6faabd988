"""How much time is left, as one value that is handed down."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

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


@dataclass(frozen=True)
class Deadline:
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
