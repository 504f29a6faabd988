"""The packages of this checkout, built once for the same inputs, for the tests that install them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import NamedTuple

import pytest

from release import env
from testbed import once, tarball
from testbed.paths import CACHE, REPOSITORY

_CODE = ("kubectl_nsexec", "release", "tools", "hatch_build.py", "pyproject.toml", "testbed/oci.py")
_OLDER = ("testbed/minimal_root.py", "testbed/old_system.py")
_INPUTS = (*_CODE, "README.md", "LICENSE", "CHANGELOG.md")
_EPOCH = "1700000000"
"""The time in the packages (SOURCE_DATE_EPOCH): a commit that changes none of the inputs builds nothing anew."""


class Packages(NamedTuple):
    """What ``make dist`` leaves."""

    folder: Path
    wheel: Path
    sdist: Path
    archive: Path
    manifest: Path
    bill: Path
    image: Path

    def unpack(self, into: Path) -> Path:
        """Unpack the archive into the folder INTO and return its folder."""
        with tarfile.open(self.archive) as content:
            tarball.unpack(content, into)
        return into / "kubectl-nsexec"


def built(*, older: bool = False) -> Packages:
    """The packages of this checkout as it is now, from the cache when they are there; OLDER: of ``make dist-older``."""
    tools = env.folder()
    if not (tools / "complete").exists():
        pytest.fail("the tools that make packages are not there: make .release", pytrace=False)
    argv = (
        [sys.executable, "-m", "release.older"]
        if older
        else [str(tools / "bin/python"), "-m", "release", "dist", "--into"]
    )
    # Everything that the packages' bytes depend on.
    key = once.digest(REPOSITORY, *_INPUTS, *(_OLDER if older else ()), more=tools.name)
    folder = CACHE / (f"dist-older-{key}" if older else f"dist-{key}")
    with once.alone("dist"):
        if not folder.is_dir():
            _build(argv, folder)
    wheel, sdist, archive, bill, image = (
        next(folder.glob(kind))
        for kind in ("*.whl", "kubectl_nsexec-*.tar.gz", "kubectl-nsexec-*.tar.gz", "*.cdx.json", "*.oci.tar")
    )
    return Packages(folder, wheel, sdist, archive, folder / "plugin.yaml", bill, image)


def _build(argv: list[str], folder: Path) -> None:
    links = os.environ.get("NSEXEC_BUILD_CACHE", str(CACHE / "links"))
    environment = {**os.environ, "SOURCE_DATE_EPOCH": _EPOCH, "NSEXEC_BUILD_CACHE": links}
    with tempfile.TemporaryDirectory(prefix=".dist-", dir=CACHE) as scratch:
        words = [*argv, str(Path(scratch) / "dist")]
        done = subprocess.run(words, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        shutil.move(Path(scratch) / "dist", folder)
