"""The workflows: read by actionlint; and the release's, run here as far as one machine can."""

from __future__ import annotations

import hashlib
import subprocess
from typing import TYPE_CHECKING

import pytest
import yaml

from release.names import PLATFORMS, this_platform
from testbed import binaries
from tests import workflow

if TYPE_CHECKING:
    from pathlib import Path

    from tests.checkout import Checkout

VERSION = "7.8.9"
TAG = f"v{VERSION}"


@pytest.fixture
def runner(prepared: Checkout, tmp_path: Path) -> workflow.Runner:
    """The tag has been pushed."""
    origin = prepared.copy(tmp_path / "origin")
    origin.git("tag", TAG)
    return workflow.Runner(origin, TAG, tmp_path / "runner")


def lint(file: Path) -> subprocess.CompletedProcess[str]:
    """What actionlint says of FILE; its shell scripts go through shellcheck."""
    argv = [str(binaries.ACTIONLINT.ensure() / "actionlint"), "-no-color", "-shellcheck", "shellcheck", str(file)]
    return subprocess.run(argv, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("file", workflow.FILES, ids=lambda file: file.stem)
def test_actionlint_finds_nothing(file: Path) -> None:
    """Neither in the workflow nor in its shell scripts."""
    done = lint(file)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [
        ("needs: check", "needs: chek", "chek"),
        ("${{ matrix.platform }}", "${{ matrix.plattform }}", "plattform"),
        ('TAG="$GITHUB_REF_NAME"', "TAG=$GITHUB_REF_NAME", "SC2086"),
        ("runs-on: ubuntu-24.04\n", "runs-on: ubuntu-24.05\n", "ubuntu-24.05"),
    ],
)
def test_actionlint_sees_what_is_wrong(right: str, wrong: str, words: str, tmp_path: Path) -> None:
    """The check above can fail."""
    text = workflow.RELEASE.read_text()
    assert right in text
    (tmp_path / "release.yml").write_text(text.replace(right, wrong, 1))
    done = lint(tmp_path / "release.yml")
    assert done.returncode != 0
    assert words in done.stdout


def test_every_platform_is_built_once() -> None:
    """Those of krew's manifest; every job but the first waits for the one before it."""
    jobs = workflow.jobs()
    built = [each["platform"] for each in jobs["archive"]["strategy"]["matrix"]["include"]]
    assert sorted(built) == sorted(map(str, PLATFORMS))
    names = [*jobs]
    assert [job.get("needs") for job in jobs.values()] == [None, *names[:-1]]


@pytest.mark.registry
def test_the_first_job_passes(runner: workflow.Runner) -> None:
    """``make release-check`` of the tag: two builds of everything, the archive too, have the same checksums."""
    assert f"{VERSION} can be released: " in runner.run("check")


@pytest.mark.registry
def test_the_other_jobs_end_as_a_draft_release(runner: workflow.Runner) -> None:
    """Of everything that was built, with checksums that are right; for this platform, and not in the container."""
    runner.run("archive")
    runner.run("join")
    dist = runner.artifacts / "release"
    archive = f"kubectl-nsexec-{VERSION}-{this_platform()}.tar.gz"
    files = {path.name for path in dist.iterdir()}
    assert files == {
        archive,
        f"kubectl_nsexec-{VERSION}-py3-none-any.whl",
        f"kubectl_nsexec-{VERSION}.tar.gz",
        f"kubectl-nsexec-{VERSION}.cdx.json",
        f"kubectl-nsexec-{VERSION}.oci.tar",
        "plugin.yaml",
        "SHA256SUMS",
    }
    sums = {name: sha for sha, name in map(str.split, (dist / "SHA256SUMS").read_text().splitlines())}
    assert sums == {name: hashlib.sha256((dist / name).read_bytes()).hexdigest() for name in files - {"SHA256SUMS"}}
    (platform,) = yaml.safe_load((dist / "plugin.yaml").read_text())["spec"]["platforms"]
    assert platform["sha256"] == sums[archive]
    *words, last = runner.published.read_text().split("\0")
    assert last == ""
    assert words[:5] == ["release", "create", TAG, "--draft", "--verify-tag"]
    assert {word.removeprefix("dist/") for word in words if word.startswith("dist/")} == files
