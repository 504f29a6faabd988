"""Which profile is a node's, by a real API server, for nodes larger than any that there is: those are only records.

Nothing runs on them: a dry run shows the choice, and an error shows the doubt.
"""

from __future__ import annotations

import json
import secrets
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, cast

import pytest
import yaml

from testbed import crds
from tests.live.pods import pod

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.live.harness import Finished, Program

    Cpus = Callable[..., str]
    Run = Callable[..., Finished]
    Profile = Callable[..., str]

pytestmark = pytest.mark.host_node

Json = dict[str, Any]

LARGE = {
    "reserved": "0-1,64-65",
    "ovsDpdk": "2,66",
    "shared": "3,67",
    "offlined": "60-63,124-127",
    "isolated": "4-59,68-123",
}
"""128 CPUs, SMT siblings 64 apart, eight of them offline."""


@pytest.fixture(scope="module")
def role() -> str:
    """A pool of these tests' own, so that its profiles select no other node."""
    return f"large-{secrets.token_hex(3)}"


@pytest.fixture(scope="module")
def node(kubectl: Program, role: str) -> Iterator[str]:
    """The record of a node with 120 CPUs online, of a custom pool and of the workers."""
    name = role
    labels = {f"node-role.kubernetes.io/{role}": "", f"node-role.kubernetes.io/{role}-base": ""}
    made = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}}
    apply(kubectl, made)
    yield name
    kubectl.ok("delete", "node", name)


@pytest.fixture
def run(kubectl: Program, nsexec: Program, namespace: str, node: str) -> Iterator[Run]:
    """``oc nsexec`` into a pod of the node, as its kubelet would show both, would there be one: ``run("--cpus=0")``."""
    info = {"architecture": "amd64", "operatingSystem": "linux"}
    name = f"p-{secrets.token_hex(3)}"
    apply(kubectl, pod(name, node=node), "-n", namespace)
    state = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
    status = {"name": "main", "image": "i", "imageID": "", "ready": True, "restartCount": 0, "state": state}
    running = {"phase": "Running", "containerStatuses": [{**status, "containerID": f"containerd://{'0' * 64}"}]}
    patch(kubectl, "pod", name, running, "-n", namespace)

    def run(*words: str) -> Finished:
        # Each time: of a node that says nothing new for 50 s the controller manager says that it is not ready.
        now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        ready = {"type": "Ready", "status": "True", "reason": "Test", "message": "", "lastHeartbeatTime": now}
        patch(kubectl, "node", node, {"conditions": [ready], "capacity": {"cpu": "120"}, "nodeInfo": info})
        return nsexec(name, "-n", namespace, "--dry-run=client", *words, "--", "true")

    yield run
    kubectl.ok("delete", "pod", name, "-n", namespace, "--grace-period=0", "--force")


@pytest.fixture
def profile(kubectl: Program, role: str) -> Iterator[Profile]:
    """Makes a profile for nodes of the role, and returns its name: ``profile("a", reserved="0")``."""
    made: list[str] = []

    def profile(name: str, version: str = "v2", suffix: str = "", **cpus: str) -> str:
        made_up = crds.profile(role + suffix, reserved=cpus.pop("reserved"), isolated=cpus.pop("isolated"))
        content = cast("Json", made_up)
        content["apiVersion"] = f"{crds.GROUP}/{version}"
        content["metadata"]["name"] = f"{role}-{name}"
        content["spec"]["cpu"] |= cpus
        apply(kubectl, content)
        made.append(content["metadata"]["name"])
        return made[-1]

    yield profile
    if made:
        kubectl.ok("delete", "performanceprofiles", *made)


def apply(kubectl: Program, content: Json, *flags: str) -> None:
    """Creates an object."""
    kubectl.ok("create", *flags, "-f", "-", stdin=json.dumps(content).encode())


def patch(kubectl: Program, kind: str, name: str, status: Json, *flags: str) -> None:
    """Says how an object is."""
    kubectl.ok("patch", kind, name, *flags, "--subresource=status", "--patch", json.dumps({"status": status}))


def placed(done: Finished) -> str:
    """The CPUs that the helper pod would be told, or ``ask``."""
    assert done.status == 0, done.stderr
    shown = yaml.safe_load(done.text)
    pod_shown = shown["items"][-1] if shown["kind"] == "List" else shown
    words: list[str] = pod_shown["spec"]["containers"][0]["command"]
    return words[words.index("hold") + 2]


@pytest.mark.parametrize("version", ["v2", "v1", "v1alpha1"])
def test_a_large_nodes_reserved_cpus(run: Run, profile: Profile, version: str) -> None:
    """Reserved ones only, whatever is shared, OVS's or offline beside them."""
    profile("all", version, **LARGE)
    assert placed(run()) == LARGE["reserved"]


def test_cpus_that_are_given_twice_stop_the_run(run: Run, profile: Profile) -> None:
    """OVS's own busy loops run there."""
    name = profile("twice", **{**LARGE, "ovsDpdk": "1-2,66"})
    done = run()
    assert (done.status, done.stdout) == (125, b"")
    assert f'"{name}": spec.cpu.reserved (0-1,64-65) and spec.cpu.ovsDpdk (1-2,66) share 1' in done.stderr


def test_two_profiles_that_match(run: Run, profile: Profile) -> None:
    """Both are named and none is guessed; --profile says which."""
    one, two = profile("one", **LARGE), profile("two", **{**LARGE, "reserved": "0,64", "isolated": "4-59,68-120"})
    done = run()
    assert done.status == 125
    assert f'"{one}" and "{two}" all select node' in done.stderr
    assert "--profile NAME" in done.stderr
    assert placed(run("--profile", one)) == "0-1,64-65"
    assert placed(run(f"--profile={two}")) == "0,64"


def test_a_profile_of_another_pool_may_be_named(run: Run, profile: Profile) -> None:
    """It is said that it does not select the node; without the flag it does not count."""
    name = profile("other", suffix="-elsewhere", **LARGE)
    done = run("--profile", name)
    assert placed(done) == "0-1,64-65"
    assert f'PerformanceProfile "{name}" does not select node' in done.stderr
    assert placed(run()) == "ask"


def test_a_name_that_is_no_profile(run: Run, profile: Profile) -> None:
    """Those that there are are listed."""
    name = profile("all", **LARGE)
    done = run("--profile=nope")
    assert (done.status, done.stdout) == (1, b"")
    assert 'there is no PerformanceProfile "nope"; there are: ' in done.stderr
    assert name in done.stderr


def test_the_nodes_word_and_the_kubelets_are_asked_for_on_the_node(run: Run, profile: Profile) -> None:
    """Whatever the profile says."""
    profile("all", **LARGE)
    assert placed(run("--cpu-source=node")) == "ask"
    assert placed(run("--cpu-source=kubelet")) == "ask"
    assert placed(run("--cpu-source=profile")) == LARGE["reserved"]


def test_a_profile_that_is_not_there_cannot_be_forced(run: Run) -> None:
    """Nothing else is taken in its place."""
    done = run("--cpu-source=profile")
    assert (done.status, done.stdout) == (125, b"")
    assert "selects node" in done.stderr
