"""On the host node: ``oc nsexec --check`` of pods that the kubelet has really placed, and of the same before that."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.live.api import pods_of
from tests.live.pods import container, guaranteed, pod

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.live.api import Api
    from tests.live.harness import Finished, Pods, Program

    Json = dict[str, Any]

pytestmark = [pytest.mark.host_node, pytest.mark.alone]


@pytest.fixture(scope="module")
def dangerous(host_node: str) -> Json:
    """A pod that owns a CPU, may take real-time priority there, and is probed by exec every five seconds."""
    manifest = copy.deepcopy(guaranteed("du-0", node=host_node))
    own = manifest["spec"]["containers"][0]
    own["securityContext"] = {"capabilities": {"add": ["SYS_NICE"]}}
    own["livenessProbe"] = {"exec": {"command": ["true"]}, "periodSeconds": 5, "timeoutSeconds": 5}
    return manifest


@pytest.fixture(scope="module")
def namespace(shared_pods: Pods, dangerous: Json, host_node: str) -> str:
    """Where that pod runs beside one of no priority, which owns nothing."""
    shared_pods.start(dangerous)
    return shared_pods.start(pod("web-0", container(), node=host_node)).namespace


@pytest.fixture
def check(nsexec: Program, namespace: str) -> Callable[..., Finished]:
    """``oc nsexec --check`` in that namespace."""
    return lambda *words: nsexec("--check", "-n", namespace, *words)


def test_it_finds_the_pod_that_owns_a_cpu(check: Callable[..., Finished]) -> None:
    """By a human's hand and by the probe; the other pod's exec lands in the shared pool."""
    done = check("-o", "json")
    assert done.status == 3, done.stderr
    rows = {(row["owner"]["name"], row["wayIn"]["kind"]): row for row in json.loads(done.text)["rows"]}
    assert set(rows) == {("du-0", "oc exec"), ("du-0", "livenessProbe"), ("web-0", "oc exec")}
    assert {rows["du-0", way]["severity"] for way in ("oc exec", "livenessProbe")} == {"danger"}
    assert rows["du-0", "livenessProbe"]["wayIn"]["commandsPerMinute"] == 12
    assert rows["web-0", "oc exec"]["lands"]["on"] == "SharedPool"


def test_one_pod_and_a_threshold_decide_the_status(check: Callable[..., Finished]) -> None:
    """3 for what is as bad as --fail-on says; a pod without findings is 0 for the strictest."""
    assert check("du-0").status == 3
    assert check("web-0", "--fail-on", "any").status == 0


def test_before_it_is_deployed_it_is_as_dangerous(
    nsexec: Program, dangerous: Json, host_node: str, check: Callable[..., Finished]
) -> None:
    """From a file without a cluster, and as if it ran on the node."""
    manifest = json.dumps(dangerous).encode()
    severities = []
    for words in ((), ("--node", host_node)):
        done = nsexec("--check", "-f", "-", *words, "-o", "json", stdin=manifest)
        assert done.status == 3, done.stderr
        severities.append([row["severity"] for row in json.loads(done.text)["rows"]])
    assert severities == [["danger", "danger"]] * 2
    assert check("du-0").status == 3


def test_nothing_is_created(api: Api, check: Callable[..., Finished], helpers: str) -> None:
    """Neither a helper pod nor an Event that somebody ran something."""
    check()
    assert api.names(pods_of(helpers)) == []
