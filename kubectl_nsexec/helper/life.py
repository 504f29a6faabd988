"""The helper pod's life on the target's node, from creation to deletion."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from kubectl_nsexec.errors import ApiError, HelperPodError, NsexecError
from kubectl_nsexec.helper import config_map, creation
from kubectl_nsexec.helper.reaper import Reaper
from kubectl_nsexec.helper.status import ANOTHER_IMAGE_MAY_DO, awaited, is_running, start_failure
from kubectl_nsexec.kube.api import delete_pod, pod_path
from kubectl_nsexec.model.http import CONFLICT, NOT_FOUND, SERVER_ERROR, Json
from kubectl_nsexec.ui.waiting import NOBODY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import ExitStack

    from kubectl_nsexec.helper.manifest import HelperSpec
    from kubectl_nsexec.kube import Cluster
    from kubectl_nsexec.model.deadline import Deadline
    from kubectl_nsexec.session.context import Context
    from kubectl_nsexec.ui.interrupts import Interrupts
    from kubectl_nsexec.ui.waiting import Waiting

_DELETE_SECONDS = 10.0
_LOOK_AGAIN_SECONDS = 3.0
"""A pod that does not run by then may wait for its program, which somebody else deleted."""


class HelperImageError(HelperPodError):
    """The node cannot use the image: another one may do."""


@contextmanager
def running(
    cluster: Cluster,
    spec: HelperSpec,
    deadline: Deadline,
    interrupts: Interrupts,
    reaper: Reaper | None = None,
    waits: Waiting = NOBODY,
) -> Iterator[Json]:
    """The pod, created and running; deleted on every way out. Yields it as the API server shows it.

    One that is kept has no ``reaper`` and is deleted only when something goes wrong within.

    Raises ApiError when it is refused, HelperPodError when it does not start or could harm a workload.
    """
    reaper = reaper or Reaper()
    may_exist, uid = False, None

    def remove() -> None:
        delete(cluster, spec.namespace, spec.name, uid)
        reaper.gone(spec.namespace, spec.name)

    try:
        with interrupts.deferred():  # a signal between the request and its answer would leave the pod behind
            reaper.expect(spec.namespace, spec.name)
            try:
                pod = creation.create(cluster, spec, deadline)
            except BaseException as error:
                # No answer, or a 5xx: it may have been created all the same; one that is kept, by somebody else, too.
                may_exist = isinstance(error, ApiError) and _is_uncertain(error)
                if may_exist and spec.keeper:
                    own = creation.found_again(cluster, spec)
                    may_exist, uid = own is not None, own and own["metadata"].get("uid")
                if not may_exist:
                    reaper.gone(spec.namespace, spec.name)
                raise
            may_exist, uid = True, pod["metadata"].get("uid")
        _check_resources(cluster, pod)
        yield wait_until_running(cluster, spec, pod, deadline, waits)
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
    context: Context,
    spec: HelperSpec,
    *,
    program_is_there: bool,
) -> Json:
    """The helper pod, ``running`` the first of the plan's images that the node can use; ``stack`` ends that."""
    reaper = None if spec.keeper else context.reaper
    context.waits.on("the API server to create the helper pod")
    if not program_is_there:
        creation.provide_program(context.cluster, spec, context.deadline)
    for attempt, image in enumerate(context.plan.images, start=1):
        name = spec.name if spec.keeper else f"{spec.name}-{attempt}"
        tried = spec._replace(image=image, name=name)
        try:
            helper = running(context.cluster, tried, context.deadline, context.interrupts, reaper, context.waits)
            return stack.enter_context(helper)
        except HelperImageError as error:
            if attempt == len(context.plan.images):
                error.message += "; name an image that the node can run: --image"
                raise
            context.console.notice(f"{error.message}; trying another image of the node")
    raise AssertionError("a plan has at least one image")


def _is_uncertain(error: ApiError) -> bool:
    """Whether what was asked for may have been done."""
    return error.status == 0 or error.status >= SERVER_ERROR


def delete(cluster: Cluster, namespace: str, name: str, uid: str | None = None) -> None:
    """Deletes the helper pod at once, if it is still the one of that uid; that it is gone already is fine.

    Raises HelperPodError naming what stays.
    """
    try:
        delete_pod(cluster, namespace, name, uid, timeout_seconds=_DELETE_SECONDS)
    except ApiError as error:
        if error.status in (NOT_FOUND, CONFLICT):
            return
        raise HelperPodError(
            f"the helper pod could not be deleted: {error.message}; it ends by itself now that we are gone; "
            f"then delete what is left of it: kubectl delete pod {name} -n {namespace}"
        ) from error


def _check_resources(cluster: Cluster, pod: Json) -> None:
    if (pod.get("status") or {}).get("qosClass") != "BestEffort":
        from kubectl_nsexec.helper import quota  # noqa: PLC0415 - as above

        quota.check_resources(cluster, pod)


def wait_until_running(
    cluster: Cluster, spec: HelperSpec, pod: Json, deadline: Deadline, waits: Waiting = NOBODY
) -> Json:
    """The pod, once its container runs. Raises HelperPodError when it never will, or not in time."""
    namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
    fields, version = ("fieldSelector", f"metadata.name={name}"), pod["metadata"].get("resourceVersion")
    while not is_running(pod):
        waits.on(awaited(pod))
        if deadline.expired():
            raise _late(cluster, pod, deadline)
        query = [fields, *([("resourceVersion", version)] if version else [])]
        for event in cluster.watch(
            pod_path(namespace), query, timeout_seconds=min(_left(deadline), _LOOK_AGAIN_SECONDS)
        ):
            if event["type"] == "DELETED":
                raise HelperPodError(f'the helper pod "{name}" was deleted before it ran')
            if event["type"] == "ERROR":  # e.g. the resource version is too old: begin anew
                version = None
                break
            pod = event["object"]
            version = pod["metadata"].get("resourceVersion")
            if is_running(pod):
                return pod
            waits.on(awaited(pod))
            if failure := start_failure(pod):
                kind = HelperImageError if failure.partition(":")[0] in ANOTHER_IMAGE_MAY_DO else HelperPodError
                raise kind(f'the helper pod "{name}" cannot run on node {pod["spec"]["nodeName"]}: {failure}')
        else:
            if not config_map.is_there(cluster, namespace, spec.program):
                config_map.ensure(cluster, namespace, spec.program)
    return pod


def _late(cluster: Cluster, pod: Json, deadline: Deadline) -> HelperPodError:
    namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
    late = f'the helper pod "{name}" did not run within {deadline.allowed_seconds:g}s; '
    if not (pod.get("status") or {}).get("startTime"):  # PodStatus: when the kubelet acknowledged the pod
        node = pod["spec"]["nodeName"]
        late += f"node {node} has not even taken it up: is its kubelet alive (kubectl describe node {node})? "
    return HelperPodError(f"{late}last event: {_last_event(cluster, namespace, name)}; give it longer by --timeout")


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
