"""What the Makefile makes is whole, or made again."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from testbed.paths import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

PYTHON = """#!/bin/sh
case $* in *venv*) mkdir -p .venv/bin .docs-venv/bin; cp pip .venv/bin; cp pip .docs-venv/bin ;; esac
"""
_NEEDED = ("pyproject.toml", "tools/requirements.txt", "hatch_build.py")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The Makefile, and what its environments are made of."""
    shutil.copy(REPOSITORY / "Makefile", tmp_path)
    (tmp_path / "tools").mkdir()
    for name in _NEEDED:
        (tmp_path / name).touch()
    return tmp_path


def make(checkout: Path, target: str, pip: str, *options: str) -> int:
    """Its exit status where pip is such a script."""
    for name, text in (("python", PYTHON), ("pip", pip)):
        (checkout / name).write_text(text)
        (checkout / name).chmod(0o755)
    argv = ["make", *options, f"PYTHON={checkout / 'python'}", target]
    return subprocess.run(argv, cwd=checkout, capture_output=True, check=False).returncode


@pytest.mark.parametrize("target", [".venv", ".docs-venv"])
@pytest.mark.parametrize("pip", ["mkdir -p $0-share; exit 1", "kill -TERM $PPID"])
def test_an_environment_that_is_half_made_is_made_again(checkout: Path, target: str, pip: str) -> None:
    """pip fails, or whoever waits does no longer; then the same again, and nothing is left to do."""
    assert make(checkout, target, f"#!/bin/sh\n{pip}\n") != 0
    assert (checkout / target).is_dir()
    assert make(checkout, target, "", "--question") == 1
    assert make(checkout, target, "#!/bin/sh\n") == 0
    assert make(checkout, target, "", "--question") == 0
