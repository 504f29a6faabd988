"""Many pods by ``--via local``: those of this machine."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.program.fleet.fake_ssh import FakeSsh
from tests.program.fleet.runs import DU, TRUE, WAIT_SECONDS, causes, lines, pods
from tests.program.fleet.test_ends import Waiting, client, heard, said

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.program.fleet.fake_fleet import Fleet

LOCAL = ("--via", "local", *DU)
ELSEWHERE = "node n1 is not this machine, and --via local enters only this machine's containers; --node names it"


def here(fleet: Fleet, node: str = "n0") -> Fleet:
    """The same whose node is this machine."""
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    fleet.nodes[node]["status"]["nodeInfo"]["bootID"] = boot_id
    return fleet


@pytest.fixture
def played(fleet: Fleet, tmp_path: Path) -> Iterator[FakeSsh]:
    """A shell on this machine that plays the agent."""
    made = FakeSsh(fleet, tmp_path)
    fleet.environment["NSEXEC_TEST_SHELL"] = json.dumps(made.program)
    fleet.client = "tests.program.fleet.local_client"
    yield made
    made.close()


def test_pods_of_another_node_are_not_safe(fleet: Fleet, played: FakeSsh) -> None:
    """They stop all of it before anything is started."""
    done = here(pods(fleet, 4)).run(*LOCAL, *TRUE)
    assert (done.returncode, done.stdout, played.sessions) == (125, b"", [])
    assert done.stderr.decode().startswith(f"error: ran/du-1: {ELSEWHERE} (1 more pod cannot be entered safely)")


def test_they_are_reported_when_the_rest_is_to_go_on(fleet: Fleet, played: FakeSsh) -> None:
    """Those here run one after the other, without a helper pod."""
    done = here(pods(fleet, 4)).run(*LOCAL, "--skip-unsafe", "-o", "json", *TRUE)
    assert (done.returncode, causes(done)) == (125, {"du-1": ELSEWHERE, "du-3": ELSEWHERE})
    assert (len(played.sessions), fleet.helpers, fleet.most_at_once) == (2, [], 1)


def test_node_names_this_machine(fleet: Fleet, played: FakeSsh) -> None:
    """Nothing else is looked at then."""
    done = here(pods(fleet, 4)).run(*LOCAL, "--node", "n0", *TRUE)
    assert (done.returncode, lines(done)) == (0, ["ran/du-0: from du-0", "ran/du-2: from du-2"]), done.stderr
    assert len(played.sessions) == 2


def test_a_node_that_does_not_tell_its_boot_is_another(fleet: Fleet, played: FakeSsh) -> None:
    """Nothing is entered on a guess."""
    done = pods(fleet, 1, nodes=1).run(*LOCAL, *TRUE)
    assert (done.returncode, b"node n0 is not this machine" in done.stderr, played.sessions) == (125, True, [])


def test_a_dry_run_takes_no_root(fleet: Fleet) -> None:
    """It lists them."""
    done = here(pods(fleet, 2)).run(*LOCAL, "--skip-unsafe", "--dry-run=client", "-o", "json", *TRUE)
    assert [(each["pod"], each["notRun"]) for each in json.loads(done.stdout)["targets"]] == [
        ("du-0", ""),
        ("du-1", ELSEWHERE),
    ]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may")
def test_without_root_nothing_is_started(fleet: Fleet) -> None:
    """Said once, not for each target."""
    done = here(pods(fleet, 1, nodes=1)).run(*LOCAL, *TRUE)
    assert (done.returncode, done.stderr.count(b"takes root")) == (125, 1)


def test_ctrl_c_ends_all(fleet: Fleet, played: FakeSsh) -> None:
    """The second one; whatever runs here ends with us."""
    Waiting(fleet, 2)
    for pod in fleet.pods.values():
        pod["spec"]["nodeName"] = "n0"
    here(fleet)
    with client(fleet, "--via", "local", "--per-node", "2") as running:
        assert heard(running, 2) == ["ran/du-0: begun\n", "ran/du-1: begun\n"]
        running.send_signal(2)
        assert said(running).startswith("2 still running: ran/du-[0-1]")
        running.send_signal(2)
        _, err = running.communicate(timeout=WAIT_SECONDS)
    assert (running.returncode, len(played.sessions)) == (130, 2)
    assert b"2 end unknown (ended by Ctrl-C)" in err
