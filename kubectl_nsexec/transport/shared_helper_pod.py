"""The transport by a helper pod that outlives the session (``--keep``), and its end when the user says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubectl_nsexec.cpus.policy import CpuPolicy
from kubectl_nsexec.errors import NsexecError
from kubectl_nsexec.helper import life, shared, sharing
from kubectl_nsexec.helper.manifest import new_id
from kubectl_nsexec.model.deadline import Deadline
from kubectl_nsexec.protocol import commands
from kubectl_nsexec.transport.channels import Links
from kubectl_nsexec.transport.helper_pod import HelperPod, exec_query, open_stream

if TYPE_CHECKING:
    from kubectl_nsexec.helper.manifest import HelperSpec
    from kubectl_nsexec.kube import Cluster
    from kubectl_nsexec.model.cpuset import CpuSet
    from kubectl_nsexec.model.http import Json
    from kubectl_nsexec.session.context import Context
    from kubectl_nsexec.transport.channels import RemoteStream

_END_SECONDS = 10.0


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


def remove(cluster: Cluster, spec: HelperSpec) -> None:
    """Ends the helper, and its record with it, unless somebody is in it. Raises the NsexecError family."""
    pod = shared.get(cluster, spec.namespace, spec.name)
    if pod is not None and end(cluster, pod):
        life.delete(cluster, spec.namespace, spec.name, pod["metadata"]["uid"])


def end(cluster: Cluster, pod: Json) -> bool:
    """Ends a helper that is kept, or has ended as we came; False where somebody is in it.

    Raises ApiError, HelperPodError.
    """
    try:
        return _ends(cluster, pod)
    except NsexecError as error:
        if not shared.has_ended(cluster, pod, error):
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
