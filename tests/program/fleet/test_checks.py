"""What is looked at in many pods before anything is created, and what stops all of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import jsonschema
import pytest

from tests.program.fleet.fake_fleet import Fleet, ready
from tests.program.fleet.runs import DU, TRUE, causes, codes, lines, made, pods

SCHEMA: Final = json.loads((Path(__file__).parents[3] / "docs/reference/fleet.schema.json").read_text())


def test_none_is_an_error(fleet: Fleet) -> None:
    """And nothing is created."""
    fleet.add("du-0", "n0", phase="Pending", app="du")
    done = fleet.run(*DU, *TRUE)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.splitlines() == [
        b'error: no running pod matches -l app=du in the namespace "ran" (left out: 1 Pending)',
        b"[target] more: oc nsexec --explain target",
    ]
    assert made(fleet) == 0


def test_a_pod_without_that_container_counts_as_not_run(fleet: Fleet) -> None:
    """The others are entered."""
    pods(fleet, 2).add("du-9", "n0", app="du")["spec"]["containers"][0]["name"] = "other"
    done = fleet.run(*DU, "-c", "main", *TRUE)
    assert (done.returncode, lines(done)) == (125, ["ran/du-0: from du-0", "ran/du-1: from du-1"])
    assert (
        b"the pod has no container main [target]  1        ran/du-9\nmore: oc nsexec --explain target\n" in done.stderr
    )


def test_containers_of_one_pod_are_targets_of_their_own(fleet: Fleet) -> None:
    """With names that tell them apart; where a pod has none of a name, that counts as not run."""
    made = pods(fleet, 2).pods["ran/du-0"]
    made["spec"]["containers"].append({"name": "side", "image": "i"})
    made["status"]["containerStatuses"].append(
        {"name": "side", "state": {"running": {}}, "containerID": "cri-o://c-side"}
    )
    done = fleet.run(*DU, "-c", "main", "-c", "side", *TRUE)
    assert (done.returncode, lines(done)) == (
        125,
        ["ran/du-0/main: from du-0", "ran/du-0/side: from side", "ran/du-1/main: from du-1"],
    )
    assert b"the pod has no container side [target]  1        ran/du-1/side\n" in done.stderr


def broken(fleet: Fleet) -> Fleet:
    """The same with two more pods on a node that is not ready."""
    for name in ("du-8", "du-9"):
        fleet.add(name, "lost", app="du")
    fleet.nodes["lost"]["status"]["conditions"] = [
        {"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown"}
    ]
    return fleet


def test_one_that_is_not_safe_stops_all_before_anything_is_created(fleet: Fleet) -> None:
    """It is named, and how many more there are."""
    done = broken(pods(fleet, 2)).run(*DU, *TRUE)
    assert (done.returncode, done.stdout, made(fleet)) == (125, b"", 0)
    words = done.stderr.decode()
    assert words.startswith("error: ran/du-8: node lost is not ready (NodeStatusUnknown: none)")
    assert "(1 more pod cannot be entered safely); nothing was created; --skip-unsafe goes on without" in words
    assert not [each for each in fleet.journal if each in ("POST pods", "POST configmaps")]


def test_such_are_left_alone_and_reported_when_asked_for(fleet: Fleet) -> None:
    """The rest goes on."""
    done = broken(pods(fleet, 2)).run(*DU, "--skip-unsafe", "-o", "json", *TRUE)
    assert (done.returncode, made(fleet)) == (125, 2)
    words = "node lost is not ready (NodeStatusUnknown: none); no helper pod can be started there"
    assert causes(done) == {"du-8": words, "du-9": words}
    assert codes(done) == {"du-8": "helper-pod", "du-9": "helper-pod"}


def test_a_runtime_with_a_kernel_of_its_own_is_not_safe(fleet: Fleet) -> None:
    """As in a single run."""
    pods(fleet, 2).pods["ran/du-1"]["spec"]["runtimeClassName"] = "kata"
    done = fleet.run(*DU, *TRUE)
    assert (done.returncode, made(fleet)) == (1, 0)
    assert done.stderr.decode().startswith("error: ran/du-1: pod du-1 runs under the runtime class")


def test_who_may_not_exec_into_them_creates_nothing(fleet: Fleet) -> None:
    """The right is named, and what grants it."""
    pods(fleet, 2).denied.add(("create", "pods/exec"))
    done = fleet.run(*DU, *TRUE)
    assert (done.returncode, made(fleet)) == (1, 0)
    assert b"create  pods/exec  namespace ran\n" in done.stderr


def test_a_dry_run_lists_them_and_creates_nothing(fleet: Fleet) -> None:
    """As a table for people."""
    pods(fleet, 2).add("du-9", "n0", app="du")["spec"]["containers"][0]["name"] = "other"
    done = fleet.run(*DU, "--dry-run=client", "-c", "main", *TRUE)
    assert done.returncode == 0
    assert [line.split(maxsplit=5) for line in done.stdout.decode().splitlines()] == [
        ["NAMESPACE", "POD", "CONTAINER", "NODE", "CPUS", "SOURCE"],
        ["ran", "du-0", "main", "n0", "0-1", "--cpus"],
        ["ran", "du-1", "main", "n1", "0-1", "--cpus"],
        ["ran", "du-9", "main", "n0", "not", "run: the pod has no container main [target]"],
    ]
    assert not [each for each in fleet.journal if each in ("POST pods", "POST configmaps")]


def test_a_dry_run_for_scripts(fleet: Fleet) -> None:
    """Versioned, with the same names."""
    done = pods(fleet, 1).run(*DU, "--dry-run=client", "-o", "json", *TRUE)
    place = {"namespace": "ran", "pod": "du-0", "container": "main", "node": "n0", "cpus": "0-1", "source": "--cpus"}
    assert json.loads(done.stdout) == {"version": 1, "targets": [{**place, "notRun": "", "code": ""}]}
    jsonschema.validate(json.loads(done.stdout), SCHEMA)


def test_a_dry_run_and_a_real_run_say_the_same_of_what_is_not_run(fleet: Fleet) -> None:
    """The same sentence and the same code for each pod, whatever is the matter with it."""
    broken(pods(fleet, 2)).add("du-7", "n0", app="du")["spec"]["containers"][0]["name"] = "other"
    line = (*DU, "-c", "main", "--skip-unsafe", "-o", "json")
    listed = json.loads(fleet.run(*line, "--dry-run=client", *TRUE).stdout)
    jsonschema.validate(listed, SCHEMA)
    told = {each["pod"]: (each["notRun"], each["code"]) for each in listed["targets"] if each["notRun"] or each["code"]}
    done = fleet.run(*line, *TRUE)
    assert {pod: code for pod, (_, code) in told.items()} == codes(done)
    assert {pod: cause for pod, (cause, _) in told.items()} == causes(done)
    assert codes(done) == {"du-7": "target", "du-8": "helper-pod", "du-9": "helper-pod"}


@pytest.mark.parametrize(("nodes", "lists"), [(20, 0), (21, 1)])
def test_many_nodes_are_read_in_a_list(fleet: Fleet, nodes: int, lists: int) -> None:
    """Few of them one by one."""
    done = pods(fleet, nodes, nodes=nodes).run(*DU, "--dry-run=client", *TRUE)
    assert done.returncode == 0
    asked = [each for each in fleet.journal if each.startswith("GET /api/v1/nodes")]
    assert asked.count("GET /api/v1/nodes") == lists
    assert len(asked) == (lists or nodes)


def test_nodes_that_may_not_be_listed_are_read_one_by_one(fleet: Fleet) -> None:
    """The right to get them is all that a single run takes."""
    fleet.forbidden.add("/api/v1/nodes")
    done = pods(fleet, 21, nodes=21).run(*DU, "--dry-run=client", *TRUE)
    assert done.returncode == 0
    assert len([each for each in fleet.journal if each.startswith("GET /api/v1/nodes/")]) == 21


def test_a_list_of_nodes_that_is_much_longer_is_read_no_further(fleet: Fleet) -> None:
    """Those that are not in it are read one by one."""
    pods(fleet, 21, nodes=21)
    others = {f"other-{number}": ready(f"other-{number}") for number in range(1200)}
    fleet.nodes = {**others, **fleet.nodes}
    assert fleet.run(*DU, "--dry-run=client", *TRUE).returncode == 0
    asked = [each for each in fleet.journal if each.startswith("GET /api/v1/nodes")]
    assert (asked.count("GET /api/v1/nodes"), len(asked)) == (1, 22)


def test_who_may_not_list_them_is_told_what_is_missing(fleet: Fleet) -> None:
    """In all namespaces, for -A."""
    fleet.forbidden.add("/api/v1/pods")
    fleet.denied.add(("list", "pods"))
    done = pods(fleet, 2).run("-l", "app=du", "-A", *TRUE)
    assert done.returncode == 1
    assert b"list  pods  the cluster\n" in done.stderr
    assert made(fleet) == 0


def test_a_node_that_is_gone_is_its_pods_trouble(fleet: Fleet) -> None:
    """As one that is not ready."""
    del pods(fleet, 4).nodes["n1"]
    done = fleet.run(*DU, "--skip-unsafe", "-o", "json", *TRUE)
    assert (done.returncode, [*causes(done)]) == (125, ["du-1", "du-3"])


def test_without_quiet_what_was_left_out_is_said_and_with_it_not(fleet: Fleet) -> None:
    """Only the commands' own output, then."""
    pods(fleet, 1).add("du-7", "n0", phase="Pending", app="du")
    assert b"left out: 1 Pending\n" in fleet.run(*DU, *TRUE).stderr
    assert fleet.run(*DU, "-q", *TRUE).stderr == b""


def test_all_pods_of_an_object(fleet: Fleet) -> None:
    """By its selector."""
    fleet.objects["/apis/apps/v1/namespaces/ran/daemonsets/du"] = {"spec": {"selector": {"matchLabels": {"app": "du"}}}}
    done = pods(fleet, 3).run("-n", "ran", "ds/du", "--all-pods", *TRUE)
    assert (done.returncode, len(lines(done))) == (0, 3)


def test_a_folder_that_cannot_be_written_to_is_told_before_anything_runs(fleet: Fleet) -> None:
    """Nothing runs for nothing."""
    done = pods(fleet, 2).run(*DU, "--output-dir", "/dev/null/outputs", *TRUE)
    assert done.returncode in (1, 125)
    assert done.stderr.startswith(b"error: ")
    assert made(fleet) == 0
