"""The kubelet's own word about reserved CPUs, asked for through the API server's proxy (nodes/proxy, configz).

The API server proxies to no loopback address (400, "address not allowed"). So for these tests the loopback device has
an address of another network (TEST-NET-1, RFC 5737), and the node is said to be there: nothing leaves this machine.
"""

from __future__ import annotations

import json
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from testbed import crds, host_kubelet, kubectl
from testbed.paths import HOST_KUBELET_PORT, HOST_NODE
from tests.live.pods import guaranteed
from tests.live.relays import forwarder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.live.harness import Pods, Program
    from tests.live.pods import Pod

pytestmark = [pytest.mark.host_node, pytest.mark.alone, pytest.mark.usefixtures("nothing_left")]

Json = dict[str, Any]

_ADDRESS = host_kubelet.PROXIED_ADDRESS
_PROFILE = f"performanceprofile/performance-{host_kubelet.ROLE}"


@pytest.fixture(scope="module", autouse=True)
def reachable(host_node: str) -> Iterator[None]:
    """The node, at an address that the API server proxies to."""
    assert host_node
    device = ("dev", "lo")
    subprocess.run(["ip", "address", "replace", f"{_ADDRESS}/32", *device], check=True)
    try:
        with forwarder(_ADDRESS, HOST_KUBELET_PORT):
            _say_where_it_is(_ADDRESS)
            yield
    finally:
        _say_where_it_is("127.0.0.1")
        subprocess.run(["ip", "address", "delete", f"{_ADDRESS}/32", *device], check=True)


@pytest.fixture
def target(pods: Pods, host_node: str) -> Pod:
    """A pod that owns a CPU."""
    return pods.start(guaranteed("configz", node=host_node))


def test_in_a_cluster_without_profiles_the_kubelet_says_what_is_reserved(nsexec: Program, target: Pod) -> None:
    """Its reservedSystemCPUs, and the proof names that source."""
    with _without_profiles():
        done = nsexec(target.name, "-n", target.namespace, "--verify")
    assert done.status == 0, done.stderr
    assert "kubelet configz, reservedSystemCPUs" in done.text
    assert f"RESERVED CPUS   {host_kubelet.RESERVED}\n" in done.text


def test_a_profile_that_the_kubelet_does_not_run_with_is_refused(nsexec: Program, target: Pod) -> None:
    """Not rebooted yet, or the pool is paused: the error names both sides, and nothing is created."""
    cpus = json.dumps({"spec": {"cpu": {"reserved": host_kubelet.isolated(), "isolated": host_kubelet.RESERVED}}})
    with _restored(_profiles()):
        kubectl.run("patch", _PROFILE, "--type=merge", "--patch", cpus)
        done = nsexec(target.name, "-n", target.namespace, "--", "true")
    assert done.status != 0
    assert f"says {host_kubelet.isolated()} for node {HOST_NODE}" in done.stderr
    assert f"its kubelet runs with reservedSystemCPUs {host_kubelet.RESERVED}" in done.stderr
    assert "--cpu-source" in done.stderr


def test_a_profile_that_agrees_with_the_kubelet_is_taken(nsexec: Program, target: Pod) -> None:
    """The cross-check lets pass what is right."""
    done = nsexec(target.name, "-n", target.namespace, "--verify")
    assert done.status == 0, done.stderr
    assert "PerformanceProfile" in done.text


@pytest.fixture
def stranger(kubectl: Program) -> Iterator[str]:
    """A user who may run it, but neither list profiles nor ask the kubelet."""
    resources = "pods,pods/exec,pods/attach,nodes,namespaces,events,configmaps,serviceaccounts"
    rules = ("--verb=get,list,create,delete,watch", f"--resource={resources}")
    kubectl.ok("create", "clusterrole", "configz-none", *rules)
    kubectl.ok("create", "clusterrolebinding", "configz-none", "--clusterrole=configz-none", "--user=joe")
    yield "joe"
    kubectl.ok("delete", "clusterrole,clusterrolebinding", "configz-none")


def test_who_may_not_ask_the_kubelet_is_told(nsexec: Program, target: Pod, stranger: str) -> None:
    """Where there may be a profile, the kubelet's file on the node is found, and is not enough."""
    done = nsexec(target.name, "-n", target.namespace, f"--as={stranger}", "--", "true")
    assert done.status == 125
    assert "PerformanceProfiles may not be listed" in done.stderr
    assert f"reservedSystemCPUs ({host_kubelet.RESERVED}, " in done.stderr
    assert "may include the CPUs of OVS" in done.stderr
    assert "get leave to list performanceprofiles.performance.openshift.io" in done.stderr


def test_a_403_for_profiles_that_cannot_be_is_no_doubt(nsexec: Program, target: Pod, stranger: str) -> None:
    """RBAC refuses kinds that do not exist as well; discovery tells, and then the kubelet's file is enough."""
    with _without_profiles():
        done = nsexec(target.name, "-n", target.namespace, f"--as={stranger}", "--verify")
    assert done.status == 0, done.stderr
    assert f"RESERVED CPUS   {host_kubelet.RESERVED}\n" in done.text
    assert "reservedSystemCPUs" in done.text


def _say_where_it_is(address: str) -> None:
    addresses = [{"type": "InternalIP", "address": address}, {"type": "Hostname", "address": HOST_NODE}]
    patch = json.dumps({"status": {"addresses": addresses}})
    kubectl.run("patch", "node", HOST_NODE, "--subresource=status", "--patch", patch)


def _profiles() -> list[Json]:
    listed: list[Json] = json.loads(kubectl.run("get", "performanceprofiles", "-o", "json"))["items"]
    kept = ("apiVersion", "kind", "spec")
    return [{key: item[key] for key in kept} | {"metadata": {"name": item["metadata"]["name"]}} for item in listed]


@contextmanager
def _restored(profiles: list[Json]) -> Iterator[None]:
    try:
        yield
    finally:
        crds.ensure(*profiles)


@contextmanager
def _without_profiles() -> Iterator[None]:
    """A cluster that has never heard of them."""
    with _restored(_profiles()):
        kubectl.run("delete", "crd", crds.CRD)
        yield
