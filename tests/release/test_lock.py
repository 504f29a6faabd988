"""The locked versions (``make lock``) are what pyproject.toml asks for, on every Python, and what runs the tests."""

from __future__ import annotations

import re
from importlib import metadata
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import tomli
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from testbed.paths import REPOSITORY
from tests import workflow
from tests.release.test_install import pythons, run, tool

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PROJECT: dict[str, Any] = tomli.loads((REPOSITORY / "pyproject.toml").read_text())
PYTHONS = [row["matrix.python"] for row in workflow.matrix(workflow.jobs(workflow.CI)["hermetic"])]
"""Those that the hermetic tests are run on."""
LOCKS = ("release/requirements.txt", "tools/requirements.txt")
_SYSTEMS = {
    "linux": {"sys_platform": "linux", "os_name": "posix", "platform_system": "Linux"},
    "darwin": {"sys_platform": "darwin", "os_name": "posix", "platform_system": "Darwin"},
    "win32": {"sys_platform": "win32", "os_name": "nt", "platform_system": "Windows"},
}


class Locked(NamedTuple):
    """A distribution that a lock names."""

    requirement: Requirement
    """``NAME==VERSION``, perhaps with a marker."""
    hashes: int
    """How many files of it may be installed."""

    @property
    def name(self) -> str:
        """As PyPI compares names."""
        return str(canonicalize_name(self.requirement.name))

    @property
    def version(self) -> str:
        """The only one that is let in."""
        (only,) = self.requirement.specifier
        assert only.operator == "=="
        return str(only.version)


def locked(lock: str, environment: Mapping[str, str] | None = None) -> list[Locked]:
    """What LOCK, a file of LOCKS, installs in ENVIRONMENT: values of markers, else those of this Python."""
    entries = re.findall(r"^(\S.*?) \\\n((?: +--hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", _text(lock), re.MULTILINE)
    all_of_it = [Locked(Requirement(line), hashes.count("sha256:")) for line, hashes in entries]
    return [each for each in all_of_it if _applies(each.requirement, environment)]


def _text(name: str) -> str:
    return (REPOSITORY / name).read_text()


def _applies(requirement: Requirement, environment: Mapping[str, str] | None) -> bool:
    return requirement.marker is None or bool(requirement.marker.evaluate(environment and dict(environment)))


def group(name: str) -> list[str]:
    """The requirements of a dependency group and of those that it includes (PEP 735)."""
    found = []
    for item in PROJECT["dependency-groups"][name]:
        found += [item] if isinstance(item, str) else group(item["include-group"])
    return found


def wanted(lock: str) -> list[str]:
    """The requirements that LOCK was made of."""
    more = group("dev") if lock.startswith("tools/") else _text("release/requirements.in").splitlines()
    return [*PROJECT["project"]["dependencies"], *(line for line in more if not line.startswith("#"))]


@pytest.mark.parametrize("lock", LOCKS)
def test_every_line_has_a_version_and_hashes(lock: str) -> None:
    """So that ``pip install --require-hashes`` takes all of it, and nothing is overlooked here."""
    lines = [line for line in _text(lock).splitlines() if not line.startswith((" ", "#"))]
    everywhere = re.findall(r"^(\S+)==\S+", _text(lock), re.MULTILINE)
    entries = re.findall(r"^\S.*\\\n +--hash=sha256:", _text(lock), re.MULTILINE)
    assert len(lines) == len(everywhere) == len(entries) > 0


@pytest.mark.parametrize("system", _SYSTEMS)
@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("lock", LOCKS)
def test_the_lock_is_what_the_project_asks_for(lock: str, python: str, system: str) -> None:
    """Each requirement has one version there, and it is one that is allowed."""
    environment = {**_SYSTEMS[system], "python_version": python, "python_full_version": f"{python}.9"}
    found = locked(lock, environment)
    versions = {each.name: each.version for each in found}
    assert len(versions) == len(found)
    assert all(each.hashes for each in found)
    requirements = [Requirement(text) for text in wanted(lock)]
    unmet = [
        str(each)
        for each in requirements
        if _applies(each, environment)
        and not each.specifier.contains(versions.get(canonicalize_name(each.name), "0.dev0"), prereleases=True)
    ]
    assert unmet == []


def test_no_python_is_left_out() -> None:
    """From the oldest that the project promises on, without a gap."""
    assert PROJECT["project"]["requires-python"] == f">={PYTHONS[0]}"
    minors = [int(python.removeprefix("3.")) for python in PYTHONS]
    assert minors == [*range(minors[0], minors[-1] + 1)]


@pytest.mark.parametrize("python", PYTHONS)
def test_the_tests_run_with_what_is_bundled(python: str) -> None:
    """A distribution that is in both locks has one version."""
    environment = {**_SYSTEMS["linux"], "python_version": python, "python_full_version": f"{python}.9"}
    bundled, tools = ({each.name: each.version for each in locked(lock, environment)} for lock in LOCKS)
    both = bundled.keys() & tools.keys()
    assert len(both) > len(PROJECT["project"]["dependencies"])
    assert {name: bundled[name] for name in both} == {name: tools[name] for name in both}


def test_the_build_is_made_with_what_is_locked() -> None:
    """``make .venv`` builds the project in .venv itself, so the group ``build`` has all that a build asks for."""
    assert set(PROJECT["build-system"]["requires"]) <= {*group("build"), *PROJECT["project"]["dependencies"]}


def test_what_runs_these_tests_is_locked() -> None:
    """``make .venv`` has installed exactly these versions."""
    installed = {each.name: metadata.version(each.name) for each in locked("tools/requirements.txt")}
    assert installed == {each.name: each.version for each in locked("tools/requirements.txt")}


@pytest.mark.registry
@pytest.mark.parametrize("python", PYTHONS)
def test_the_tools_can_be_had_on_every_python(python: str, tmp_path: Path) -> None:
    """All of them as wheels, which have the hashes of the lock. On a Python that is here they are together complete."""
    lock = ("--quiet", "--require-hashes", "--only-binary", ":all:", "-r", str(REPOSITORY / "tools/requirements.txt"))
    here = pythons().get(python)
    if here is None:
        target = ("--dry-run", "--python-version", python, "--target", str(tmp_path))
        run(tool("uv"), "pip", "install", *target, *lock)
        return
    run(tool("uv"), "venv", "--quiet", "--python", here, str(tmp_path / "venv"))
    made = tmp_path / "venv/bin"
    run(tool("uv"), "pip", "install", "--python", str(made / "python"), "--no-deps", *lock)
    run(tool("uv"), "pip", "check", "--python", str(made / "python"))
    for program in ("ruff", "codespell", "pre-commit", "pytest"):
        run(str(made / program), "--version")
