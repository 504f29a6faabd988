"""The target: a Guaranteed pod that owns the isolated CPU and runs oslat there, and nothing else."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, Final

from bench.commands import BESIDE, NAMESPACE, POD, kubectl, kubectl_exec, run
from bench.errors import BenchError
from bench.meter import CAPABILITIES, COMMAND, Meter
from kubectl_nsexec.model.cpuset import CpuSet
from testbed import host_kubelet, images
from testbed.paths import HOST_NODE

READY_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.1


@contextmanager
def target() -> Iterator[Meter]:
    """Run the target, no loop at work; yields its meter. Whatever happens, the whole namespace is gone afterwards.

    Raises BenchError, e.g. when another pod owns the CPU.
    """
    delete_namespace()
    with ExitStack() as stack:
        stack.callback(delete_namespace)
        _create_namespace()
        pod = _start(_target())
        _start(_pod(BESIDE, {"command": ["sleep", "1000000"]}))
        _check_masks()
        yield stack.enter_context(closing(Meter(_folder(pod))))


def wait_until_ready(name: str) -> dict[str, Any]:
    """Return the pod once it is Ready. Raises BenchError with the node's own words when it never will be."""
    deadline = time.monotonic() + READY_SECONDS
    while True:
        pod: dict[str, Any] = json.loads(run(kubectl("get", "pod", name, "-o", "json")))
        status = pod["status"]
        if any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions", [])):
            return pod
        if status.get("phase") == "Failed" or time.monotonic() > deadline:
            words = [status.get("phase"), status.get("reason"), status.get("message")]
            raise BenchError(f"the pod {name} is not Ready: {': '.join(word for word in words if word)}{_owners()}")
        time.sleep(_POLL_SECONDS)


def delete_namespace() -> None:
    """Delete everything that the bench ever makes in the cluster, and wait until it is gone."""
    run(kubectl("delete", "pods", "--all", "--force", "--grace-period=0", "--wait=false"))
    run(kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--timeout=50s"))


def _create_namespace() -> None:
    run(kubectl("create", "namespace", NAMESPACE))
    account = kubectl("wait", "--for=create", "serviceaccount/default", "--timeout=30s")
    run(account)


def _start(manifest: dict[str, Any]) -> dict[str, Any]:
    """Create the pod and return it once it is Ready."""
    run(kubectl("create", "-f", "-"), json.dumps(manifest))
    return wait_until_ready(str(manifest["metadata"]["name"]))


def _target() -> dict[str, Any]:
    resources = {"cpu": "1", "memory": "128Mi"}
    container = {
        "command": ["sh", "-c", COMMAND],
        "resources": {"requests": resources, "limits": resources},
        "securityContext": {"capabilities": {"add": [*CAPABILITIES]}},
        "volumeMounts": [{"name": "bench", "mountPath": "/bench"}],
    }
    # Memory: no disk is written to beside the loop.
    return _pod(POD, container, volumes=[{"name": "bench", "emptyDir": {"medium": "Memory", "sizeLimit": "8Mi"}}])


def _pod(name: str, container: dict[str, Any], **spec: object) -> dict[str, Any]:
    """Return a pod; without resources its commands run where no pod owns the CPU."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "nodeName": HOST_NODE,
            "hostNetwork": True,
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 0,
            "containers": [{"name": "main", "image": images.BUSYBOX, **container}],
            **spec,
        },
    }


def _folder(pod: dict[str, Any]) -> Path:
    volumes = host_kubelet.HOME / "pods" / str(pod["metadata"]["uid"]) / "volumes"
    return volumes / "kubernetes.io~empty-dir" / "bench"


def _check_masks() -> None:
    isolated = CpuSet.parse(host_kubelet.isolated())
    mask, beside = (_mask(pod) for pod in (POD, BESIDE))
    if len(mask) != 1 or not mask <= isolated:
        raise BenchError(f"the target runs on the CPUs {mask} instead of on one of the isolated ones ({isolated})")
    if beside & mask:
        raise BenchError(f"the pod {BESIDE} may run on the CPUs {beside}, of which the target owns {mask}")


def _mask(pod: str) -> CpuSet:
    return CpuSet.parse(run(kubectl_exec("grep", "Cpus_allowed_list", "/proc/1/status", pod=pod)).split()[1])


def _owners() -> str:
    """Return which other pods ask for whole CPUs of the node, as the end of a sentence."""
    where = f"--field-selector=spec.nodeName={HOST_NODE},status.phase=Running"
    pods = json.loads(run(kubectl("get", "pods", "--all-namespaces", where, "-o", "json")))["items"]
    owners = [
        f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
        for pod in pods
        if pod["status"].get("qosClass") == "Guaranteed"
    ]
    return f"; Guaranteed pods on the node: {', '.join(owners)}" if owners else ""
