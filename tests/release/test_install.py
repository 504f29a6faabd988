"""The wheel by every way that people install Python programs, on every Python here, with the oldest libraries."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import tomli

from release import env
from release.names import version
from testbed import minimal_root
from testbed.paths import REPOSITORY

if TYPE_CHECKING:
    from tests.packages import Packages

pytestmark = pytest.mark.registry

PROGRAMS = {"oc-nsexec", "kubectl-nsexec", "oc_complete-nsexec", "kubectl_complete-nsexec"}
OLDEST_PIP = "19.3.1"
"""The oldest that was tried (November 2026, Python 3.10)."""
OF_THE_LIBRARIES = (
    "kube/test_kubeconfig",
    "kube/test_load",
    "kube/test_exec_plugin",
    "cli/completion/test_main_program",
    "transport/test_channels",
    "ui/test_output",
    "model/test_resource_reference",
)
"""The hermetic tests of what uses a library: run with the oldest and the newest."""
OF_THE_TESTS = tuple(tomli.loads((REPOSITORY / "pyproject.toml").read_text())["dependency-groups"]["tests"])
"""What they need beside."""


def pythons() -> dict[str, str]:
    """``3.N`` → an interpreter, for every N from 10 on that PATH or pyenv has, and the one that runs the tests."""
    folders = [*os.environ["PATH"].split(os.pathsep), *map(str, Path.home().glob(".pyenv/versions/*/bin"))]
    candidates = [str(path) for folder in folders for path in Path(folder).glob("python3.[0-9]*")]
    found = {f"{sys.version_info.major}.{sys.version_info.minor}": sys.executable}
    for candidate in candidates:
        name = re.fullmatch(r"python(3\.(\d+))", Path(candidate).name)
        # pyenv's shims are on PATH for every version, and fail for those that are not chosen.
        if name and int(name[2]) >= 10 and name[1] not in found and _runs(candidate):
            found[name[1]] = candidate
    return dict(sorted(found.items(), key=lambda item: int(item[0].split(".")[1])))


def _runs(python: str) -> bool:
    return subprocess.run([python, "-c", "import venv, ensurepip"], capture_output=True, check=False).returncode == 0


def tool(name: str) -> str:
    """A program of the release tools: uv, pipx."""
    return str(env.folder() / "bin" / name)


def run(*argv: str, **environment: str) -> str:
    """Run a program; it has to succeed."""
    done = subprocess.run(
        argv,
        env={**os.environ, **environment},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}"
    return done.stdout


def files_of_the_tests() -> list[str]:
    """Their files."""
    return [str(REPOSITORY / f"tests/unit/{name}.py") for name in OF_THE_LIBRARIES]


def working(folder: Path) -> None:
    """All four programs are in FOLDER, name the version and complete a flag."""
    assert {path.name for path in folder.iterdir()} >= PROGRAMS
    for caller in ("oc", "kubectl"):
        assert run(str(folder / f"{caller}-nsexec"), "--version").startswith(f"{caller} nsexec {version()}\n")
        assert run(str(folder / f"{caller}_complete-nsexec"), "--contai").startswith("--container\t")
    refused = subprocess.run(
        [str(folder / "oc-nsexec"), "-s", "https://127.0.0.1:9", "p", "--", "id"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "127.0.0.1:9" in refused.stderr, refused.stderr


@pytest.mark.parametrize(
    ("way", "install", "uninstall"),
    [
        ("pipx", ("install",), ("uninstall", "kubectl-nsexec")),
        ("uv", ("tool", "install"), ("tool", "uninstall", "kubectl-nsexec")),
    ],
)
def test_as_a_tool_of_its_own(
    way: str, install: tuple[str, ...], uninstall: tuple[str, ...], packages: Packages, tmp_path: Path
) -> None:
    """Into a clean home, and out of it again."""
    home = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    cache = {"UV_CACHE_DIR": str(Path.home() / ".cache/uv"), "PIPX_DEFAULT_PYTHON": sys.executable}
    run(tool(way), *install, str(packages.wheel), **home, **cache)
    (linked,) = [path for path in tmp_path.rglob("oc-nsexec") if path.is_symlink()]
    working(linked.parent)
    assert (linked.resolve().parents[1] / "share/man/man1/oc-nsexec.1").is_file()
    assert (tmp_path / ".local/share/man/man1/oc-nsexec.1").exists() == (
        way == "pipx"
    )  # as docs/how-to/install.md says
    run(tool(way), *uninstall, **home, **cache)
    assert [path for path in tmp_path.rglob("*nsexec*") if path.suffix not in {".log", ".lock"}] == []


def test_by_an_old_pip(packages: Packages, tmp_path: Path) -> None:
    """On the oldest Python, which that pip still runs on."""
    run(next(iter(pythons().values())), "-m", "venv", str(tmp_path))
    python = str(tmp_path / "bin/python")
    run(python, "-m", "pip", "install", "--quiet", f"pip=={OLDEST_PIP}")
    run(python, "-m", "pip", "install", "--quiet", str(packages.wheel))
    working(tmp_path / "bin")


@pytest.mark.parametrize("python", pythons().items(), ids=lambda item: item[0])
def test_on_every_python_that_is_here(python: tuple[str, str], packages: Packages, tmp_path: Path) -> None:
    """With the newest libraries that it can have."""
    run(tool("uv"), "venv", "--quiet", "--python", python[1], str(tmp_path / "venv"))
    made = tmp_path / "venv/bin"
    run(tool("uv"), "pip", "install", "--quiet", "--python", str(made / "python"), str(packages.wheel))
    working(made)


def test_on_the_newest_python_of_debian(packages: Packages, tmp_path: Path) -> None:
    """A Python that this machine cannot have: in a tree of its own, from Debian's unstable release."""
    newest = "python3.14"
    minimal_root.unpack(tmp_path / "root", "sid", (newest, f"{newest}-venv"))

    def inside(*argv: str) -> str:
        done = minimal_root.run(tmp_path / "root", argv, [REPOSITORY, packages.folder], str(REPOSITORY))
        assert done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}"
        return done.stdout

    inside(newest, "-m", "venv", "/venv")
    inside("/venv/bin/pip", "install", "--quiet", str(packages.wheel), *OF_THE_TESTS)
    said = inside("/venv/bin/oc-nsexec", "--version")
    assert said.startswith(f"oc nsexec {version()}\n")
    assert "Python 3.14" in said
    assert inside("/venv/bin/oc_complete-nsexec", "--contai").startswith("--container\t")
    inside("/venv/bin/python", "-B", "-m", "pytest", "-p", "no:cacheprovider", *files_of_the_tests())


@pytest.mark.parametrize("resolution", ["lowest-direct", "highest"])
def test_with_the_libraries_at_both_ends(resolution: str, tmp_path: Path) -> None:
    """The oldest that pyproject.toml allows on the oldest Python here, the newest on the newest: tests pass there."""
    have = list(pythons().values())
    python = have[0] if resolution == "lowest-direct" else have[-1]
    wanted = str(tmp_path / "requirements.txt")
    project = str(REPOSITORY / "pyproject.toml")
    compiled = ("--python", python, "--resolution", resolution, "--output-file", wanted)
    run(tool("uv"), "pip", "compile", "--quiet", *compiled, project)
    run(tool("uv"), "venv", "--quiet", "--python", python, str(tmp_path / "venv"))
    inside = str(tmp_path / "venv/bin/python")
    run(tool("uv"), "pip", "install", "--quiet", "--python", inside, "-r", wanted, *OF_THE_TESTS)
    done = subprocess.run(
        [inside, "-m", "pytest", "-p", "no:cacheprovider", *files_of_the_tests()],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
