"""Whether the packages have to be installed in every way once more, or have been since the packaging last changed.

``make test-install`` notes that it passed; ``make test`` leaves it out while nothing has changed of what makes the
packages, says what they need, and installs them. It always runs in ``make release-check`` and every night.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from testbed import once
from testbed.paths import CACHE, REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

DECIDE: Final = (
    ".github/workflows",
    "hatch_build.py",
    "plugin.yaml",
    "pyproject.toml",
    "release",
    "testbed/__init__.py",
    "testbed/binaries.py",
    "testbed/debian.py",
    "testbed/environment.py",
    "testbed/errors.py",
    "testbed/go_build.py",
    "testbed/krew",
    "testbed/minimal_root.py",
    "testbed/oci.py",
    "testbed/old_system.py",
    "testbed/once.py",
    "testbed/packages.py",
    "testbed/paths.py",
    "testbed/progress.py",
    "testbed/tarball.py",
    ":(glob)tests/*.py",
    "tests/release",
    "tools/__init__.py",
    "tools/installs.py",
    "tools/requirements.txt",
    "tools/signals.py",
)
"""See testbed.once.listed."""


def passed(root: Path = REPOSITORY, cache: Path = CACHE) -> bool:
    """Whether ``make test-install`` has passed on this machine with the checkout ``root`` as it is."""
    return _note(root, cache).exists()


def note(root: Path = REPOSITORY, cache: Path = CACHE) -> None:
    """Notes that it has just passed."""
    cache.mkdir(parents=True, exist_ok=True)
    _note(root, cache).touch()


def _note(root: Path, cache: Path) -> Path:
    """A file that is named after all that decides."""
    return cache / f"installed-{once.digest(root, *DECIDE)}"


if __name__ == "__main__":
    note()
