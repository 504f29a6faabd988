"""How bad a finding of ``--check`` is, and from where on it counts for the exit status (``--fail-on``)."""

from __future__ import annotations

DANGER, LATENCY, INFO = "danger", "latency", "info"
SEVERITIES = (DANGER, LATENCY, INFO)
"""Worst first."""
FAIL_ON = (DANGER, LATENCY, "any")
"""The values of ``--fail-on``: this severity and worse."""
DEFAULT_FAIL_ON = DANGER


def that_fail(fail_on: str) -> tuple[str, ...]:
    """The severities that count for ``fail_on``, one of FAIL_ON."""
    return SEVERITIES[: 1 + FAIL_ON.index(fail_on)]
