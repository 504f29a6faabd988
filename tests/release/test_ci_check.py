"""The job of every change that does not only make targets which run here anyway: it installs its own tools."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests import workflow
from tests.checkout import Checkout

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.registry
def test_the_checks_pass(tmp_path: Path) -> None:
    """In full, from an empty home on: tools of the lock, and all that they look at."""
    origin = Checkout.of_this_one(tmp_path / "origin")
    assert "clean" in workflow.Runner(origin, "main", tmp_path / "runner", workflow.CI).run("check")
