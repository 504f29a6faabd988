"""On the host node: bad input gets a clear error, and nothing is created."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING

import pytest

from testbed import pki
from testbed.paths import API_SERVER
from tests.live.api import pods_of
from tests.live.pods import container, pod

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.live.api import Api
    from tests.live.harness import Pods, Program
    from tests.live.pods import Pod

pytestmark = pytest.mark.host_node

_OWN_FAILURE = 125


@pytest.fixture(scope="module")
def target(shared_pods: Pods, host_node: str) -> Pod:
    """One pod for all of them, in the shared pool, which always has CPU 0; no test gets into it."""
    return shared_pods.start(pod("refusing", node=host_node))


@pytest.fixture
def helpers(kubectl: Program) -> Iterator[str]:
    """The name of a helper namespace that does not exist, and must not after a refusal."""
    name = f"helpers-{secrets.token_hex(3)}"
    yield name
    left = kubectl("get", "namespace", name)
    kubectl.ok("delete", "namespace", name, "--ignore-not-found", "--timeout=300s")
    assert left.status != 0, f"the refused run created namespace {name}"


@pytest.mark.parametrize(
    ("options", "status", "words"),
    [
        (("-c", "nope", "--", "true"), 1, "container nope is not valid for pod"),
        (("--context", "nope", "--", "true"), 1, 'context "nope" does not exist'),
        (("--kubeconfig", "/nonexistent", "--", "true"), 1, "/nonexistent"),
        (("--cpus", "0-", "--", "true"), 1, '"0-" is not a CPU list'),
        (("--cpus", "99", "--", "true"), 1, "node node-a has"),
        (("--",), 1, "you must specify at least one command for the container"),
        (("--timeout", "soon", "--", "true"), 1, "soon"),
    ],
)
def test_bad_option_is_refused(
    nsexec: Program, target: Pod, helpers: str, options: tuple[str, ...], status: int, words: str
) -> None:
    """Each mistake has its own message and status, before anything is created."""
    done = nsexec(target.name, "-n", target.namespace, "--helper-namespace", helpers, *options)
    assert (done.status, done.stdout) == (status, b"")
    assert words in done.stderr


def test_cpus_of_the_target_are_refused(api: Api, nsexec: Program, kubectl: Program, target: Pod, helpers: str) -> None:
    """--cpus that the target may run on is found out on the node: an error that names both, and no pod is left."""
    where = ("-n", target.namespace, "--helper-namespace", helpers)
    done = nsexec(target.name, *where, "--cpus", "0", "--", "true")
    assert (done.status, done.stdout) == (_OWN_FAILURE, b"")
    assert "--cpus 0 overlaps the CPUs of the target" in done.stderr
    assert api.names(pods_of(helpers)) == []
    kubectl.ok("delete", "namespace", helpers, "--timeout=300s")


def test_unknown_pod_is_the_servers_answer(nsexec: Program, kubectl: Program, namespace: str, helpers: str) -> None:
    """A pod that does not exist gets the words and the status of kubectl exec, and where it was looked for."""
    ours = nsexec("no-such-pod", "-n", namespace, "--helper-namespace", helpers, "--", "true")
    theirs = kubectl("exec", "no-such-pod", "-n", namespace, "--", "true")
    where = f'it was looked for in the namespace "{namespace}"\n'
    assert (ours.status, ours.words) == (theirs.status, theirs.stderr + where)


def test_completed_pod_is_refused(nsexec: Program, kubectl: Program, pods: Pods, host_node: str, helpers: str) -> None:
    """A pod that has run to its end gets the words of kubectl exec."""
    manifest = pod("done", container(command=("true",)), node=host_node, restartPolicy="Never")
    ended = pods.start(manifest, condition="Ready=False")
    kubectl.ok("wait", "-n", ended.namespace, "--for=jsonpath={.status.phase}=Succeeded", "pod/done", "--timeout=300s")
    ours = nsexec("done", "-n", ended.namespace, "--helper-namespace", helpers, "--", "true")
    theirs = kubectl("exec", "done", "-n", ended.namespace, "--", "true")
    assert (ours.status, ours.words) == (theirs.status, theirs.stderr)


def test_pending_pod_is_refused(nsexec: Program, kubectl: Program, pods: Pods, namespace: str, helpers: str) -> None:
    """A pod that no node has taken yet gets a message of its own."""
    manifest = pod("pending", node="", nodeSelector={"no-such-label": "here"})
    del manifest["spec"]["nodeName"]
    pods.start(manifest, condition="PodScheduled=False")
    done = nsexec("pending", "-n", namespace, "--helper-namespace", helpers, "--", "true")
    assert done.status == 1
    assert "does not have a host assigned" in done.stderr
    assert kubectl.ok("get", "pod", "pending", "-n", namespace, "-o", "jsonpath={.status.phase}") == "Pending"


def test_unreachable_server_is_said(nsexec: Program, target: Pod, tmp_path: Path) -> None:
    """A server that nobody listens for is an error that names it, not a traceback or a hang."""
    nowhere = pki.kubeconfig(tmp_path / "kubeconfig", "admin", "https://127.0.0.1:1")
    done = nsexec(target.name, "-n", target.namespace, "--kubeconfig", str(nowhere), "--", "true")
    assert done.status == 1
    assert "127.0.0.1" in done.stderr
    assert "Traceback" not in done.stderr


def test_missing_rights_are_the_servers_answer(
    nsexec: Program, kubectl: Program, target: Pod, helpers: str, tmp_path: Path
) -> None:
    """Somebody who may only read pods is told which right is missing, in the server's words."""
    pki.certificate("live-reader", "live-reader", "testbed")
    kubeconfig = pki.kubeconfig(tmp_path / "kubeconfig", "live-reader", API_SERVER)
    names = ("role/live-reader", "rolebinding/live-reader")
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]
    role = {"kind": "Role", "metadata": {"name": "live-reader"}, "rules": rules}
    binding = {
        "kind": "RoleBinding",
        "metadata": {"name": "live-reader"},
        "subjects": [{"kind": "User", "name": "live-reader", "apiGroup": "rbac.authorization.k8s.io"}],
        "roleRef": {"kind": "Role", "name": "live-reader", "apiGroup": "rbac.authorization.k8s.io"},
    }
    for made in (role, binding):
        manifest = json.dumps({"apiVersion": "rbac.authorization.k8s.io/v1", **made}).encode()
        kubectl.ok("apply", "-n", target.namespace, "-f", "-", stdin=manifest)
    try:
        where = ("-n", target.namespace, "--helper-namespace", helpers)
        done = nsexec(target.name, *where, "--kubeconfig", str(kubeconfig), "--", "true")
    finally:
        kubectl.ok("delete", "-n", target.namespace, *names)
    assert (done.status, done.stdout) == (1, b"")
    assert done.stderr.startswith("Error from server (Forbidden): ")
    assert 'User "live-reader" cannot' in done.stderr
