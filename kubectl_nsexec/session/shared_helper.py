"""Sessions in a helper that is kept: found or made, entered, and ended when its user says so."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple

from kubectl_nsexec.cpus.policy import CpuPolicy
from kubectl_nsexec.errors import AgentError, ApiError, HelperPodError, NsexecError
from kubectl_nsexec.helper import config_map, life, rbac, sharing
from kubectl_nsexec.helper.manifest import new_id
from kubectl_nsexec.helper.preflight import Preflight
from kubectl_nsexec.helper.status import is_over
from kubectl_nsexec.kube.api import pod_path
from kubectl_nsexec.model.deadline import Deadline
from kubectl_nsexec.model.http import NOT_FOUND, Json
from kubectl_nsexec.protocol import commands
from kubectl_nsexec.session.handshake import Handshake
from kubectl_nsexec.transport.channels import Links
from kubectl_nsexec.transport.helper_pod import HelperPod, exec_query, open_stream

if TYPE_CHECKING:
    from collections.abc import Callable

    from kubectl_nsexec.helper.manifest import HelperSpec
    from kubectl_nsexec.kube import Cluster
    from kubectl_nsexec.model.cpuset import CpuSet
    from kubectl_nsexec.session.context import Context
    from kubectl_nsexec.session.handshake import StartedCommand
    from kubectl_nsexec.transport.channels import RemoteStream

_PAUSE_SECONDS = 0.5
"""Between two looks at what another client has to bring about."""
_END_SECONDS = 10.0
_NEWS_SECONDS = 3.0


class SharedHelperPod(HelperPod):
    """A Transport through a helper pod that outlives the session, which has a lease of its own.

    That is the session's own stream, whose stdin ends when the client does; where that stdin is the command's, what the
    command does not read would hide its end, so another stream is the lease.
    """

    def __init__(self, context: Context, helper: Json, links: Links) -> None:
        super().__init__(context, helper, links)
        self.opening = b""
        self.lease_is_session = not context.request.stdin
        self._session_id = new_id()
        self._lease: RemoteStream | None = None

    def hold(self) -> RemoteStream:
        """See Transport."""
        plan = self._context.plan
        if not self.lease_is_session:
            lease = self._exec(sharing.lease_words(plan.nonce, self._session_id))
            self._refuse_v4(lease)
            return lease
        if not isinstance(plan.policy, CpuPolicy):
            raise TypeError("a helper is kept only where its CPUs are known")
        self._lease = self._session(plan.policy.reserved, leased=False)
        return self._lease

    def enter(self, cpus: CpuSet) -> RemoteStream:
        """See Transport."""
        return self._lease or self._session(cpus, leased=True)

    def _session(self, cpus: CpuSet, *, leased: bool) -> RemoteStream:
        plan, request, session_id = self._context.plan, self._context.request, self._session_id
        enter = commands.enter_words(plan.nonce, cpus, session_id, plan.target, request.privileges)
        keep_seconds = request.keep_seconds or 0.0
        return self._exec(sharing.session_words(plan.nonce, session_id, keep_seconds, enter, leased=leased))


class _Helper(NamedTuple):
    pod: Json
    new: bool

    @property
    def uid(self) -> str:
        return str(self.pod["metadata"]["uid"])


def started(context: Context, spec: HelperSpec) -> tuple[Handshake, CpuPolicy, StartedCommand] | None:
    """The command, started in the helper that is kept; the caller closes its links.

    The helper is made where there is none, but not only to be ended (``--keep 0``): then None. One whose time ran out
    as we came is replaced, once. Raises the NsexecError family.
    """
    gone = ""
    while helper := _find(context, spec, gone):
        links = Links()
        handshake = Handshake(context, SharedHelperPod(context, helper.pod, links))
        try:
            policy = handshake.hold_lease()
            command = handshake.start_command()
        except BaseException as error:
            links.close()
            if (
                gone
                or helper.new
                or not isinstance(error, NsexecError)
                or not _is_over(context.cluster, helper.pod, error)
            ):
                raise
        else:
            if context.reaper:
                context.reaper.dismiss()
            return handshake, policy, command
        gone = helper.uid
    return None


def _find(
    context: Context, spec: HelperSpec, gone: str, *, sleep: Callable[[float], None] = time.sleep
) -> _Helper | None:
    """The helper of that name, running; ``gone``: the uid of one that is to be replaced."""
    cluster, deadline = context.cluster, context.deadline
    ended: Json | None = None

    def pause() -> None:
        sleep(min(_PAUSE_SECONDS, deadline.remaining_seconds()))

    while not deadline.expired():
        pod = _get(cluster, spec.namespace, spec.name)
        if pod is None:
            if not context.request.keep_seconds:
                return None
            if made := _make_unless_there(context, spec):
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
        found = _Helper(pod, new=False)
        if _runs(cluster, spec, found, deadline):
            return found
    raise HelperPodError(_late(spec, deadline, ended))


def _runs(cluster: Cluster, spec: HelperSpec, helper: _Helper, deadline: Deadline) -> bool:
    """Waits until it runs; False where it is over instead. Raises HelperPodError for another failure."""
    try:
        life.wait_until_running(cluster, spec, helper.pod, deadline)
    except HelperPodError as error:
        if not _is_over(cluster, helper.pod, error):
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


def _make_unless_there(context: Context, spec: HelperSpec) -> _Helper | None:
    """None where another client of the same user was faster."""
    try:
        return _make(context, spec)
    except ApiError as error:
        if error.reason != "AlreadyExists":
            raise
    return None


def _make(context: Context, spec: HelperSpec) -> _Helper:
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
        links = Links()
        stack.callback(links.close)
        Handshake(context, HelperPod(context, pod, links)).hold_lease()
        return _Helper(pod, new=True)


def _get(cluster: Cluster, namespace: str, name: str) -> Json | None:
    try:
        return cluster.request("GET", pod_path(namespace, name))
    except ApiError as error:
        if error.status == NOT_FOUND:
            return None
        raise


def _is_over(cluster: Cluster, helper: Json, error: NsexecError) -> bool:
    """Whether something failed in a helper because its time had run out."""
    if error.code == sharing.GONE:
        return True
    namespace, name = helper["metadata"]["namespace"], helper["metadata"]["name"]
    pod = _get(cluster, namespace, name)
    if pod is None or pod["metadata"]["uid"] != helper["metadata"]["uid"] or is_over(pod):
        return True
    if error.code not in (ApiError.code, AgentError.code):
        return False
    # The runtime knows it first, and the API server a moment later.
    query = [("fieldSelector", f"metadata.name={name}")]
    events = cluster.watch(pod_path(namespace), query, timeout_seconds=_NEWS_SECONDS)
    return any(event["type"] == "DELETED" or is_over(event["object"]) for event in events)


def remove(cluster: Cluster, spec: HelperSpec) -> None:
    """Ends the helper, and its record with it, unless somebody is in it. Raises the NsexecError family."""
    pod = _get(cluster, spec.namespace, spec.name)
    if pod is not None and end(cluster, pod):
        life.delete(cluster, spec.namespace, spec.name, pod["metadata"]["uid"])


def end(cluster: Cluster, pod: Json) -> bool:
    """Ends a helper that is kept, or has ended as we came; False where somebody is in it.

    Raises ApiError, HelperPodError.
    """
    try:
        return _ends(cluster, pod)
    except NsexecError as error:
        if not _is_over(cluster, pod, error):
            raise
        return True


def _ends(cluster: Cluster, pod: Json) -> bool:
    deadline = Deadline.after(_END_SECONDS)
    stream = open_stream(cluster, pod, "exec", exec_query(pod, sharing.END), deadline)
    links = Links()
    links.add(stream)
    try:
        links.wait_for_end(stream, deadline)
    finally:
        links.close()
    return stream.status is not None and stream.status.exit_code == 0
