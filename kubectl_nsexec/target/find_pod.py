"""The pod that is meant: read by its name, or found through the object that the user named."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubectl_nsexec.errors import ApiError, TargetError
from kubectl_nsexec.kube.api import kind_path, pod_path
from kubectl_nsexec.model.deadline import Deadline
from kubectl_nsexec.model.http import NOT_FOUND
from kubectl_nsexec.model.resource_reference import POD, parse
from kubectl_nsexec.target import pod_choice

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubectl_nsexec.kube import Cluster
    from kubectl_nsexec.model.http import Json
    from kubectl_nsexec.model.resource_reference import Named


def find(cluster: Cluster, namespace: str, word: str, running_timeout_seconds: float) -> Json:
    """The v1 Pod of ``word`` (NAME or TYPE/NAME), as the API's JSON.

    For anything but a pod: the best of its pods, waiting at most ``running_timeout_seconds`` for one that runs.
    Raises ApiError and TargetError.
    """
    named = parse(word)
    try:
        if named.kind is POD:
            return cluster.request("GET", pod_path(namespace, named.name))
        labels = selector(cluster, namespace, named)
    except ApiError as error:
        if error.status == NOT_FOUND:  # kubectl's words, a line of their own, say nothing of it
            error.message += f'\nit was looked for in the namespace "{namespace}"'
        raise
    return _chosen(cluster, pod_path(namespace), labels, Deadline.after(running_timeout_seconds), named)


def selector(cluster: Cluster, namespace: str, named: Named) -> str:
    """The labels of the pods of an object that is not a pod itself. Raises ApiError and TargetError."""
    return pod_choice.selector(named.kind, cluster.request("GET", kind_path(named.kind, namespace, named.name)))


def _chosen(cluster: Cluster, pods: str, selector: str, deadline: Deadline, named: Named) -> Json:
    while True:
        listed = cluster.request("GET", pods, [("labelSelector", selector)])
        known: dict[str, Json] = {str(pod["metadata"]["uid"]): pod for pod in listed.get("items") or []}
        taken = pod_choice.settled([*known.values()])
        if taken is not None:
            return _typed(taken)
        version = str((listed.get("metadata") or {}).get("resourceVersion") or "")
        for event in _events(cluster, pods, selector, version, deadline):
            pod = event["object"]
            if event["type"] == "DELETED":
                known.pop(str(pod["metadata"]["uid"]), None)
            else:
                known[str(pod["metadata"]["uid"])] = pod
            taken = pod_choice.settled([*known.values()])
            if taken is not None:
                return _typed(taken)
        if deadline.expired():
            raise TargetError(
                f"timed out waiting for the condition: no pod of {named} runs after {deadline.allowed_seconds:g} s "
                f"(--pod-running-timeout): {pod_choice.described([*known.values()])}"
            )


def _events(cluster: Cluster, pods: str, selector: str, version: str, deadline: Deadline) -> Iterator[Json]:
    """Watch events of pods until the server, the deadline or an error event (410 Gone) ends them."""
    query = [
        ("labelSelector", selector),
        ("resourceVersion", version),
        ("timeoutSeconds", str(max(1, int(deadline.remaining_seconds()) + 1))),
    ]
    for event in cluster.watch(pods, query, timeout_seconds=deadline.remaining_seconds()):
        if event.get("type") == "ERROR":
            return
        if event.get("type") in ("ADDED", "MODIFIED", "DELETED"):
            yield event


def _typed(pod: Json) -> Json:
    """Items of a list come without kind and apiVersion."""
    return {"apiVersion": "v1", "kind": "Pod", **pod}
