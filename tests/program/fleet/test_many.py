"""Many pods at once from end to end: what a client asks of the API server, says and ends with."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from tests.program.fleet.fake_fleet import Command, Fleet, exits
from tests.program.fleet.runs import DU, TRUE, causes, codes, lines, made, pods


def test_the_command_runs_in_each_by_one_helper_pod_a_node(fleet: Fleet) -> None:
    """Whose lease is the client's; nothing is left, and each has an Event."""
    done = pods(fleet, 6).run(*DU, *TRUE)
    assert (done.returncode, lines(done)) == (0, [f"ran/du-{n}: from du-{n}" for n in range(6)])
    assert made(fleet) == 2
    counts = Counter(fleet.journal)
    assert (counts["POST events"], sum(counts[f"enter du-{n}"] for n in range(6))) == (6, 6)
    assert {each["spec"]["nodeName"] for each in fleet.helpers} == {"n0", "n1"}


def test_a_helper_says_for_whom_it_is(fleet: Fleet) -> None:
    """For its first target, and how many more there are."""
    pods(fleet, 3, nodes=1).run(*DU, *TRUE)
    annotations = fleet.helpers[0]["metadata"]["annotations"]
    assert annotations["nsexec.io/target"] == "ran/du-0/main and 2 more"
    assert annotations["nsexec.io/user"] == "joe"


def test_what_is_the_same_for_many_is_asked_once(fleet: Fleet) -> None:
    """The node for each node, the rights for each namespace; for each pod no more than an exec and an Event."""

    def asked(count: int) -> Counter[str]:
        pods(fleet, count, nodes=1).run(*DU, *TRUE)
        return Counter(each for each in fleet.journal if not each.startswith("enter"))

    few, many = asked(2), asked(9)
    assert many - few == Counter({"POST events": 7})
    assert few - many == Counter()


@pytest.mark.parametrize(("status", "expected"), [(0, 0), (3, 3)])
def test_the_largest_status_is_ours(fleet: Fleet, status: int, expected: int) -> None:
    """The others' commands run all the same."""
    pods(fleet, 4).scripts["du-2"] = exits(status)
    done = fleet.run(*DU, *TRUE)
    assert (done.returncode, len(lines(done))) == (expected, 3)


def test_a_container_that_is_gone_when_we_come_is_reported(fleet: Fleet) -> None:
    """Its pod ended, moved or was restarted meanwhile: the agent finds no such container."""
    pods(fleet, 4).refused["du-1"] = "no cgroup folder of container c-du-1"
    done = fleet.run(*DU, "-o", "json", *TRUE)
    assert (done.returncode, [*causes(done)]) == (125, ["du-1"])
    assert "no cgroup folder of container c-du-1; nothing was started" in causes(done)["du-1"]
    assert codes(done) == {"du-1": "no-target"}
    assert made(fleet) == 2


def test_a_helper_that_ends_in_mid_run_takes_only_its_own_targets_along(fleet: Fleet) -> None:
    """Those that ran and those that were to run; the others go on."""

    def is_evicted(command: Command) -> int:
        command.write(b"last words\n")
        command.fleet.end_helper(command.helper)
        return 137

    pods(fleet, 6).scripts["du-0"] = is_evicted
    done = fleet.run(*DU, "-o", "json", *TRUE)
    assert done.returncode == 125
    ended = "the helper pod ended before the command did (evicted, deleted, or the node went away)"
    never = "the helper pod on node n0 has ended; nothing was started"
    assert causes(done) == {"du-0": ended, "du-2": never, "du-4": never}
    assert codes(done) == {"du-0": "connection-lost", "du-2": "helper-pod", "du-4": "helper-pod"}
    outputs = [(json.loads(line).get("pod"), json.loads(line).get("stdout")) for line in done.stdout.splitlines()]
    assert ("du-0", "last words\n") in outputs
    assert fleet.live == {}


def test_a_helper_that_cannot_be_made_is_its_nodes_trouble(fleet: Fleet) -> None:
    """Each of its targets is told why, and it is not tried for each anew."""
    fleet.refuse_helpers_on = "n0"
    done = pods(fleet, 6).run(*DU, "-o", "json", *TRUE)
    assert (done.returncode, causes(done)) == (125, {f"du-{n}": "no room" for n in (0, 2, 4)})
    assert made(fleet) == 1


def test_where_only_the_node_knows_its_cpus_it_is_asked_once(fleet: Fleet) -> None:
    """By its helper pod, for all targets there."""
    fleet.by_hand = False
    done = pods(fleet, 4).run(*DU, "-o", "json", *TRUE)
    assert done.returncode == 0, done.stderr
    targets = [json.loads(line) for line in done.stdout.splitlines()][:-1]
    assert {(each["cpus"], each["source"]) for each in targets} == {("0-1", "/etc/crio/x, infra_ctr_cpuset")}
    assert fleet.journal.count("look") == made(fleet) == 2


def test_what_a_helper_pod_cannot_tell_costs_its_nodes_targets(fleet: Fleet) -> None:
    """The others go on."""
    fleet.by_hand = False
    fleet.clueless = "n0"
    done = pods(fleet, 4).run(*DU, "-o", "json", *TRUE)
    assert (done.returncode, [*causes(done)]) == (125, ["du-0", "du-2"])
    assert made(fleet) == 2
