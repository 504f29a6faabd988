"""TYPE/NAME and manifests: the pod that kubectl exec would take, and refusals that need a cluster to show."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.live.api import pods_of
from tests.live.pods import container, pod

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.live.api import Api
    from tests.live.harness import Program

pytestmark = pytest.mark.host_node

Json = dict[str, Any]

_WAITS = "while :; do sleep 1; done"


def workload(kind: str, name: str, node: str, version: str = "apps/v1", **spec: object) -> Json:
    """A workload with one pod on NODE, whose label is its own name."""
    template = pod("", container(command=("sh", "-c", _WAITS)), node=node)["spec"]
    if kind == "Job":
        template["restartPolicy"] = "Never"
    if kind == "DaemonSet":  # its controller wants to choose the node itself
        del template["nodeName"]
        template["nodeSelector"] = {"kubernetes.io/hostname": node}
    made: Json = {"template": {"metadata": {"labels": {"app": name}}, "spec": template}, **spec}
    if kind == "ReplicationController":
        made["selector"] = {"app": name}
    elif kind != "Job":
        made["selector"] = {"matchLabels": {"app": name}}
    if kind == "StatefulSet":
        made["serviceName"] = name
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": made}


@pytest.fixture(scope="module")
def workloads(kubectl: Program, namespace: str, host_node: str) -> Iterator[str]:
    """One of each kind, running; returns the namespace."""
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "svc"}}
    items = [
        workload("Deployment", "deploy", host_node),
        workload("StatefulSet", "sts", host_node),
        workload("DaemonSet", "ds", host_node),
        workload("ReplicaSet", "rs", host_node),
        workload("ReplicationController", "rc", host_node, "v1"),
        workload("Job", "job", host_node, "batch/v1"),
        workload("Deployment", "later", host_node, replicas=0),
        {**service, "spec": {"selector": {"app": "sts"}, "ports": [{"port": 80}]}},
        {**service, "metadata": {"name": "bare"}, "spec": {"ports": [{"port": 80}]}},
    ]
    made = json.dumps({"apiVersion": "v1", "kind": "List", "items": items}).encode()
    kubectl.ok("create", "-n", namespace, "-f", "-", stdin=made)
    try:
        for name in ("deploy", "sts", "ds", "rs", "rc", "job"):
            what = ("pod", "-l", f"app={name}") if name != "job" else ("pod", "-l", "job-name=job")
            kubectl.ok("wait", "-n", namespace, "--for=create", *what, "--timeout=300s")
            kubectl.ok("wait", "-n", namespace, "--for=condition=Ready", *what, "--timeout=300s")
        yield namespace
    finally:
        kubectl.ok("delete", "-n", namespace, "-f", "-", "--cascade=foreground", "--timeout=300s", stdin=made)


@pytest.mark.parametrize(
    "named",
    ["deploy/deploy", "sts/sts", "ds/ds", "rs/rs", "rc/rc", "job.batch/job", "svc/svc", "Deployment.apps/deploy"],
)
def test_a_workload_leads_to_the_pod_that_kubectl_takes(
    nsexec: Program, kubectl: Program, workloads: str, named: str
) -> None:
    """Each kind, by short names and by names with their group."""
    ours = nsexec(named, "-n", workloads, "--", "hostname")
    theirs = kubectl("exec", named, "-n", workloads, "--", "hostname")
    assert (ours.status, ours.stdout) == (theirs.status, theirs.stdout), ours.stderr
    assert ours.text.strip()


@pytest.mark.parametrize("named", ["deploy/none", "deploy/", "a/b/c", "svc/bare"])
def test_what_leads_nowhere_gets_kubectls_words(nsexec: Program, kubectl: Program, workloads: str, named: str) -> None:
    """The server's answer, or kubectl's own; of what was not found, where it was looked for."""
    ours = nsexec(named, "-n", workloads, "--", "true")
    theirs = kubectl("exec", named, "-n", workloads, "--", "true")
    where = f'it was looked for in the namespace "{workloads}"\n' if "(NotFound)" in theirs.stderr else ""
    assert (ours.status, ours.words) == (theirs.status, theirs.stderr + where)


def test_a_manifest_names_the_target(nsexec: Program, workloads: str, host_node: str, tmp_path: Path) -> None:
    """By a file, and by stdin where the command does not want that."""
    manifest = workload("Deployment", "deploy", host_node)
    manifest["metadata"]["namespace"] = workloads
    (tmp_path / "deploy.json").write_text(json.dumps(manifest))
    by_file = nsexec("-f", str(tmp_path / "deploy.json"), "-i", "--", "cat", stdin=b"data")
    by_stdin = nsexec("-f", "-", "--", "echo", "fine", stdin=json.dumps(manifest).encode())
    assert (by_file.status, by_file.stdout) == (0, b"data"), by_file.stderr
    assert (by_stdin.status, by_stdin.stdout) == (0, b"fine\n"), by_stdin.stderr


def test_a_pod_that_runs_later_is_waited_for(nsexec: Program, kubectl: Program, workloads: str) -> None:
    """--pod-running-timeout: a workload without pods is an error after it, and no error when one runs within it."""
    none = nsexec("deploy/later", "-n", workloads, "--pod-running-timeout=1s", "--", "true")
    assert none.status == 1
    assert "error: timed out waiting for the condition: no pod of deployments.apps/later" in none.stderr
    started = nsexec.start("deploy/later", "-n", workloads, "--", "echo", "fine")
    time.sleep(2)  # long enough for it to be watching; a shorter wait only tests less
    kubectl.ok("scale", "-n", workloads, "deploy/later", "--replicas=1")
    out, err = started.communicate(timeout=60)
    assert (started.returncode, out) == (0, b"fine\n"), err


def test_a_finished_job_gets_kubectls_words(nsexec: Program, kubectl: Program, workloads: str, host_node: str) -> None:
    """At once: its pod will not run again."""
    manifest = workload("Job", "done", host_node, "batch/v1")
    manifest["spec"]["template"]["spec"]["containers"][0]["command"] = ["true"]
    kubectl.ok("create", "-n", workloads, "-f", "-", stdin=json.dumps(manifest).encode())
    kubectl.ok("wait", "-n", workloads, "--for=condition=Complete", "job/done", "--timeout=300s")
    ours = nsexec("job/done", "-n", workloads, "--", "true")
    theirs = kubectl("exec", "job/done", "-n", workloads, "--", "true")
    kubectl.ok("delete", "-n", workloads, "job/done")
    assert (ours.status, ours.words) == (theirs.status, theirs.stderr)
    assert ours.seconds < 20


@pytest.fixture
def paper_node(kubectl: Program, namespace: str) -> Iterator[str]:
    """A node that exists in the API server's records only, unschedulable, and a RuntimeClass for a pod on it."""
    name = f"{namespace}-paper"
    node = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name},
        "spec": {"unschedulable": True},
        "status": {
            "conditions": [{"type": "Ready", "status": "True"}],
            "nodeInfo": {"operatingSystem": "linux", "architecture": "amd64"},
        },
    }
    sandbox = {
        "apiVersion": "node.k8s.io/v1",
        "kind": "RuntimeClass",
        "metadata": {"name": name},
        "handler": "kata-qemu",
    }
    made = json.dumps({"apiVersion": "v1", "kind": "List", "items": [node, sandbox]}).encode()
    try:
        kubectl.ok("create", "--validate=false", "-f", "-", stdin=made)  # a kubelet would report more of a node
        yield name
    finally:
        kubectl.ok("delete", "-n", namespace, "pod", "paper", "--force", "--grace-period=0", "--ignore-not-found")
        kubectl.ok("delete", "--ignore-not-found", "-f", "-", stdin=made)


def test_sandboxes_and_windows_are_refused(
    api: Api, nsexec: Program, kubectl: Program, paper_node: str, namespace: str, helpers: str
) -> None:
    """A class whose name says nothing is known by its handler, a Windows node by what its kubelet says of it."""
    manifest = pod("paper", node=paper_node, runtimeClassName=paper_node)
    kubectl.ok("create", "-n", namespace, "-f", "-", stdin=json.dumps(manifest).encode())
    running: Json = {"name": "main", "containerID": "containerd://" + "0" * 64, "state": {"running": {}}}
    running |= {"image": "i", "imageID": "i", "ready": True, "restartCount": 0}
    _status(kubectl, "pod/paper", namespace, {"phase": "Running", "containerStatuses": [running]})
    sandbox = nsexec("paper", "-n", namespace, "--cpus", "0", "--", "true")
    assert (sandbox.status, sandbox.stdout) == (1, b"")
    assert f'runs under the runtime class "{paper_node}" (kata-qemu)' in sandbox.stderr
    _status(kubectl, f"node/{paper_node}", namespace, {"nodeInfo": {"operatingSystem": "windows"}})
    windows = nsexec("paper", "-n", namespace, "--cpus", "0", "--", "true")
    assert (windows.status, windows.stdout) == (1, b"")
    assert f"error: node {paper_node} runs Windows" in windows.stderr
    assert api.names(pods_of(helpers)) == []


def _status(kubectl: Program, what: str, namespace: str, status: Json) -> None:
    patch = json.dumps({"status": status})
    kubectl.ok("patch", what, "-n", namespace, "--subresource=status", "--type=merge", "-p", patch)
