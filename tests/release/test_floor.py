"""The floor of branch coverage may only rise."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
import tomli

from testbed.paths import REPOSITORY
from tools import floor

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("measured", "at", "earlier", "words"),
    [
        (90.0, 90.0, [], None),
        (91.0, 90.0, [88.5, 90.0], None),
        (92.0, 90.0, [90.0], None),
        (92.1, 90.0, [90.0], "put fail_under = 91.1 into"),
        (89.9, 90.0, [90.0], "89.9 %, below its floor of 90 %"),
        (91.0, 90.0, [90.5, 90.0], "was 90.5 %: it may only rise"),
        (91.0, 90.0, [90.0, 90.5], "was 90.5 %: it may only rise"),
    ],
)
def test_a_floor_is_neither_missed_nor_forgotten_nor_lowered(
    measured: float, at: float, earlier: list[float], words: str | None
) -> None:
    """A sentence says which, and what to do."""
    found = floor.doubt(measured, at, earlier)
    assert found == words if words is None else words in (found or "")


def test_earlier_floors_are_those_of_the_commits(tmp_path: Path) -> None:
    """Every one that a commit has written; none where there is no history."""
    assert floor.earlier_floors(tmp_path) == []
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run([*git, "init", "--quiet"], check=True)
    for value in ("88.5", "90", "89.1"):
        (tmp_path / "pyproject.toml").write_text(f"[tool.coverage.report]\nfail_under = {value}\n")
        subprocess.run([*git, "add", "--all"], check=True)
        subprocess.run([*git, "commit", "--quiet", "--message=x"], check=True)
    assert floor.earlier_floors(tmp_path) == [89.1, 90.0, 88.5]


def test_the_floor_of_this_project_was_never_lowered() -> None:
    """As far as the history of this checkout is there."""
    at = tomli.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["coverage"]["report"]["fail_under"]
    assert at >= max(floor.earlier_floors(REPOSITORY), default=0.0)
    assert at > 0
