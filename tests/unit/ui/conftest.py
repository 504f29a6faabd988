"""Time for what is shown on a terminal while something is waited for."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from kubectl_nsexec.ui import waiting_line

if TYPE_CHECKING:
    from collections.abc import Iterator


class Clock:
    """Time that passes when a test says so."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """At a moment."""
    return Clock()


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The line is drawn as soon as time has passed."""
    monkeypatch.setattr(waiting_line, "_EVERY_SECONDS", 0.001)
    yield
    assert threading.active_count() == 1
