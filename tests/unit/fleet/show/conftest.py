"""What the user sees, and no variable of whoever runs the tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.fleet.show.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _no_colours_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def screen(tmp_path: Path) -> Iterator[Screen]:
    """Stdout and stderr apart."""
    shown = Screen(tmp_path)
    yield shown
    shown.close()


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Screen]:
    """Both are one file."""
    shown = Screen(tmp_path, together=True)
    yield shown
    shown.close()
