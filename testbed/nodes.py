"""What a cloud provider would do for a node: labels, addresses, and the taint taken away."""

import json
from typing import Final

from testbed import kubectl, probe
from testbed.processes import wait_until

_UNINITIALIZED: Final = "node.cloudprovider.kubernetes.io/uninitialized"
_KEEPS_AWAY: Final = (_UNINITIALIZED, "node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
_REGISTER_TIMEOUT_SECONDS: Final = 60.0
_READY_TIMEOUT_SECONDS: Final = 120.0


def settle(node: str, role: str, process: str) -> None:
    """Wait for NODE to register, make it a worker of the pool ROLE at 127.0.0.1, and wait until it is Ready.

    The kubelet refuses a loopback node address; one that waits for a cloud provider takes it from the API.
    PROCESS is the noted process whose end would make the waiting vain.
    """
    wait_until(f"node {node} registers", lambda: exists(node), _REGISTER_TIMEOUT_SECONDS, process=process)
    kubectl.try_run("taint", "node", node, f"{_UNINITIALIZED}-")  # fails when it is gone already
    kubectl.run(
        "label", "node", node, "--overwrite", *(f"node-role.kubernetes.io/{name}=" for name in ("worker", role))
    )
    addresses = [{"type": "InternalIP", "address": "127.0.0.1"}, {"type": "Hostname", "address": node}]
    patch = json.dumps({"status": {"addresses": addresses}})
    kubectl.run("patch", "node", node, "--subresource=status", "--patch", patch)
    wait_until(f"node {node} is Ready", lambda: ready(node), _READY_TIMEOUT_SECONDS, process=process)


def exists(node: str) -> bool:
    """Whether the API server knows NODE."""
    return kubectl.try_run("get", "node", node).returncode == 0


def ready(node: str) -> bool:
    """Whether NODE is Ready and free of the taints that keep pods away until it is settled, or reached again."""
    words = '{.status.conditions[?(@.type=="Ready")].status} {.spec.taints[*].key}'
    found = kubectl.try_run("get", "node", node, "-o", f"jsonpath={words}").stdout.split()
    return found[:1] == ["True"] and not any(word.startswith(_KEEPS_AWAY) for word in found[1:])


def kubelet_knows_its_pods(node: str, port: int) -> bool:
    """Whether NODE's kubelet, at 127.0.0.1:PORT, serves and has heard of every pod that the API server puts there.

    The node's condition may be from before a restart, and a kubelet without pods yet answers every exec with
    "pod does not exist".
    """
    body = probe.fetch(f"https://127.0.0.1:{port}/pods")
    if body is None:
        return False
    known = {pod["metadata"]["uid"] for pod in json.loads(body).get("items") or []}
    selector = f"--field-selector=spec.nodeName={node},status.phase=Running"
    uids = kubectl.run("get", "pods", "--all-namespaces", selector, "-o", "jsonpath={.items[*].metadata.uid}")
    return known >= set(uids.split())


def delete_pods(node: str) -> None:
    """Delete the pods on NODE from the API; its kubelet, if there is one, kills them at once."""
    selector = f"--field-selector=spec.nodeName={node}"
    listed = kubectl.try_run("get", "pods", "--all-namespaces", selector, "-o", "json").stdout
    for pod in json.loads(listed or "{}").get("items", []):
        where = ("-n", pod["metadata"]["namespace"], pod["metadata"]["name"])
        kubectl.try_run("delete", "pod", *where, "--force", "--grace-period=0", "--wait=false")


def delete(node: str) -> None:
    """Delete NODE from the API; one that is not there is no error."""
    kubectl.try_run("delete", "node", node, "--ignore-not-found")


def forget(node: str) -> None:
    """Delete NODE and the pods on it from the API, without waiting for a kubelet that may be gone."""
    delete_pods(node)
    delete(node)
