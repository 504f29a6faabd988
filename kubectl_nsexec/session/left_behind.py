"""What runs have left, as the API server shows it: helper pods, and the ConfigMaps of their programs."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, NamedTuple

from kubectl_nsexec.errors import ApiError
from kubectl_nsexec.helper.manifest import (
    CONTAINER,
    KEEPER_LABEL,
    NAME_PREFIX,
    OWNER,
    OWNER_LABEL,
    TARGET_ANNOTATION,
    USER_ANNOTATION,
)
from kubectl_nsexec.kube.api import JSON
from kubectl_nsexec.model.http import FORBIDDEN, Json
from kubectl_nsexec.model.request import DEFAULT_HELPER_NAMESPACE

if TYPE_CHECKING:
    from kubectl_nsexec.kube import Cluster
    from kubectl_nsexec.model.request import CleanupRequest
    from kubectl_nsexec.ui.console import Console

FINISHED, KEPT = "finished", "kept"
_STATES = {"Succeeded": FINISHED, "Failed": FINISHED, "Running": "running", "Pending": "starting"}
_METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
"""Without the content (KEP-2334)."""


class Helper(NamedTuple):
    """One helper pod, or the ConfigMap of their program. ``result``: what became of it.

    ``state``: finished, ending, running, kept (and running), starting or unknown; of a ConfigMap, unused.
    """

    namespace: str
    name: str
    uid: str
    node: str
    state: str
    age_seconds: int
    target: str
    """``NAMESPACE/POD/CONTAINER``, as the helper says it."""
    user: str
    """Who runs it, by the helper's own word."""
    keeper: str = ""
    """For whom it is kept, as KEEPER_LABEL has it."""
    finalizers: tuple[str, ...] = ()
    """Who may hold its record when it is deleted."""
    result: str = ""
    kind: str = "Pod"


def pods(cluster: Cluster, request: CleanupRequest, console: Console) -> list[Json]:
    """The records of helper pods. Raises ApiError where they may not be listed."""
    found, only_one = _listed(cluster, request, "pods")
    if only_one:
        console.notice(f'only the namespace "{DEFAULT_HELPER_NAMESPACE}" is looked at: you may not list all pods')
    return [pod for pod in found if _is_ours(pod)]


def programs(cluster: Cluster, request: CleanupRequest, console: Console, now: datetime) -> list[Helper]:
    """The ConfigMaps of the helpers' programs, also of other versions, by their metadata alone."""
    try:
        found, _ = _listed(cluster, request, "configmaps", _METADATA)
    except ApiError as error:
        if error.status != FORBIDDEN:
            raise
        console.notice("the programs of helper pods that are gone were not looked for: you may not list ConfigMaps")
        return []
    ours = [each["metadata"] for each in found if str(each["metadata"]["name"]).startswith(NAME_PREFIX)]
    return [
        Helper(
            namespace=metadata["namespace"],
            name=metadata["name"],
            uid=metadata["uid"],
            node="",
            state="unused",
            age_seconds=_age_seconds(metadata, now),
            target="",
            user="",
            finalizers=_finalizers(metadata),
            kind="ConfigMap",
        )
        for metadata in ours
    ]


def helper_of(pod: Json, now: datetime) -> Helper:
    """What the API server's record of a helper pod says."""
    metadata, status = pod["metadata"], pod.get("status") or {}
    annotations = metadata.get("annotations") or {}
    keeper = (metadata.get("labels") or {}).get(KEEPER_LABEL, "")
    state = _STATES.get(status.get("phase", ""), "unknown")
    if keeper and state == "running":
        state = KEPT
    if metadata.get("deletionTimestamp") and state != FINISHED:
        state = "ending"
    return Helper(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        node=pod["spec"].get("nodeName") or "",
        state=state,
        age_seconds=_age_seconds(metadata, now),
        target=annotations.get(TARGET_ANNOTATION, ""),
        user=annotations.get(USER_ANNOTATION, ""),
        keeper=keeper,
        finalizers=_finalizers(metadata),
    )


def fields(helper: Helper) -> dict[str, str | int]:
    """What is shown; the names are those of ``-o json``, which do not change."""
    return {
        "kind": helper.kind,
        "namespace": helper.namespace,
        "name": helper.name,
        "node": helper.node,
        "target": helper.target,
        "user": helper.user,
        "state": helper.state,
        "ageSeconds": helper.age_seconds,
        "result": helper.result,
    }


def _listed(cluster: Cluster, request: CleanupRequest, resource: str, accept: str = JSON) -> tuple[list[Json], bool]:
    """What of ours there is in all namespaces, or in one; and whether it is one only because not all may be listed."""
    query, namespace = [("labelSelector", f"{OWNER_LABEL}={OWNER}")], request.helper_namespace
    if namespace is None:
        try:
            return cluster.request("GET", f"/api/v1/{resource}", query, accept=accept)["items"] or [], False
        except ApiError as error:
            if error.status != FORBIDDEN:
                raise
    path = f"/api/v1/namespaces/{namespace or DEFAULT_HELPER_NAMESPACE}/{resource}"
    return cluster.request("GET", path, query, accept=accept)["items"] or [], namespace is None


def _is_ours(pod: Json) -> bool:
    """Whether a pod with our label looks like one of ours, too: anybody may write a label."""
    containers = pod["spec"].get("containers") or []
    named = str(pod["metadata"]["name"]).startswith(NAME_PREFIX)
    return named and [container.get("name") for container in containers] == [CONTAINER]


def _finalizers(metadata: Json) -> tuple[str, ...]:
    return tuple(metadata.get("finalizers") or ())


def _age_seconds(metadata: Json, now: datetime) -> int:
    created = datetime.strptime(metadata["creationTimestamp"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
    return max(0, int((now - created).total_seconds()))
