"""``--cleanup``: which helper pods there are, which of them are over, and their deletion."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, NamedTuple

from kubectl_nsexec import keeping, kept, output, preflight
from kubectl_nsexec.cluster import load
from kubectl_nsexec.cluster.api import delete_pod, pod_path
from kubectl_nsexec.errors import EXIT_USAGE, ApiError, NsexecError
from kubectl_nsexec.helper_manifest import (
    CONTAINER,
    KEEPER_LABEL,
    NAME_PREFIX,
    OWNER,
    OWNER_LABEL,
    TARGET_ANNOTATION,
    USER_ANNOTATION,
)
from kubectl_nsexec.request import DEFAULT_HELPER_NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kubectl_nsexec.cluster import Cluster
    from kubectl_nsexec.console import Console
    from kubectl_nsexec.request import CleanupRequest

Json = dict[str, Any]

_FORBIDDEN, _NOT_FOUND, _CONFLICT = 403, 404, 409
_FINISHED, _KEPT = "finished", "kept"
_STATES = {"Succeeded": _FINISHED, "Failed": _FINISHED, "Running": "running", "Pending": "starting"}
_NONE_THERE = "nothing to clean up"


class Helper(NamedTuple):
    """One helper pod. ``state``: finished, ending, running, kept (and running), starting or unknown.

    ``result``: what became of it.
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


def run(request: CleanupRequest, console: Console) -> int:
    """Does what ``request`` says and returns the exit status. Raises the NsexecError family."""
    return clean(load(request.connection, console.say), request, console)


def clean(cluster: Cluster, request: CleanupRequest, console: Console) -> int:
    """Lists what helper pods there are and deletes those that are over; the exit status is 1 where that failed.

    Raises ApiError where they may not be listed.
    """
    now = datetime.now(timezone.utc)
    helpers = [helper_of(pod, now) for pod in _pods(cluster, request, console) if is_ours(pod)]
    asks_whose = not request.force and any(helper.state == _KEPT for helper in helpers)
    own = _own_keeper(cluster, console) if asks_whose else ""
    done = [_dealt_with(cluster, helper, request, own, console) for helper in helpers]
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
    return keeping.keeper(user)


def _pods(cluster: Cluster, request: CleanupRequest, console: Console) -> Iterable[Json]:
    query = [("labelSelector", f"{OWNER_LABEL}={OWNER}")]
    if request.helper_namespace is None:
        try:
            return cluster.request("GET", "/api/v1/pods", query)["items"] or ()
        except ApiError as error:
            if error.status != _FORBIDDEN:
                raise
        console.notice(f'only the namespace "{DEFAULT_HELPER_NAMESPACE}" is looked at: you may not list all pods')
    return cluster.request("GET", pod_path(request.helper_namespace or DEFAULT_HELPER_NAMESPACE), query)["items"] or ()


def is_ours(pod: Json) -> bool:
    """Whether a pod with our label looks like one of ours, too: anybody may write a label."""
    containers = pod["spec"].get("containers") or []
    named = str(pod["metadata"]["name"]).startswith(NAME_PREFIX)
    return named and [container.get("name") for container in containers] == [CONTAINER]


def helper_of(pod: Json, now: datetime) -> Helper:
    """What the API server's record of a helper pod says."""
    metadata, status = pod["metadata"], pod.get("status") or {}
    annotations = metadata.get("annotations") or {}
    created = datetime.strptime(metadata["creationTimestamp"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
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
        age_seconds=max(0, int((now - created).total_seconds())),
        target=annotations.get(TARGET_ANNOTATION, ""),
        user=annotations.get(USER_ANNOTATION, ""),
        keeper=keeper,
    )


def _dealt_with(cluster: Cluster, helper: Helper, request: CleanupRequest, own: str, console: Console) -> Helper:
    """``own``: the user's own KEEPER_LABEL."""
    over = request.force or helper.state == _FINISHED
    may_be_idle = helper.state == _KEPT and helper.keeper == own
    if not over and not may_be_idle:
        return helper._replace(result="left")
    if request.dry_run:
        return helper._replace(result="would be deleted" if over else "would be deleted if idle")
    try:
        if not over and not kept.end(cluster, helper.namespace, helper.name):
            return helper._replace(result="left")
    except NsexecError as error:
        return _failed(helper, error, console)
    # The uid: a pod of the same name that is not the one looked at is not touched.
    try:
        delete_pod(cluster, helper.namespace, helper.name, helper.uid)
    except ApiError as error:
        if error.status not in (_NOT_FOUND, _CONFLICT):  # somebody else was faster
            return _failed(helper, error, console)
    return helper._replace(result="deleted")


def _failed(helper: Helper, error: NsexecError, console: Console) -> Helper:
    console.say(f"{error.rendered()} (pod {helper.name} in namespace {helper.namespace})")
    return helper._replace(result="failed")


def _fields(helper: Helper) -> dict[str, str | int]:
    """What is shown; the names are those of ``-o json``, which do not change."""
    return {
        "namespace": helper.namespace,
        "name": helper.name,
        "node": helper.node,
        "target": helper.target,
        "user": helper.user,
        "state": helper.state,
        "ageSeconds": helper.age_seconds,
        "result": helper.result,
    }
