"""The packages of this checkout, and homes to install them into."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from testbed.paths import REPOSITORY
from tests import packages as made
from tests.checkout import Checkout
from tests.krew import Home

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session", autouse=True)
def nothing_is_dropped_here() -> Iterator[None]:
    """No build or installation leaves a file at the top of the checkout, as pip does that was not told where."""
    git = ["git", "ls-files", "--others", "--exclude-standard", "--", ":(glob)*"]
    before = subprocess.run(git, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    yield
    assert subprocess.run(git, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout == before


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
    return packages.unpack(tmp_path_factory.mktemp("archive"))


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout in which the release of version 7.8.9 is prepared: committed, not yet tagged. To be copied."""
    checkout = Checkout.of_this_one(tmp_path_factory.mktemp("release") / "checkout")
    checkout.prepare("7.8.9", "2031-02-03")
    return checkout
