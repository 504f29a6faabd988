"""The job ``check`` of every change, run here in full: it begins with an empty home and installs its own tools."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests import workflow
from tests.checkout import Checkout

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.registry
def test_the_checks_pass(tmp_path: Path) -> None:
    """The tools are those of the lock; they look at all of the checkout."""
    origin = Checkout.of_this_one(tmp_path / "origin")
    assert "clean" in workflow.Runner(origin, "main", tmp_path / "runner", workflow.CI).run("check")
