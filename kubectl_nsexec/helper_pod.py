"""The helper pod's life on the target's node, from creation to deletion."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from kubectl_nsexec import rights
from kubectl_nsexec.caretaker import Caretaker
from kubectl_nsexec.cluster.api import PATIENCE_SECONDS, delete_pod, pod_path
from kubectl_nsexec.errors import ApiError, HelperPodError, NsexecError
from kubectl_nsexec.helper_manifest import HelperSpec, manifest, namespace_manifest
from kubectl_nsexec.pod_state import IMAGE_FAILURES, is_running, start_failure
from kubectl_nsexec.preflight import Preflight

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import ExitStack

    from kubectl_nsexec.cluster import Cluster
    from kubectl_nsexec.deadline import Deadline
    from kubectl_nsexec.interrupts import Interrupts

Json = dict[str, Any]

_DELETE_SECONDS = 10.0
_FIND_SECONDS = 5.0
_NOT_FOUND, _CONFLICT, _BROKEN = 404, 409, 500


class HelperImageError(HelperPodError):
    """The node cannot use the image: another one may do."""


@contextmanager
def running(
    cluster: Cluster,
    spec: HelperSpec,
    deadline: Deadline,
    interrupts: Interrupts,
    caretaker: Caretaker | None = None,
) -> Iterator[Json]:
    """The pod, created and running; deleted on every way out. Yields it as the API server shows it.

    One that is kept has no ``caretaker`` and is deleted only when something goes wrong within.

    Raises ApiError when it is refused, HelperPodError when it does not start or could harm a workload.
    """
    caretaker = caretaker or Caretaker()
    may_exist, uid = False, None

    def remove() -> None:
        delete(cluster, spec.namespace, spec.name, uid)
        caretaker.gone(spec.namespace, spec.name)

    try:
        with interrupts.deferred():  # a signal between the request and its answer would leave the pod behind
            caretaker.expect(spec.namespace, spec.name)
            try:
                pod = _create(cluster, spec, deadline)
            except BaseException as error:
                # No answer, or a 5xx: it may have been created all the same; one that is kept, by somebody else, too.
                may_exist = isinstance(error, ApiError) and _is_uncertain(error)
                if may_exist and spec.keeper:
                    own = _found_again(cluster, spec)
                    may_exist, uid = own is not None, own and own["metadata"].get("uid")
                if not may_exist:
                    caretaker.gone(spec.namespace, spec.name)
                raise
            may_exist, uid = True, pod["metadata"].get("uid")
        _check_resources(cluster, pod)
        yield wait_until_running(cluster, pod, deadline)
    except BaseException as first:
        with interrupts.deferred():
            try:
                if may_exist:
                    remove()
            except HelperPodError as second:
                if not isinstance(first, NsexecError):
                    raise
                first.message += f"\n{second.rendered()}"
        raise
    if not spec.keeper:
        with interrupts.deferred():
            remove()


def run_one_of(
    stack: ExitStack,
    cluster: Cluster,
    spec: HelperSpec,
    images: Sequence[str],
    deadline: Deadline,
    interrupts: Interrupts,
    remark: Callable[[str], None],
    caretaker: Caretaker | None = None,
) -> tuple[HelperSpec, Json]:
    """The helper pod, ``running`` the first of these images that the node can use; ``stack`` ends that."""
    for attempt, image in enumerate(images, start=1):
        name = spec.name if spec.keeper else f"{spec.name}-{attempt}"
        tried = spec._replace(image=image, name=name)
        try:
            return tried, stack.enter_context(running(cluster, tried, deadline, interrupts, caretaker))
        except HelperImageError as error:
            if attempt == len(images):
                error.message += "; name an image that the node can run: --image"
                raise
            remark(f"{error.message}; trying another image of the node")
    raise AssertionError("a plan has at least one image")


def _create(cluster: Cluster, spec: HelperSpec, deadline: Deadline) -> Json:
    """Creates the pod, and its namespace first where that is missing. Raises ApiError."""
    try:
        return _create_in_namespace(cluster, spec, deadline)
    except ApiError as error:
        if error.reason == "Forbidden":
            Preflight(cluster, spec.namespace).explain_admission(error)
        from kubectl_nsexec import admission  # noqa: PLC0415 - of few runs

        admission.explain(error, spec.namespace)
        raise


def _is_uncertain(error: ApiError) -> bool:
    """Whether what was asked for may have been done."""
    return error.status == 0 or error.status >= _BROKEN


def _create_in_namespace(cluster: Cluster, spec: HelperSpec, deadline: Deadline) -> Json:
    body = manifest(spec)
    try:
        return _posted(cluster, spec, body, deadline)
    except ApiError as error:
        if error.reason == "NotFound" and f'namespaces "{spec.namespace}" not found' in error.message:
            _create_namespace(cluster, spec.namespace)
        elif error.reason != "Forbidden" or 'serviceaccount "default" not found' not in error.message:
            raise
    # A namespace is a moment older than its service account, without which no pod is admitted.
    accounts = f"/api/v1/namespaces/{spec.namespace}/serviceaccounts"
    for _ in cluster.watch(accounts, [("fieldSelector", "metadata.name=default")], timeout_seconds=_left(deadline)):
        break
    return _posted(cluster, spec, body, deadline)


def _posted(cluster: Cluster, spec: HelperSpec, body: Json, deadline: Deadline, *, may_request: bool = True) -> Json:
    """The pod, created; with requests where a quota wants those. Raises ApiError.

    After a 5xx it is asked for again (see cluster.retry), though it may have been created: then its own command, which
    no other run's pod has, says that it is this one.
    """
    patience_seconds = min(PATIENCE_SECONDS, deadline.remaining_seconds())
    try:
        return cluster.request("POST", pod_path(spec.namespace), body=body, patience_seconds=patience_seconds)
    except ApiError as error:
        if error.reason == "AlreadyExists" and (own := _found_again(cluster, spec)):
            return own
        from kubectl_nsexec import admission  # noqa: PLC0415 - as above

        requesting = admission.with_requests(body, error) if may_request else None
        if requesting is None:
            raise
    return _posted(cluster, spec, requesting, deadline, may_request=False)


def _found_again(cluster: Cluster, spec: HelperSpec) -> Json | None:
    """The pod of that name, when it is the one that was asked for; by the right to watch, which a run has anyway."""
    query = [("fieldSelector", f"metadata.name={spec.name}")]
    with suppress(NsexecError):
        for event in cluster.watch(pod_path(spec.namespace), query, timeout_seconds=_FIND_SECONDS):
            found: Json = event["object"]
            own = (found.get("spec") or {}).get("containers") or [{}]
            return found if own[0].get("command") == [*spec.command] else None
    return None


def _create_namespace(cluster: Cluster, name: str) -> None:
    preflight = Preflight(cluster, name)
    preflight.ask(*rights.for_new_namespace(name))
    preflight.require()
    try:
        cluster.request("POST", "/api/v1/namespaces", body=namespace_manifest(name))
    except ApiError as error:
        if error.reason != "AlreadyExists":
            raise


def delete(cluster: Cluster, namespace: str, name: str, uid: str | None = None) -> None:
    """Deletes the helper pod at once, if it is still the one of that uid; that it is gone already is fine.

    Raises HelperPodError naming what stays.
    """
    try:
        delete_pod(cluster, namespace, name, uid, timeout_seconds=_DELETE_SECONDS)
    except ApiError as error:
        if error.status in (_NOT_FOUND, _CONFLICT):
            return
        raise HelperPodError(
            f"the helper pod could not be deleted: {error.message}; it ends by itself now that we are gone; "
            f"then delete what is left of it: kubectl delete pod {name} -n {namespace}"
        ) from error


def _check_resources(cluster: Cluster, pod: Json) -> None:
    if (pod.get("status") or {}).get("qosClass") != "BestEffort":
        from kubectl_nsexec import admission  # noqa: PLC0415 - as above

        admission.check_resources(cluster, pod)


def wait_until_running(cluster: Cluster, pod: Json, deadline: Deadline) -> Json:
    """The pod, once its container runs. Raises HelperPodError when it never will, or not in time."""
    if is_running(pod):
        return pod
    namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
    query = [("fieldSelector", f"metadata.name={name}"), ("resourceVersion", pod["metadata"]["resourceVersion"])]
    while not deadline.expired():
        for event in cluster.watch(pod_path(namespace), query, timeout_seconds=_left(deadline)):
            if event["type"] == "DELETED":
                raise HelperPodError(f'the helper pod "{name}" was deleted before it ran')
            if event["type"] == "ERROR":  # e.g. the resource version is too old: begin anew
                query = query[:1]
                break
            pod = event["object"]
            if is_running(pod):
                return pod
            if failure := start_failure(pod):
                kind = HelperImageError if failure.partition(":")[0] in IMAGE_FAILURES else HelperPodError
                raise kind(f'the helper pod "{name}" cannot run on node {pod["spec"]["nodeName"]}: {failure}')
    late = f'the helper pod "{name}" did not run within {deadline.allowed_seconds:g}s; '
    if not (pod.get("status") or {}).get("startTime"):  # PodStatus: when the kubelet acknowledged the pod
        node = pod["spec"]["nodeName"]
        late += f"node {node} has not even taken it up: is its kubelet alive (kubectl describe node {node})? "
    raise HelperPodError(f"{late}last event: {_last_event(cluster, namespace, name)}; give it longer by --timeout")


def _last_event(cluster: Cluster, namespace: str, name: str) -> str:
    query = [("fieldSelector", f"involvedObject.name={name}")]
    try:
        items = cluster.request("GET", f"/api/v1/namespaces/{namespace}/events", query, timeout_seconds=5)["items"]
    except NsexecError as error:
        return f"none could be read ({error.message})"
    if not items:
        return "none"
    last = max(items, key=lambda item: str(item.get("lastTimestamp") or item.get("eventTime") or ""))
    return f"{last.get('reason')}: {last.get('message')}"


def _left(deadline: Deadline) -> float:
    return max(0.1, deadline.remaining_seconds())
