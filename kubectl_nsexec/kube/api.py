"""What is asked of an API server, as plain JSON: the protocol, and the requests that have a name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote

from kubectl_nsexec.errors import ApiError
from kubectl_nsexec.model.http import FORBIDDEN, NOT_FOUND, Json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubectl_nsexec.kube.connection import Connection
    from kubectl_nsexec.model.resource_reference import Kind

Query = Sequence[tuple[str, str]]

JSON = "application/json"

PATIENCE_SECONDS = 30.0
"""For how long a request is made again while the server has no time for it, or cannot answer just now: see retry."""
NOT_COUNTED = "status unknown for quota"
"""In a 403 of a ResourceQuota that is so new that nobody has counted for it yet (k8s.io/apiserver, resourcequota)."""

PERFORMANCE_GROUP = "performance.openshift.io"
PROFILE_VERSIONS = ("v2", "v1", "v1alpha1")
"""Newest first: older clusters do not serve v2."""


class Cluster(Protocol):
    """What nsexec needs of an API server. Every method raises ApiError."""

    namespace: str
    """The namespace of the kubeconfig's context."""

    def request(
        self,
        method: str,
        path: str,
        query: Query = (),
        body: Json | None = None,
        *,
        timeout_seconds: float | None = None,
        accept: str = JSON,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> Json:
        """The JSON answer to one request; ``accept`` is the header that asks for another form of it.

        ``timeout_seconds`` is for each attempt; none begins later than ``patience_seconds`` after the first.
        """
        ...

    def watch(self, path: str, query: Query, *, timeout_seconds: float) -> Iterator[Json]:
        """Watch events (``{"type": …, "object": …}``) until the server or the time-out ends them."""
        ...

    def open_stream(self, path: str, query: Query, *, timeout_seconds: float) -> Connection:
        """An exec or attach subresource as a WebSocket."""
        ...


def pod_path(namespace: str, name: str = "", subresource: str = "") -> str:
    """``/api/v1/namespaces/NS/pods[/NAME[/SUBRESOURCE]]``."""
    parts = ["/api/v1/namespaces", quote(namespace, safe=""), "pods", quote(name, safe=""), subresource]
    return "/".join(part for part in parts if part)


def kind_path(kind: Kind, namespace: str, name: str = "") -> str:
    """``ROOT/namespaces/NS/PLURAL[/NAME]`` of a kind that may stand for pods."""
    return "/".join([kind.root, "namespaces", quote(namespace, safe=""), kind.plural, *([name] if name else [])])


def delete_pod(
    cluster: Cluster,
    namespace: str,
    name: str,
    uid: str | None = None,
    *,
    timeout_seconds: float | None = None,
    patience_seconds: float = PATIENCE_SECONDS,
) -> None:
    """Deletes the pod at once, with a ``uid`` only the one that has it (else 409). Raises ApiError, also for 404."""
    path = pod_path(namespace, name)
    delete(cluster, path, uid, timeout_seconds=timeout_seconds, patience_seconds=patience_seconds)


def delete(
    cluster: Cluster,
    path: str,
    uid: str | None = None,
    *,
    timeout_seconds: float | None = None,
    patience_seconds: float = PATIENCE_SECONDS,
) -> Json:
    """Deletes the object at once, with a ``uid`` only the one that has it (else 409). Raises ApiError, also for 404.

    Returns the answer: the object, which has finalizers where it is still there because of them, or a Status.
    """
    body: Json = {"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0}
    if uid:
        body["preconditions"] = {"uid": uid}
    return cluster.request(
        "DELETE", path, body=body, timeout_seconds=timeout_seconds, patience_seconds=patience_seconds
    )


def list_performance_profiles(cluster: Cluster) -> list[Json] | None:
    """Every PerformanceProfile in the newest version that is served; None where there is no such API.

    Raises ApiError, also for 403.
    """
    for version in PROFILE_VERSIONS:
        try:
            answer = cluster.request("GET", f"/apis/{PERFORMANCE_GROUP}/{version}/performanceprofiles")
        except ApiError as error:
            if error.status == NOT_FOUND:
                continue
            raise
        return list(answer.get("items") or [])
    return None


def serves_performance_profiles(cluster: Cluster) -> bool:
    """Whether the cluster has the API at all: RBAC answers 403 for what does not exist, discovery does not.

    True where discovery may not be asked either. Raises ApiError.
    """
    try:
        cluster.request("GET", f"/apis/{PERFORMANCE_GROUP}")
    except ApiError as error:
        if error.status == NOT_FOUND:
            return False
        if error.status != FORBIDDEN:
            raise
    return True


def runtime_handler(cluster: Cluster, runtime_class: str) -> str:
    """What runs the pods of a RuntimeClass; "" where there is none, or it may not be read. Raises ApiError."""
    if not runtime_class:
        return ""
    try:
        found = cluster.request("GET", f"/apis/node.k8s.io/v1/runtimeclasses/{quote(runtime_class, safe='')}")
    except ApiError as error:
        if error.status in (FORBIDDEN, NOT_FOUND):
            return ""
        raise
    return str(found.get("handler") or "")
