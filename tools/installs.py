"""Whether the packages have to be installed in every way once more, or have been since what decides it last changed.

``make test-install`` notes that it passed; ``make test`` leaves it out while nothing of the packaging, of what imports
libraries, or of its tests has changed. It always runs in ``make release-check`` and every night.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from testbed import once
from testbed.paths import CACHE, REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

DECIDE: Final = (
    ".github/workflows",
    "Makefile",
    "hatch_build.py",
    "kubectl_nsexec/__main__.py",
    "kubectl_nsexec/cli",
    "kubectl_nsexec/kube",
    "kubectl_nsexec/model",
    "kubectl_nsexec/transport/channels.py",
    "kubectl_nsexec/ui",
    "plugin.yaml",
    "pyproject.toml",
    "release",
    "testbed/__init__.py",
    "testbed/binaries.py",
    "testbed/debian.py",
    "testbed/errors.py",
    "testbed/go_build.py",
    "testbed/krew",
    "testbed/minimal_root.py",
    "testbed/oci.py",
    "testbed/once.py",
    "testbed/packages.py",
    "testbed/paths.py",
    "testbed/progress.py",
    "testbed/tarball.py",
    ":(glob)tests/*.py",
    ":(glob)tests/unit/*.py",
    "tests/release",
    "tests/unit/cli",
    "tests/unit/kube",
    "tests/unit/model/test_resource_reference.py",
    "tests/unit/transport/test_channels.py",
    "tests/unit/ui",
    "tools/__init__.py",
    "tools/installs.py",
    "tools/requirements.txt",
    "tools/signals.py",
    "tools/test_all.py",
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
