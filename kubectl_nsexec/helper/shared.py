"""The helper pod that runs share (``--keep``): found or made, and replaced when its time is over."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple

from kubectl_nsexec.errors import AgentError, ApiError, HelperPodError, NsexecError
from kubectl_nsexec.helper import config_map, life, rbac, sharing
from kubectl_nsexec.helper.preflight import Preflight
from kubectl_nsexec.helper.status import is_over
from kubectl_nsexec.kube.api import pod_path
from kubectl_nsexec.model.http import NOT_FOUND, Json

if TYPE_CHECKING:
    from collections.abc import Callable

    from kubectl_nsexec.helper.manifest import HelperSpec
    from kubectl_nsexec.kube import Cluster
    from kubectl_nsexec.model.deadline import Deadline
    from kubectl_nsexec.session.context import Context
    from kubectl_nsexec.ui.waiting import Waiting

_PAUSE_SECONDS = 0.5
"""Between two looks at what another client has to bring about."""
_NEWS_SECONDS = 3.0


class Found(NamedTuple):
    """A shared helper pod that runs, as the API server shows it; ``new``: this run made it."""

    pod: Json
    new: bool

    @property
    def uid(self) -> str:
        """The pod's metadata.uid."""
        return str(self.pod["metadata"]["uid"])


def find(
    context: Context,
    spec: HelperSpec,
    gone: str,
    make: Callable[[], Found | None],
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> Found | None:
    """The helper of that name, running; None where there is none and none is to stay (``--keep 0``).

    ``gone``: the uid of one that is to be replaced. ``make``: see ``make_unless_there``. Raises the NsexecError family.
    """
    cluster, deadline = context.cluster, context.deadline
    ended: Json | None = None
    context.waits.on(f"the helper pod that is kept on node {spec.node}")

    def pause() -> None:
        sleep(min(_PAUSE_SECONDS, deadline.remaining_seconds()))

    while not deadline.expired():
        pod = get(cluster, spec.namespace, spec.name)
        if pod is None:
            if not context.request.keep_seconds:
                return None
            if made := make():
                return made
            pause()
            continue
        _refuse_strangers(pod, spec)
        uid = str(pod["metadata"]["uid"])
        if uid == gone or is_over(pod):
            asked = ended is not None and ended["metadata"]["uid"] == uid
            if not asked:
                life.delete(cluster, spec.namespace, spec.name, uid)
            elif not _goes(cluster, pod, deadline):
                pause()
            ended = pod
            continue
        found = Found(pod, new=False)
        if _runs(cluster, spec, found, deadline, context.waits):
            return found
    raise HelperPodError(_late(spec, deadline, ended))


def _runs(cluster: Cluster, spec: HelperSpec, helper: Found, deadline: Deadline, waits: Waiting) -> bool:
    """Waits until it runs; False where it is over instead. Raises HelperPodError for another failure."""
    try:
        life.wait_until_running(cluster, spec, helper.pod, deadline, waits)
    except HelperPodError as error:
        if not has_ended(cluster, helper.pod, error):
            raise
        return False
    return True


def _goes(cluster: Cluster, pod: Json, deadline: Deadline) -> bool:
    """Waits for the end of a pod whose deletion was asked for; False where that was not seen."""
    metadata = pod["metadata"]
    query = [
        ("fieldSelector", f"metadata.name={metadata['name']}"),
        ("resourceVersion", str(metadata["resourceVersion"])),
    ]
    path, seconds = pod_path(metadata["namespace"]), max(0.1, deadline.remaining_seconds())
    return any(event["type"] == "DELETED" for event in cluster.watch(path, query, timeout_seconds=seconds))


def _late(spec: HelperSpec, deadline: Deadline, ended: Json | None) -> str:
    """Why there is no helper in time."""
    late = f"within {deadline.allowed_seconds:g}s"
    if ended is None:
        return f'the helper pod "{spec.name}" did not run {late}'
    named = ", ".join(f'"{name}"' for name in ended["metadata"].get("finalizers") or [])
    where = f"pod {spec.name} -n {spec.namespace}"
    return (
        f'the helper pod "{spec.name}" has ended, and its record was not gone {late}: '
        f"{f'the finalizer {named} holds it' if named else 'nobody has removed it'}; "
        f"whoever set that has to let it go (kubectl get {where} -o yaml). Without --keep no such record is needed"
    )


def _refuse_strangers(pod: Json, spec: HelperSpec) -> None:
    if not sharing.is_same(pod, spec):
        raise HelperPodError(
            f'the pod "{spec.name}" has the name of a helper of yours but not its labels, so it is not entered: '
            f"see who made it, then kubectl delete pod {spec.name} -n {spec.namespace}"
        )


def make_unless_there(context: Context, spec: HelperSpec, hold: Callable[[Json], None]) -> Found | None:
    """A new helper, running; None where another client of the same user was faster.

    ``hold`` holds its lease, once, which lets it go on by itself. Raises the NsexecError family.
    """
    try:
        return _make(context, spec, hold)
    except ApiError as error:
        if error.reason != "AlreadyExists":
            raise
    return None


def _make(context: Context, spec: HelperSpec, hold: Callable[[Json], None]) -> Found:
    """A new helper that has all that it needs, and goes on without us; nothing of it stays when that fails."""
    request = context.request
    preflight = Preflight(context.cluster, request.helper_namespace, request.program.split()[0])
    preflight.ask(*rbac.for_helper(request.helper_namespace))
    is_there = config_map.ask_unless_there(
        lambda: config_map.is_there(context.cluster, spec.namespace, spec.program), preflight, spec.namespace
    )
    preflight.require()
    with ExitStack() as stack:
        pod = life.run_one_of(stack, context, spec, program_is_there=is_there)
        hold(pod)
        return Found(pod, new=True)


def get(cluster: Cluster, namespace: str, name: str) -> Json | None:
    """The pod as the API server shows it; None where there is none. Raises ApiError."""
    try:
        return cluster.request("GET", pod_path(namespace, name))
    except ApiError as error:
        if error.status == NOT_FOUND:
            return None
        raise


def has_ended(cluster: Cluster, helper: Json, error: NsexecError) -> bool:
    """Whether something failed in a helper because its time had run out."""
    if error.code == sharing.GONE:
        return True
    namespace, name = helper["metadata"]["namespace"], helper["metadata"]["name"]
    pod = get(cluster, namespace, name)
    if pod is None or pod["metadata"]["uid"] != helper["metadata"]["uid"] or is_over(pod):
        return True
    if not isinstance(error, ApiError) and error.code != AgentError.code:
        return False
    # The runtime knows it first, and the API server a moment later.
    query = [("fieldSelector", f"metadata.name={name}")]
    events = cluster.watch(pod_path(namespace), query, timeout_seconds=_NEWS_SECONDS)
    return any(event["type"] == "DELETED" or is_over(event["object"]) for event in events)
