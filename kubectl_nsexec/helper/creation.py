"""The helper pod, what it runs and the namespace for both, made where they are missing."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from kubectl_nsexec.errors import ApiError, NsexecError
from kubectl_nsexec.helper import config_map, rbac
from kubectl_nsexec.helper.manifest import manifest, namespace_manifest
from kubectl_nsexec.helper.preflight import Preflight
from kubectl_nsexec.kube.api import PATIENCE_SECONDS, pod_path

if TYPE_CHECKING:
    from collections.abc import Callable

    from kubectl_nsexec.helper.manifest import HelperSpec
    from kubectl_nsexec.kube import Cluster
    from kubectl_nsexec.model.deadline import Deadline
    from kubectl_nsexec.model.http import Json

_Made = TypeVar("_Made")

_FIND_SECONDS = 5.0


def provide_program(cluster: Cluster, spec: HelperSpec, deadline: Deadline) -> None:
    """Makes what the pod runs, and the namespace first where that is missing. Raises ApiError, HelperPodError."""
    try:
        _in_namespace(
            cluster,
            spec.namespace,
            deadline,
            lambda: config_map.ensure(cluster, spec.namespace, spec.program),
        )
    except ApiError as error:
        error.message += (
            f'\nthe helper pods take their program from a ConfigMap in namespace "{spec.namespace}", which has to be '
            "made once: let it in there, choose another namespace by --helper-namespace, or do without by --via ssh"
        )
        raise


def create(cluster: Cluster, spec: HelperSpec, deadline: Deadline) -> Json:
    """Creates the pod, and its namespace first where that is missing. Raises ApiError."""
    body = manifest(spec)
    try:
        return _in_namespace(cluster, spec.namespace, deadline, lambda: _posted(cluster, spec, body, deadline))
    except ApiError as error:
        if error.reason == "Forbidden":
            Preflight(cluster, spec.namespace).explain_admission(error)
        from kubectl_nsexec.helper import quota  # noqa: PLC0415 - of few runs

        quota.explain(error, spec.namespace)
        raise


def _in_namespace(cluster: Cluster, namespace: str, deadline: Deadline, create: Callable[[], _Made]) -> _Made:
    """What ``create`` makes, after the namespace where that is missing, and its service account where that is late."""
    try:
        return create()
    except ApiError as error:
        if error.reason == "NotFound" and f'namespaces "{namespace}" not found' in error.message:
            _create_namespace(cluster, namespace)
        elif error.reason != "Forbidden" or 'serviceaccount "default" not found' not in error.message:
            raise
    # A namespace is a moment older than its service account, without which no pod is admitted.
    accounts, left = f"/api/v1/namespaces/{namespace}/serviceaccounts", max(0.1, deadline.remaining_seconds())
    for _ in cluster.watch(accounts, [("fieldSelector", "metadata.name=default")], timeout_seconds=left):
        break
    return create()


def _posted(cluster: Cluster, spec: HelperSpec, body: Json, deadline: Deadline, *, may_request: bool = True) -> Json:
    """The pod, created; with requests where a quota wants those. Raises ApiError.

    After a 5xx it is asked for again (see kube.retry), though it may have been created: then its own command, which
    no other run's pod has, says that it is this one.
    """
    patience_seconds = min(PATIENCE_SECONDS, deadline.remaining_seconds())
    try:
        return cluster.request("POST", pod_path(spec.namespace), body=body, patience_seconds=patience_seconds)
    except ApiError as error:
        if error.reason == "AlreadyExists" and (own := found_again(cluster, spec)):
            return own
        from kubectl_nsexec.helper import quota  # noqa: PLC0415 - as above

        requesting = quota.with_requests(body, error) if may_request else None
        if requesting is None:
            raise
    return _posted(cluster, spec, requesting, deadline, may_request=False)


def found_again(cluster: Cluster, spec: HelperSpec) -> Json | None:
    """The pod of that name, when it is the one that was asked for; by the right to watch, which a run has anyway."""
    query = [("fieldSelector", f"metadata.name={spec.name}")]
    wanted = manifest(spec)["spec"]["containers"][0]["command"]
    with suppress(NsexecError):
        for event in cluster.watch(pod_path(spec.namespace), query, timeout_seconds=_FIND_SECONDS):
            found: Json = event["object"]
            own = (found.get("spec") or {}).get("containers") or [{}]
            return found if own[0].get("command") == wanted else None
    return None


def _create_namespace(cluster: Cluster, name: str) -> None:
    preflight = Preflight(cluster, name)
    preflight.ask(*rbac.for_new_namespace(name))
    preflight.require()
    try:
        cluster.request("POST", "/api/v1/namespaces", body=namespace_manifest(name))
    except ApiError as error:
        if error.reason != "AlreadyExists":
            raise
