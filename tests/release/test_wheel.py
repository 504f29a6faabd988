"""What is in wheel and sdist."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from email import message_from_bytes
from typing import TYPE_CHECKING

import pytest

from hatch_build import NODE_FOLDER, TARGETS
from kubectl_nsexec.node import shim
from release import env
from release.names import HOMEPAGE
from testbed.paths import REPOSITORY
from tests.checkout import Checkout

if TYPE_CHECKING:
    from pathlib import Path

    from tests.packages import Packages

OF_THE_INSTALLATION = {"RECORD", "direct_url.json"}
"""Files of .dist-info that say where it came from."""


def installed(what: Path, into: Path, checkout: Checkout) -> dict[str, bytes]:
    """The files that pip makes of WHAT in the folder INTO, each with its content."""
    pip = (str(env.folder() / "bin/python"), "-m", "pip", "install", "--quiet", "--no-deps", "--no-index")
    checkout.run(*pip, "--no-build-isolation", "--no-compile", "--target", str(into), str(what))
    files = [path for path in into.rglob("*") if path.is_file() and path.name not in OF_THE_INSTALLATION]
    return {str(path.relative_to(into)): path.read_bytes() for path in files}


def test_every_way_gives_the_same_files(packages: Packages, tmp_path: Path) -> None:
    """The sdist, the wheel that was made of it, and a checkout."""
    checkout = Checkout.of_this_one(tmp_path / "checkout")
    wheel = installed(packages.wheel, tmp_path / "wheel", checkout)
    assert installed(packages.sdist, tmp_path / "sdist", checkout) == wheel
    assert installed(checkout.root, tmp_path / "direct", checkout) == wheel


def test_the_wheel_has_what_runs_on_the_node(packages: Packages) -> None:
    """Every program and script, no source of a program; and the man pages where an installation looks for them."""
    with zipfile.ZipFile(packages.wheel) as content:
        names = {name for name in content.namelist() if not name.endswith(".py")}
    scripts = {f"{NODE_FOLDER}/agent/{path.name}" for path in (REPOSITORY / NODE_FOLDER / "agent").glob("*.sh")}
    assert scripts
    assert {f"{NODE_FOLDER}/bin/shim-{architecture}" for architecture in TARGETS} | scripts <= names
    assert [name for name in names if name.endswith((".c", ".h"))] == []
    pages = {name.partition(".data/data/")[2] for name in names if ".data/data/" in name}
    assert pages == {"share/man/man1/oc-nsexec.1", "share/man/man1/kubectl-nsexec.1"}


def test_the_readme_on_pypi_has_no_link_to_a_file(packages: Packages) -> None:
    """Which would lead nowhere there."""
    with zipfile.ZipFile(packages.wheel) as content:
        (name,) = (name for name in content.namelist() if name.endswith(".dist-info/METADATA"))
        text = content.read(name).decode()
    assert "Description-Content-Type: text/markdown" in text
    assert "/blob/v" in text
    assert "](docs/" not in text


def test_the_metadata_is_for_users(packages: Packages) -> None:
    """It links to the project's own pages, and offers none of what only a checkout needs."""
    with zipfile.ZipFile(packages.wheel) as content:
        (name,) = [name for name in content.namelist() if name.endswith(".dist-info/METADATA")]
        metadata = message_from_bytes(content.read(name))
    links = dict(link.split(", ") for link in metadata.get_all("Project-URL", []))
    assert links.keys() >= {"Homepage", "Issues", "Changelog", "Security"}
    assert all(link.startswith(HOMEPAGE) for link in links.values())
    assert metadata.get_all("Provides-Extra") is None


@pytest.mark.registry
def test_the_shim_is_the_same_wherever_it_is_compiled(tmp_path: Path) -> None:
    """Another checkout gives the same bytes."""
    node = tmp_path / "elsewhere/kubectl_nsexec/node"
    (node.parent / "identity/seccomp").mkdir(parents=True)
    shutil.copytree(REPOSITORY / "kubectl_nsexec/node/shim", node / "shim")
    shutil.copy(REPOSITORY / "hatch_build.py", tmp_path / "elsewhere")
    again = [sys.executable, str(tmp_path / "elsewhere/hatch_build.py"), "amd64"]
    compiled = {name: value for name, value in os.environ.items() if name != "NSEXEC_BUILD_CACHE"}
    subprocess.run(again, check=True, stdout=subprocess.DEVNULL, env=compiled)
    built = (node / "bin/shim-amd64").read_bytes()
    assert hashlib.sha256(built).hexdigest() == hashlib.sha256(shim("amd64")).hexdigest()
