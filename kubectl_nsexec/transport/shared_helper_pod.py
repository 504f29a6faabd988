"""The transport by a helper pod that outlives the session (``--keep``), and its end when the user says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubectl_nsexec.cpus.policy import CpuPolicy
from kubectl_nsexec.errors import NsexecError
from kubectl_nsexec.helper import life, shared, sharing
from kubectl_nsexec.helper.manifest import new_id
from kubectl_nsexec.model.deadline import Deadline
from kubectl_nsexec.protocol import commands
from kubectl_nsexec.transport.channels import Streams
from kubectl_nsexec.transport.helper_pod import HelperPod, exec_query, open_stream

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import ExitStack

    from kubectl_nsexec.helper.manifest import HelperSpec
    from kubectl_nsexec.kube import Cluster
    from kubectl_nsexec.model.http import Json
    from kubectl_nsexec.session.context import Context
    from kubectl_nsexec.transport.base import Result, Talk
    from kubectl_nsexec.transport.channels import RemoteStream

_END_SECONDS = 10.0


class SharedHelperPod(HelperPod):
    """The Transport by a helper pod that outlives the session, in which each session has a lease of its own.

    That is the session's own stream, whose stdin ends when the client does; where that stdin is the command's, what the
    command does not read would hide its end, so another stream is the lease.
    """

    def __init__(self, context: Context, stack: ExitStack, spec: HelperSpec) -> None:
        super().__init__(context, stack)
        self._spec = spec

    def start(self, talk: Talk[Result]) -> Result:
        """See Transport.

        The helper is made where there is none, but not only to be ended (``--keep 0``): then the run has one of its
        own. One that ends as we come is replaced, once. That may be as late as between our lease and our session, for
        ``--keep 0`` and ``--cleanup`` of others ask for sessions only (node/shim/server.c): so all of it is done anew.
        """
        gone = ""
        while helper := shared.find(self._context, self._spec, gone, lambda: self._made(talk)):
            self._use(helper.pod)
            try:
                result = self._start_in_it(talk)
            except BaseException as error:
                self.streams.close()
                if gone or helper.new or not isinstance(error, NsexecError):
                    raise
                if not shared.has_ended(self._context.cluster, helper.pod, error):
                    raise
                gone = helper.uid
            else:
                self._leave_at_the_end()
                return result
        return super().start(talk)

    def _made(self, talk: Talk[object]) -> shared.Found | None:
        def hold(pod: Json) -> None:
            self._use(pod)
            try:
                talk.hold(self._attach(), commands.HOLD)
            finally:
                self.streams.close()

        return shared.make_unless_there(self._context, self._spec, hold)

    def _start_in_it(self, talk: Talk[Result]) -> Result:
        plan, session_id = self._context.plan, new_id()
        if not isinstance(plan.policy, CpuPolicy):
            raise TypeError("a helper is kept only where its CPUs are known")
        enter = self._enter_words(plan.policy.reserved, session_id)
        if self._context.request.stdin:
            self.lease = self._exec(sharing.lease_words(plan.nonce, session_id))
            self._refuse_v4(self.lease)
            talk.hold(self.lease)
            return talk.enter(self._session(session_id, enter, leased=True))
        session = self._session(session_id, enter, leased=False)
        talk.hold(session)
        return talk.enter(session)

    def _session(self, session_id: str, enter: Sequence[str], *, leased: bool) -> RemoteStream:
        nonce, keep_seconds = self._context.plan.nonce, self._context.request.keep_seconds or 0.0
        return self._exec(sharing.session_words(nonce, session_id, keep_seconds, enter, leased=leased))

    def _leave_at_the_end(self) -> None:
        if self._context.reaper:
            self._context.reaper.dismiss()
        if not self._context.request.keep_seconds:
            self._stack.callback(remove, self._context.cluster, self._spec)
        self._stack.callback(self.streams.close)


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
    streams = Streams()
    streams.add(stream)
    try:
        streams.wait_for_end(stream, deadline)
    finally:
        streams.close()
    return stream.status is not None and stream.status.exit_code == 0
