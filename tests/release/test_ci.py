"""The workflows of every change and of every night, run here: what they make, and with how little they do it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from release.names import HOMEPAGE
from testbed.paths import REPOSITORY
from tests import workflow
from tests.checkout import Checkout
from tools import test_all

if TYPE_CHECKING:
    from pathlib import Path

ACTION = re.compile(r"actions/[a-z-]+@v\d+")
"""GitHub's own, by their major version."""
IN_CI = {"check", "coverage", "test-dist", "test-node", "test-program", "test-unit"}
AT_NIGHT = {
    "bench",
    "cluster-down",
    "fuzz",
    "test-both",
    "test-docs",
    "test-host",
    "test-install",
    "test-machines",
    "test-rt",
    "test-rt-newer",
}
PARTS = {
    "test-host-alone",
    "test-host-together",
    "test-rt-newer-alone",
    "test-rt-newer-together",
    "test-rt-older",
}
"""Of test-host, test-rt and test-rt-newer."""


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A repository of which somebody has pushed the branch main."""
    return Checkout.of_this_one(tmp_path_factory.mktemp("ci") / "origin")


def made(file: Path, origin: Checkout, scratch: Path) -> dict[str, int]:
    """Run every job of FILE with every row of its matrix, without make's work: target → how often it was asked for."""
    runner = workflow.Runner(origin, "main", scratch, file)
    runner.pretend_to_make()
    for name, job in workflow.jobs(file).items():
        for row in workflow.matrix(job):
            runner.run(name, row)
    lines = runner.made()
    return {line: lines.count(line) for line in lines}


def test_every_change_is_checked_on_every_python(origin: Checkout, tmp_path: Path) -> None:
    """By targets that the Makefile has; the tests are told that the machine is theirs."""
    found = made(workflow.CI, origin, tmp_path / "runner")
    pythons = workflow.matrix(workflow.jobs(workflow.CI)["hermetic"])
    assert {target for line in found for target in line.split()[1:]} == IN_CI
    assert all(line.startswith("true ") for line in found)
    assert found["true test-unit test-program test-node"] == len(pythons) > 1


def test_the_night_has_what_takes_long(origin: Checkout, tmp_path: Path) -> None:
    """By targets that the Makefile has. Whatever has happened to the tests, their clusters end."""
    found = made(workflow.NIGHTLY, origin, tmp_path / "runner")
    assert {line.split()[1] for line in found} == AT_NIGHT
    assert all(line.startswith("true ") for line in found)
    for job in workflow.jobs(workflow.NIGHTLY).values():
        last = job["steps"][-1]
        assert (last["if"], last["run"].split()[-1]) == ("${{ always() }}", "cluster-down")


def test_nothing_of_make_test_is_left_out() -> None:
    """Each of its parts is in the one workflow or in the other; the night has all tests of each real-time node."""
    nodes = {"test-rt,", "test-rt RT_DISTRO=trixie,", "test-rt-newer,"}
    assert nodes <= set(re.findall(r"target: (.+?,)", workflow.NIGHTLY.read_text()))
    parts = {part.target for stage in test_all.STAGES for lane in stage for part in lane.parts}
    assert parts >= PARTS
    assert parts - PARTS <= IN_CI | AT_NIGHT


@pytest.mark.parametrize("file", workflow.FILES, ids=lambda file: file.stem)
def test_no_workflow_may_more_than_it_needs(file: Path) -> None:
    """A token that reads, one run at a time, jobs that end, no action but GitHub's, no secret."""
    content = workflow.read(file)
    assert content["permissions"] == {"contents": "read"}
    assert "group" in content["concurrency"]
    assert "secrets" not in file.read_text().replace("No secrets", "")
    assert not {"pull_request_target", "workflow_run"} & {*content["on"]}
    for name, job in content["jobs"].items():
        assert "timeout-minutes" in job
        assert _written(job) <= ({"contents"} if (file.stem, name) == ("release", "join") else set())
        assert all(ACTION.fullmatch(step["uses"]) for step in job["steps"] if "uses" in step)


def _written(job: dict[str, Any]) -> set[str]:
    return {what for what, how in job.get("permissions", {}).items() if how != "read"}


@pytest.mark.parametrize(
    "form", sorted((REPOSITORY / ".github/ISSUE_TEMPLATE").glob("*.yml")), ids=lambda form: form.stem
)
def test_issue_forms_are_what_github_reads(form: Path) -> None:
    """Or it shows none. https://docs.github.com/communities/using-templates-to-encourage-useful-issues-and-pull-requests."""
    content = yaml.safe_load(form.read_text())
    if form.stem == "config":
        assert all(
            link["url"].startswith(HOMEPAGE) and link["name"] and link["about"] for link in content["contact_links"]
        )
        return
    assert {"name", "description", "body"} <= {*content}
    fields = [field for field in content["body"] if field["type"] != "markdown"]
    assert {field["type"] for field in fields} <= {"textarea", "input", "dropdown", "checkboxes"}
    assert len({field["id"] for field in fields}) == len(fields) > 0
    assert all(field["attributes"]["label"] for field in fields)
