"""Whether the packages have to be installed in every way once more, or have been since what decides it last changed.

``make test-install`` notes that it passed; ``make test`` leaves it out while nothing of the packaging, of what imports
libraries, or of its tests has changed. It always runs in ``make release-check`` and every night.
"""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path
from typing import Final

from testbed.paths import CACHE

_ROOT: Final = Path(__file__).parents[1]
_DECIDE: Final = (
    ".github/workflows",
    "Makefile",
    "hatch_build.py",
    "kubectl_nsexec/__main__.py",
    "kubectl_nsexec/cli",
    "kubectl_nsexec/kube",
    "kubectl_nsexec/ui",
    "plugin.yaml",
    "pyproject.toml",
    "release",
    "testbed",
    "tests/*.py",
    "tests/release",
    "tests/unit/cli",
    "tests/unit/kube",
    "tests/unit/transport/test_channels.py",
    "tests/unit/ui",
    "tools",
)
"""Patterns of gitglossary(7)'s pathspec."""


def passed(root: Path = _ROOT, cache: Path = CACHE) -> bool:
    """Whether ``make test-install`` has passed on this machine with the checkout ``root`` as it is."""
    return _note(root, cache).exists()


def note(root: Path = _ROOT, cache: Path = CACHE) -> None:
    """Notes that it has just passed."""
    cache.mkdir(parents=True, exist_ok=True)
    _note(root, cache).touch()


def _note(root: Path, cache: Path) -> Path:
    """A file whose name is made of the names and contents of all that decides, committed or not."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *_DECIDE]
    listed = subprocess.run(listing, cwd=root, capture_output=True, check=True).stdout.decode()
    digest = hashlib.sha256()
    for name in sorted({name for name in listed.split("\0") if name and (root / name).is_file()}):
        content = hashlib.sha256((root / name).read_bytes()).hexdigest()
        digest.update(f"{name}\0{content}\n".encode())
    return cache / f"installed-{digest.hexdigest()[:16]}"


if __name__ == "__main__":
    note()
