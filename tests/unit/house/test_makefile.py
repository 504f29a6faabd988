"""What the Makefile makes is whole, or made again."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from testbed.paths import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

PYTHON = """#!/bin/sh
case $* in
  *"tools.env checkout"*) {copy} ;;
  *"tools.env docs"*) {kept} ;;
esac
"""
COPY = "mkdir -p .venv/bin; cp pip .venv/bin"
KEPT = "mkdir -p kept; echo kept"
_NEEDED = ("pyproject.toml", "tools/requirements.txt", "hatch_build.py", "testbed/environment.py")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The Makefile, and what its environments are made of."""
    shutil.copy(REPOSITORY / "Makefile", tmp_path)
    for folder in ("tools", "testbed"):
        (tmp_path / folder).mkdir()
    for name in _NEEDED:
        (tmp_path / name).touch()
    return tmp_path


def make(checkout: Path, target: str, *options: str, pip: str = "", copy: str = COPY, kept: str = KEPT) -> int:
    """Its exit status where pip and python3 -m tools.env are such scripts."""
    for name, text in (("python", PYTHON.format(copy=copy, kept=kept)), ("pip", f"#!/bin/sh\n{pip}\n")):
        (checkout / name).write_text(text)
        (checkout / name).chmod(0o755)
    argv = ["make", *options, f"PYTHON={checkout / 'python'}", target]
    return subprocess.run(argv, cwd=checkout, capture_output=True, check=False).returncode


@pytest.mark.parametrize(
    ("target", "fault"),
    [
        (".venv", {"pip": "mkdir -p $0-share; exit 1"}),
        (".venv", {"pip": "kill -TERM $PPID"}),
        (".venv", {"copy": f"{COPY}; exit 1"}),
        (".venv", {"copy": "exit 1"}),
        (".docs-venv", {"kept": "exit 1"}),
        (".docs-venv", {"kept": "kill -TERM $PPID"}),
    ],
    ids=str,
)
def test_an_environment_that_is_half_made_is_made_again(checkout: Path, target: str, fault: dict[str, str]) -> None:
    """Something fails, or whoever waits does no longer; then the same again, and nothing is left to do."""
    assert make(checkout, target, **fault) != 0
    assert make(checkout, target, "--question") == 1
    assert make(checkout, target) == 0
    assert (checkout / target).is_dir()
    assert make(checkout, target, "--question") == 0


def test_an_environment_of_the_documentation_replaces_one_of_before(checkout: Path) -> None:
    """It was a folder of the checkout's own once."""
    (checkout / ".docs-venv").mkdir()
    (checkout / "pyproject.toml").touch()
    assert make(checkout, ".docs-venv", "--always-make") == 0
    assert (checkout / ".docs-venv").readlink().name == "kept"


def test_what_python_compiles_is_kept_whatever_the_environment_says(checkout: Path) -> None:
    """Images of containers forbid it by a variable; `make test` starts Python some thousand times."""
    argv = ["make", "--silent", "--eval", "shown: ; @env", "shown"]
    forbidding = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "KEPT": "1"}
    shown = subprocess.run(argv, cwd=checkout, env=forbidding, capture_output=True, check=True, text=True).stdout
    assert "\nKEPT=1\n" in f"\n{shown}"
    assert "PYTHONDONTWRITEBYTECODE" not in shown
