"""The packages of this checkout, built once for the same inputs, for the tests that install them."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

import pytest

from release import env
from testbed.paths import CACHE, REPOSITORY

_CODE = ("kubectl_nsexec", "release", "tools", "hatch_build.py", "pyproject.toml")
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


def built() -> Packages:
    """The packages of this checkout as it is now, from the cache when they are there."""
    tools = env.folder()
    if not (tools / "complete").exists():
        pytest.fail("the tools that make packages are not there: make .release", pytrace=False)
    folder = CACHE / f"dist-{_key(tools)}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "dist.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            _build(tools, folder)
    wheel, sdist, archive, bill = (
        next(folder.glob(kind))
        for kind in ("*.whl", "kubectl_nsexec-*.tar.gz", "kubectl-nsexec-*.tar.gz", "kubectl-nsexec-*.cdx.json")
    )
    return Packages(folder, wheel, sdist, archive, folder / "plugin.yaml", bill)


def dist(tools: Path, into: Path, source: Path = REPOSITORY) -> None:
    """What ``make dist`` does, with the packages in INTO."""
    links = os.environ.get("NSEXEC_BUILD_CACHE", str(CACHE / "links"))
    environment = {**os.environ, "SOURCE_DATE_EPOCH": _EPOCH, "NSEXEC_BUILD_CACHE": links}
    argv = [str(tools / "bin/python"), "-m", "release", "dist", "--into", str(into)]
    done = subprocess.run(argv, cwd=source, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def _build(tools: Path, folder: Path) -> None:
    with tempfile.TemporaryDirectory(prefix=".dist-", dir=CACHE) as scratch:
        dist(tools, Path(scratch) / "dist")
        shutil.move(Path(scratch) / "dist", folder)


def _key(tools: Path) -> str:
    """Names everything that the packages' bytes depend on."""
    git = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *_INPUTS]
    listed = subprocess.run(git, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout.split("\0")
    key = hashlib.sha256(tools.name.encode())
    for name in sorted(set(filter(None, listed))):
        path = REPOSITORY / name
        if path.is_file():
            key.update(hashlib.sha256(name.encode() + b"\0" + path.read_bytes()).digest())
    return key.hexdigest()[:12]
