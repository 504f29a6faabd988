"""On the host node: the image of ``make dist`` as the Job of deploy/check, with its service account and its rights.

The deployed objects, under names of the module's own. The test bed's pods have no network: these take the node's, and
are told where the API server is, as every pod is told it.
"""

from __future__ import annotations

import copy
import json
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml

from release.names import image_reference, version
from testbed import host_node as testbed_node
from testbed.paths import API_PORT
from tests import packages
from tests.live import nodes
from tests.live.pods import container, guaranteed, pod

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.live.harness import Pods, Program

    Json = dict[str, Any]

pytestmark = [pytest.mark.host_node, pytest.mark.alone, pytest.mark.usefixtures("nothing_left")]

_DEPLOY: Final = Path(__file__).parents[2] / "deploy"
_CHECK: Final = "nsexec-check"
_HELPERS: Final = "nsexec"
_API_SERVER: Final = [
    {"name": "KUBERNETES_SERVICE_HOST", "value": "127.0.0.1"},
    {"name": "KUBERNETES_SERVICE_PORT", "value": str(API_PORT)},
]


@pytest.fixture(scope="module")
def image(host_node: str) -> Iterator[str]:
    """The image's name on the node, which forgets it afterwards."""
    assert host_node
    name = image_reference(version())
    nodes.HOST.import_image(str(packages.built().image), name)
    yield name
    testbed_node.runtime().forget(name)


@pytest.fixture(scope="module")
def account(kubectl: Program, helpers: str, leaving: list[str]) -> Iterator[str]:
    """What deploy/ and deploy/check make but for the CronJob; the name of the Jobs' namespace, and of all else."""
    name = f"check-{secrets.token_hex(3)}"
    made = [_renamed(each, name, helpers) for each in _documents("check/namespace.yaml") + _documents("namespace.yaml")]
    made += [_renamed(each, name, helpers) for each in _documents("check/rights.yaml")]
    kubectl.ok("apply", "-f", "-", stdin=_list(made))
    kubectl.ok("wait", "-n", helpers, "--for=create", "serviceaccount/default", "--timeout=300s")
    try:
        yield name
    finally:
        without_namespaces = [each for each in made if each["kind"] != "Namespace"]
        kubectl.ok("delete", "-f", "-", stdin=_list(without_namespaces))
        kubectl.ok("delete", "namespace", name, "--wait=false")
        leaving.append(name)


@pytest.fixture(scope="module")
def job(image: str, account: str, helpers: str, host_node: str) -> Json:
    """The CronJob's Job, on the host node; its args are to be completed."""
    (cron_job,) = _documents("check/cron-job.yaml")
    template = cron_job["spec"]["jobTemplate"]
    spec = template["spec"]["template"]["spec"]
    (only,) = spec["containers"]
    assert only["image"] == image
    assert (spec["serviceAccountName"], "env" in only) == (_CHECK, False)
    spec |= {"serviceAccountName": account, "nodeName": host_node}
    only["env"] = [{"name": "NSEXEC_NAMESPACE", "value": helpers}]
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"namespace": account}, "spec": template["spec"]}


@pytest.fixture(scope="module")
def namespace_of_pods(shared_pods: Pods, host_node: str) -> str:
    """Where a pod with a CPU of its own, which is probed by exec, runs beside one of the shared pool."""
    dangerous = copy.deepcopy(guaranteed("du-0", node=host_node))
    own = dangerous["spec"]["containers"][0]
    own["livenessProbe"] = {"exec": {"command": ["true"]}, "periodSeconds": 5, "timeoutSeconds": 5}
    shared_pods.start(dangerous)
    harmless = pod("web-0", container(), node=host_node)
    harmless["metadata"]["labels"] = {"app": "web"}
    return shared_pods.start(harmless).namespace


def test_the_pod_is_let_into_a_restricted_namespace(kubectl: Program, job: Json, account: str) -> None:
    """As it is deployed; the server warns of nothing."""
    content = {"apiVersion": "v1", "kind": "Pod", **copy.deepcopy(job["spec"]["template"])}
    content["metadata"] = {"name": "try", "namespace": account}
    done = kubectl("create", "--dry-run=server", "-f", "-", stdin=json.dumps(content).encode())
    assert (done.status, done.stderr) == (0, "")


def test_findings_fail_the_job(kubectl: Program, job: Json, account: str, namespace_of_pods: str) -> None:
    """By the status of --check, at once; the log has the whole report, of every namespace."""
    status, log = _run(kubectl, job, account, "failed", "--fail-on", "latency")
    assert status == 3, log
    rows = [row for row in _rows(log) if row["namespace"] == namespace_of_pods]
    found = {(row["owner"]["name"], row["wayIn"]["kind"]) for row in rows if row["severity"] in ("latency", "danger")}
    assert found == {("du-0", "oc exec"), ("du-0", "livenessProbe")}


def test_without_findings_the_job_is_complete(
    kubectl: Program, job: Json, account: str, namespace_of_pods: str
) -> None:
    """With the same rights; here of the one pod that owns nothing, for the cluster is not the test's alone."""
    status, log = _run(kubectl, job, account, "complete", "-n", namespace_of_pods, "-l", "app=web")
    assert status == 0, log
    assert {(row["pod"], row["severity"]) for row in _rows(log)} == {("web-0", "")}


def test_with_less_it_says_what_it_lacks(kubectl: Program, job: Json, account: str, namespace_of_pods: str) -> None:
    """An account without the helpers' Role: the API server's refusal is in the log, and the Job fails."""
    kubectl.ok("create", "serviceaccount", "reader", "-n", account)
    bound = ("clusterrolebinding", f"{account}-reader")
    kubectl.ok("create", *bound, f"--clusterrole={account}", f"--serviceaccount={account}:reader")
    less = copy.deepcopy(job)
    less["spec"]["template"]["spec"]["serviceAccountName"] = "reader"
    try:
        status, log = _run(kubectl, less, account, "failed", "-n", namespace_of_pods)
    finally:
        kubectl.ok("delete", *bound)
    assert status in (3, 4), log
    assert f'User "system:serviceaccount:{account}:reader" cannot create resource "configmaps"' in log
    assert "nothing was created, for want of these rights:" in log


def _run(kubectl: Program, job: Json, account: str, condition: str, *more: str) -> tuple[int, str]:
    """Run JOB with MORE args until it has that CONDITION: its container's exit status and its log."""
    made = copy.deepcopy(job)
    name = made["metadata"]["name"] = f"check-{secrets.token_hex(3)}"
    spec = made["spec"]["template"]["spec"]
    spec["hostNetwork"] = True
    (check,) = spec["containers"]
    check["env"] += _API_SERVER
    check["resources"]["requests"]["cpu"] = "0"  # the checked pod has the only CPU that the node gives
    check["args"] = [word for word in check["args"] if word != "-A" or "-n" not in more] + list(more)
    # A pod with the node's network is none for a restricted namespace.
    kubectl.ok("label", "namespace", account, "--overwrite", "pod-security.kubernetes.io/enforce=privileged")
    kubectl.ok("create", "-f", "-", stdin=json.dumps(made).encode())
    where = ("-n", account)
    waited = kubectl("wait", *where, f"job/{name}", f"--for=condition={condition}", "--timeout=300s")
    listed = json.loads(kubectl.ok("get", "pods", *where, "-l", f"batch.kubernetes.io/job-name={name}", "-o", "json"))
    (ran,) = listed["items"]
    log = kubectl("logs", *where, ran["metadata"]["name"]).text
    assert waited.status == 0, f"{waited.stderr}{log}{json.dumps(ran['status'], indent=1)}"
    return ran["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"], log


def _rows(log: str) -> list[Json]:
    """Those of the report that a log is, with nothing before or after it."""
    rows: list[Json] = json.loads(log)["rows"]
    return rows


def _documents(name: str) -> list[Json]:
    return list(yaml.safe_load_all((_DEPLOY / name).read_text()))


def _list(items: list[Json]) -> bytes:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items}).encode()


def _renamed(what: Json, name: str, helpers: str) -> Json:
    """The same with NAME for ``nsexec-check`` and HELPERS for the helpers' namespace, wherever these are said."""
    own = {_CHECK: name, f"{_CHECK}-scc": f"{name}-scc"}
    made = copy.deepcopy(what)
    places = [made["metadata"], *made.get("subjects", []), *([made["roleRef"]] if "roleRef" in made else [])]
    for place in places:
        place["name"] = own.get(place["name"], place["name"])
        if "namespace" in place:
            place["namespace"] = {**own, _HELPERS: helpers}[place["namespace"]]
    if made["kind"] == "Namespace" and made["metadata"]["name"] == _HELPERS:
        made["metadata"]["name"] = helpers
    return made
