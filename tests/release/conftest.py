"""The packages of this checkout, and homes to install them into."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests import packages as made
from tests.krew import Home

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def packages() -> made.Packages:
    """Wheel, sdist, archive, manifest and bill of materials."""
    return made.built()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A clean home."""
    (tmp_path / "home").mkdir()
    return Home(tmp_path / "home")


@pytest.fixture(scope="session")
def unpacked(packages: made.Packages, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive's folder."""
    import tarfile  # noqa: PLC0415 - here only

    folder = tmp_path_factory.mktemp("archive")
    with tarfile.open(packages.archive) as content:
        content.extractall(folder, filter="data")
    return folder / "kubectl-nsexec"
