"""``--cleanup``: what runs have left, which of it nobody needs any more, and its deletion."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from typing import TYPE_CHECKING, NamedTuple

from kubectl_nsexec.errors import EXIT_USAGE, ApiError, NsexecError
from kubectl_nsexec.helper import preflight, sharing
from kubectl_nsexec.helper.config_map import path as config_map_path
from kubectl_nsexec.helper.manifest import (
    CONTAINER,
    KEEPER_LABEL,
    NAME_PREFIX,
    OWNER,
    OWNER_LABEL,
    TARGET_ANNOTATION,
    USER_ANNOTATION,
    program_of,
)
from kubectl_nsexec.kube import load
from kubectl_nsexec.kube.api import JSON, delete, pod_path
from kubectl_nsexec.model.http import CONFLICT, FORBIDDEN, NOT_FOUND, Json
from kubectl_nsexec.model.request import DEFAULT_HELPER_NAMESPACE
from kubectl_nsexec.transport import shared_helper_pod
from kubectl_nsexec.ui import output, waiting

if TYPE_CHECKING:
    from kubectl_nsexec.kube import Cluster
    from kubectl_nsexec.model.request import CleanupRequest
    from kubectl_nsexec.ui.console import Console

_FINISHED, _KEPT = "finished", "kept"
_STATES = {"Succeeded": _FINISHED, "Failed": _FINISHED, "Running": "running", "Pending": "starting"}
_DELETED, _HELD, _WOULD_BE_DELETED = "deleted", "held", "would be deleted"
"""Held: it ends, and whoever set a finalizer has to let its record go."""
_METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
"""Without the content (KEP-2334)."""
_NONE_THERE = "nothing to clean up"


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
    result: str = ""
    kind: str = "Pod"


def run(request: CleanupRequest, console: Console) -> int:
    """Does what ``request`` says and returns the exit status. Raises the NsexecError family."""
    waits = waiting.on_terminal(console, os.environ)
    cluster = load(request.connection, waits.console.say)
    with waits:
        waits.on("the API server to tell of helper pods")
        return clean(cluster, request, waits.console)


def clean(cluster: Cluster, request: CleanupRequest, console: Console) -> int:
    """Lists what helper pods there are and deletes those that are over; then the programs that no helper needs.

    The exit status is 1 where that failed. Raises ApiError where the pods may not be listed.
    """
    now = datetime.now(timezone.utc)
    pods = [pod for pod in _pods(cluster, request, console) if is_ours(pod)]
    helpers = [helper_of(pod, now) for pod in pods]
    asks_whose = not request.force and any(helper.state == _KEPT for helper in helpers)
    own = _own_keeper(cluster, console) if asks_whose else ""
    done = [_dealt_with(cluster, pod, helper, request, own, console) for pod, helper in zip(pods, helpers, strict=True)]
    needed = {
        (helper.namespace, program_of(pod))
        for pod, helper in zip(pods, done, strict=True)
        if helper.result not in (_DELETED, _HELD, _WOULD_BE_DELETED)
    }
    done += [
        _deleted(cluster, config_map_path(program.namespace, program.name), program, request, console)
        for program in _programs(cluster, request, console, now)
        if (program.namespace, program.name) not in needed
    ]
    if request.output or done:
        console.print(output.helper_list([_fields(helper) for helper in done], request.output))
    if all(helper.result == "left" for helper in done):
        console.notice(_NONE_THERE)
    left = [helper for helper in done if helper.result == "left"]
    if left:
        console.notice(f"{len(left)} in use or about to be; --cleanup --force ends these as well, whosever they are")
    return EXIT_USAGE if any(helper.result == "failed" for helper in done) else 0


def _own_keeper(cluster: Cluster, console: Console) -> str:
    """The user's own KEEPER_LABEL; "", which no helper has, where the server does not tell who that is."""
    user = preflight.user_name(cluster)
    if user is None:
        console.notice("whose the kept helpers are is not known: this API server does not tell who you are")
        return ""
    return sharing.keeper(user)


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


def _pods(cluster: Cluster, request: CleanupRequest, console: Console) -> list[Json]:
    found, only_one = _listed(cluster, request, "pods")
    if only_one:
        console.notice(f'only the namespace "{DEFAULT_HELPER_NAMESPACE}" is looked at: you may not list all pods')
    return found


def _programs(cluster: Cluster, request: CleanupRequest, console: Console, now: datetime) -> list[Helper]:
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
            kind="ConfigMap",
        )
        for metadata in ours
    ]


def _age_seconds(metadata: Json, now: datetime) -> int:
    created = datetime.strptime(metadata["creationTimestamp"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
    return max(0, int((now - created).total_seconds()))


def is_ours(pod: Json) -> bool:
    """Whether a pod with our label looks like one of ours, too: anybody may write a label."""
    containers = pod["spec"].get("containers") or []
    named = str(pod["metadata"]["name"]).startswith(NAME_PREFIX)
    return named and [container.get("name") for container in containers] == [CONTAINER]


def helper_of(pod: Json, now: datetime) -> Helper:
    """What the API server's record of a helper pod says."""
    metadata, status = pod["metadata"], pod.get("status") or {}
    annotations = metadata.get("annotations") or {}
    keeper = (metadata.get("labels") or {}).get(KEEPER_LABEL, "")
    state = _STATES.get(status.get("phase", ""), "unknown")
    if keeper and state == "running":
        state = _KEPT
    if metadata.get("deletionTimestamp") and state != _FINISHED:
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
    )


def _dealt_with(
    cluster: Cluster, pod: Json, helper: Helper, request: CleanupRequest, own: str, console: Console
) -> Helper:
    """``own``: the user's own KEEPER_LABEL."""
    over = request.force or helper.state == _FINISHED
    may_be_idle = helper.state == _KEPT and helper.keeper == own
    if not over and not may_be_idle:
        return helper._replace(result="left")
    if not over and request.dry_run:
        return helper._replace(result="would be deleted if idle")
    try:
        if not over and not shared_helper_pod.end(cluster, pod):
            return helper._replace(result="left")
    except NsexecError as error:
        return _failed(helper, error, console)
    return _deleted(cluster, pod_path(helper.namespace, helper.name), helper, request, console)


def _deleted(cluster: Cluster, path: str, helper: Helper, request: CleanupRequest, console: Console) -> Helper:
    if request.dry_run:
        return helper._replace(result=_WOULD_BE_DELETED)
    try:
        # The uid: an object of the same name that is not the one looked at is not touched.
        held = (delete(cluster, path, helper.uid).get("metadata") or {}).get("finalizers") or []
    except ApiError as error:
        if error.status not in (NOT_FOUND, CONFLICT):  # somebody else was faster
            return _failed(helper, error, console)
        held = []
    if not held:
        return helper._replace(result=_DELETED)
    named = ", ".join(f'"{name}"' for name in held)
    console.notice(f"{helper.kind} {helper.name} in namespace {helper.namespace} is held by the finalizer {named}")
    return helper._replace(result=_HELD)


def _failed(helper: Helper, error: NsexecError, console: Console) -> Helper:
    what = f"({helper.kind} {helper.name} in namespace {helper.namespace})"
    console.say(f"{error.rendered()} {what} [{error.code}]")
    return helper._replace(result="failed")


def _fields(helper: Helper) -> dict[str, str | int]:
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
