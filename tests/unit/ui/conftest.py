"""Time for what is shown on a terminal while something is waited for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kubectl_nsexec.ui import waiting_line

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator


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
def often(monkeypatch: pytest.MonkeyPatch, new_threads: Callable[[], list[threading.Thread]]) -> Iterator[None]:
    """The line is drawn as soon as time has passed, and nothing is left of what draws it."""
    monkeypatch.setattr(waiting_line, "_EVERY_SECONDS", 0.001)
    yield
    assert new_threads() == []
