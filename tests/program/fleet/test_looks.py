"""``--check --on-node`` as the user runs it: one helper pod a node, and a row for whatever could not be looked at."""

from __future__ import annotations

import json
import signal
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.program.fleet.fake_fleet import ROOT, ready

if TYPE_CHECKING:
    from tests.program.fleet.fake_fleet import Fleet

Json = dict[str, Any]
CHECK = ("--check", "-n", "ran", "--on-node")


def with_cpus(pod: Json) -> Json:
    """The pod, Guaranteed, with two CPUs."""
    limits = {"limits": {"cpu": "2", "memory": "1Gi"}}
    pod["spec"]["containers"] = [{"name": "main", "image": "i", "resources": limits}]
    return pod


@pytest.fixture
def nodes(fleet: Fleet) -> Fleet:
    """Three pods with CPUs of their own on two nodes."""
    for name, node in (("du-0", "n0"), ("du-1", "n1"), ("du-2", "n1")):
        with_cpus(fleet.add(name, node))
    return fleet


def documents(done: subprocess.CompletedProcess[bytes]) -> Json:
    """What ``-o json`` printed."""
    assert done.stdout, done.stderr.decode()
    found: Json = json.loads(done.stdout)
    return found


def test_each_node_is_looked_at_once_for_all_of_its_containers(nodes: Fleet) -> None:
    """And its helper pod is gone at the end; no container was entered, and none was asked for by name."""
    done = nodes.run(*CHECK, "-o", "json")
    document = documents(done)
    assert done.returncode == 3, done.stderr.decode()
    assert [(each["pod"], each["node"], len(each["threads"])) for each in document["containers"]] == [
        ("du-0", "n0", 1),
        ("du-1", "n1", 1),
        ("du-2", "n1", 1),
    ]
    (finding,) = document["rows"][0]["findings"]
    assert (finding["id"], finding["verdict"]) == ("NSX001", "certain")
    assert sorted(line for line in nodes.journal if line.startswith(("survey", "enter"))) == ["survey n0", "survey n1"]
    assert nodes.live == {}
    assert len(nodes.helpers) == 2
    annotations = [helper["metadata"]["annotations"]["nsexec.io/target"] for helper in nodes.helpers]
    assert sorted(annotations) == ["ran/du-0/main", "ran/du-1/main and 1 more"]


def test_a_node_without_a_profile_is_asked_for_its_cpus_first(nodes: Fleet) -> None:
    """As in any run; one that does not know them is a row with the reason."""
    nodes.by_hand, nodes.clueless = False, "n1"
    document = documents(nodes.run(*CHECK, "-o", "json"))
    assert {each["pod"] for each in document["containers"]} == {"du-0"}
    assert all(row["notLookedAt"].startswith("node n1: ") for row in document["rows"] if row["nodes"] == {"n1": 1})


@pytest.mark.parametrize(
    ("trouble", "why"),
    [
        ("refuse_helpers_on", "no room"),
        ("lost", "the agent on node n1 ended"),
        ("not ready", "node n1 is not ready"),
        ("never_runs", "did not run within"),
    ],
)
def test_a_node_that_cannot_be_looked_at_is_told_and_the_others_are_looked_at(
    nodes: Fleet, trouble: str, why: str
) -> None:
    """Refused, lost, not ready, or too late."""
    if trouble == "not ready":
        nodes.nodes["n1"]["status"]["conditions"] = [{"type": "Ready", "status": "False", "reason": "KubeletDead"}]
    else:
        setattr(nodes, trouble, "n1")
    done = nodes.run(*CHECK, "--timeout", "5s" if trouble == "never_runs" else "30s", "-o", "json")
    document = documents(done)
    assert done.returncode == 3
    reasons = {node: row["notLookedAt"] for row in document["rows"] for node in row["nodes"]}
    assert reasons["n0"] == ""
    assert reasons["n1"].startswith("node n1: ")
    assert why in reasons["n1"]
    assert nodes.live == {}


def test_missing_rights_are_named_once_and_make_rows(nodes: Fleet) -> None:
    """Nothing is created; with nothing else found the status is 4."""
    for pod in nodes.pods.values():
        pod["spec"]["containers"] = [{"name": "main", "image": "i"}]
    nodes.denied = {("create", "pods"), ("get", "pods/exec")}
    done = nodes.run(*CHECK)
    assert done.returncode == 4, done.stderr.decode()
    assert nodes.helpers == []
    assert done.stdout.decode().count("not looked at: node n") == 3
    assert done.stderr.decode().count("for want of these rights") == 1


def test_pods_that_do_not_run_take_no_helper_pod(fleet: Fleet) -> None:
    """There is nobody to look at, and that is said."""
    pod = with_cpus(fleet.add("du-0", "n0", phase="Pending"))
    pod["status"]["containerStatuses"] = [{"name": "main", "state": {"waiting": {"reason": "ImagePullBackOff"}}}]
    document = documents(fleet.run(*CHECK, "-o", "json"))
    assert fleet.helpers == []
    assert [row["notLookedAt"] for row in document["rows"]] == [
        "container main of pod du-0 is not running: waiting (ImagePullBackOff)"
    ]


def test_no_more_than_four_nodes_have_a_helper_pod_at_a_time(fleet: Fleet) -> None:
    """However many there are."""
    for number in range(9):
        with_cpus(fleet.add(f"du-{number}", f"n{number}"))
    done = fleet.run(*CHECK, "-o", "json")
    assert len(documents(done)["containers"]) == 9
    alive, most = 0, 0
    for line in fleet.journal:
        alive += (line == "POST pods") - (line == "DELETE pod")
        most = max(most, alive)
    assert most <= 4


def test_an_interrupt_ends_the_helper_pods(fleet: Fleet) -> None:
    """By Ctrl-C in the middle of a look."""
    with_cpus(fleet.add("du-0", "n0"))
    fleet.never_runs = "n0"
    client = subprocess.Popen(fleet.argv(*CHECK), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with fleet.made:
        assert fleet.made.wait_for(lambda: fleet.live, 30)
    client.send_signal(signal.SIGINT)
    output, errors = client.communicate(timeout=60)
    assert (client.returncode, output) == (130, b""), errors
    assert fleet.all_gone.wait(30)


def test_nodes_that_are_not_asked_for_are_not_looked_at(nodes: Fleet) -> None:
    """--node, a selector and a name are as without --on-node."""
    nodes.nodes["n9"] = ready("n9")
    document = documents(nodes.run(*CHECK, "--node", "n0", "-o", "json"))
    assert [each["pod"] for each in document["containers"]] == ["du-0"]
    assert len(nodes.helpers) == 1
