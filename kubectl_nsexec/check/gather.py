"""Which pods are looked at: one, those of TYPE/NAME, those of a selector, a namespace, or all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubectl_nsexec.kube.api import pod_path
from kubectl_nsexec.kube.lists import items
from kubectl_nsexec.model.resource_reference import POD, parse
from kubectl_nsexec.target import find_pod

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubectl_nsexec.kube import Cluster
    from kubectl_nsexec.model.http import Json
    from kubectl_nsexec.model.request import CheckRequest


def pods(cluster: Cluster, request: CheckRequest) -> Iterator[Json]:
    """The pods that ``request`` is about, by one list, running or not. Raises ApiError, TargetError."""
    namespace = request.namespace or cluster.namespace
    query = [("labelSelector", request.selector)] if request.selector else []
    path = "/api/v1/pods" if request.all_namespaces else pod_path(namespace)
    if request.pod:
        named = parse(request.pod)
        if named.kind is POD:
            yield cluster.request("GET", pod_path(namespace, named.name))
            return
        query = [("labelSelector", find_pod.selector(cluster, namespace, named))]
    if len(request.nodes) == 1:
        query.append(("fieldSelector", f"spec.nodeName={request.nodes[0]}"))
    for pod in items(cluster, path, query):
        if not request.nodes or (pod.get("spec") or {}).get("nodeName") in request.nodes:
            yield pod
