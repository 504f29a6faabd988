"""For every test, whoever runs them: signals are those of a program that a user starts, and no test can hang."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Final

import pytest

from tools import signals

signals.as_at_a_terminal()

collect_ignore = [] if find_spec("selenium") else ["docs"]
"""The site's tests have tools of their own, in .docs-venv (``make test-docs``)."""

_TESTS: Final = Path(__file__).parent
_LIMIT_SECONDS: Final = {"docs": 300, "live": 900, "machines": 900, "release": 900}
"""Of one test with its fixtures, by folder: builds, boots and emulated nodes. Others have that of pyproject.toml."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Gives each test of those folders its time."""
    for item in items:
        folder = item.path.relative_to(_TESTS).parts[0] if item.path.is_relative_to(_TESTS) else ""
        if folder in _LIMIT_SECONDS and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(_LIMIT_SECONDS[folder]))


@pytest.fixture
def no_cover(monkeypatch: pytest.MonkeyPatch) -> None:
    """``make coverage`` measures neither the test, for pytest-cov knows this name, nor the programs that it starts."""
    monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
