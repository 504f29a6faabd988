"""On the host node: ``oc nsexec --check --on-node`` of pods that run there, by a helper pod that is gone afterwards."""

from __future__ import annotations

import copy
import json
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kubectl_nsexec.model.cpuset import CpuSet
from tests.live.api import pods_of
from tests.live.pods import container, guaranteed, pod

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.live.api import Api
    from tests.live.harness import Finished, Pods, Program

    Json = dict[str, Any]

pytestmark = [pytest.mark.host_node, pytest.mark.alone]


@pytest.fixture(scope="module")
def namespace(shared_pods: Pods, host_node: str) -> str:
    """A pod that owns the node's only CPU to give, without a real-time thread, and one that owns nothing.

    This machine's kernel lets no container's thread be real-time (RT_GROUP_SCHED): test_rt_check.py has those.
    """
    may = copy.deepcopy(guaranteed("du-0", node=host_node))
    may["spec"]["containers"][0]["securityContext"] = {"capabilities": {"add": ["SYS_NICE"]}}
    shared_pods.start(may)
    return shared_pods.start(pod("web-0", container(), node=host_node)).namespace


@pytest.fixture
def check(nsexec: Program, namespace: str) -> Callable[..., Finished]:
    """``oc nsexec --check --on-node`` in that namespace."""
    return lambda *words: nsexec("--check", "--on-node", "-n", namespace, *words)


def test_the_verdicts_are_certain_and_go_by_the_threads(check: Callable[..., Finished]) -> None:
    """What may take real-time priority has none: latency on its CPU, no more; nothing in the shared pool."""
    done = check("-o", "json", "--fail-on", "latency")
    assert done.status == 3, done.stderr
    rows = {row["owner"]["name"]: row for row in json.loads(done.text)["rows"]}
    assert {name: (row["lands"]["on"], row["lands"]["verdict"], row["notLookedAt"]) for name, row in rows.items()} == {
        "du-0": ("AnyExclusiveCPU", "certain", ""),
        "web-0": ("SharedPool", "certain", ""),
    }
    found = {name: [(each["id"], each["verdict"]) for each in row["findings"]] for name, row in rows.items()}
    assert found == {"du-0": [("NSX002", "certain")], "web-0": []}


def test_every_thread_is_listed_with_what_the_kernel_says_of_it(check: Callable[..., Finished]) -> None:
    """Of each container all, and the CPUs that it has for itself."""
    document = json.loads(check("-o", "json").text)
    containers = {each["pod"]: each for each in document["containers"]}
    assert set(containers) == {"du-0", "web-0"}
    own = containers["du-0"]
    assert len(CpuSet.parse(own["exclusiveCPUs"])) == 1
    assert own["exclusiveCPUs"] == own["cpus"] == own["execCPUs"]
    assert containers["web-0"]["exclusiveCPUs"] == ""
    policies = {(thread["policy"], thread["priority"], thread["affinity"]) for thread in own["threads"]}
    assert policies == {("SCHED_OTHER", 0, own["cpus"])}
    assert all(each["threads"] for each in containers.values())
    (node,) = document["nodes"]
    assert node["seen"]["kernel"] == platform.release()
    assert node["seen"]["schedRtRuntimeUs"] == int(Path("/proc/sys/kernel/sched_rt_runtime_us").read_text())


def test_the_helper_pod_is_gone_and_no_event_says_that_something_ran(
    api: Api, kubectl: Program, check: Callable[..., Finished], namespace: str, helpers: str
) -> None:
    """It entered nothing."""
    check("du-0")
    assert api.names(pods_of(helpers)) == []
    events = kubectl.ok(
        "get", "events", "-n", namespace, "--field-selector=reason=NsexecStarted,involvedObject.name=du-0", "-o", "name"
    )
    assert events == ""


def test_cpus_that_no_node_has_make_a_row_with_the_reason(check: Callable[..., Finished]) -> None:
    """Status 4 where nothing is found besides."""
    done = check("web-0", "--cpus", "8000")
    assert done.status == 4, done.stderr
    assert "not looked at: node " in done.text


def test_a_manifest_has_no_node(nsexec: Program) -> None:
    """It is refused in a sentence, before anything is read."""
    done = nsexec("--check", "--on-node", "-f", "-", stdin=b"{}")
    assert done.status == 1
    assert "--on-node looks at what runs" in done.stderr
