"""The transport by a helper pod that many sessions of this client are in, one for each target on its node.

It is an ordinary helper pod: its main process holds the lease, which is this client's, and each session is an exec of
its own. What a session leaves behind in the background ends with the helper, after the last of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubectl_nsexec.errors import HelperPodError
from kubectl_nsexec.helper import life
from kubectl_nsexec.helper.manifest import new_id
from kubectl_nsexec.model.deadline import Deadline
from kubectl_nsexec.protocol import commands
from kubectl_nsexec.transport.common_lease import CommonLease
from kubectl_nsexec.transport.helper_pod import HelperPod

if TYPE_CHECKING:
    from contextlib import ExitStack

    from kubectl_nsexec.model.cpuset import CpuSet
    from kubectl_nsexec.model.http import Json
    from kubectl_nsexec.session.context import Context
    from kubectl_nsexec.transport.base import Result, Talk


_LOOKED_SECONDS = 10.0
"""No longer than a session of a single run may take to come; to look anew takes each session tens of milliseconds."""


class NodeHelperPod(HelperPod):
    """The helper pod of a node. ``stack`` closes its streams, and ends the pod after that."""

    pod: Json
    cpus: CpuSet
    """On which everything in it stands."""
    common: CommonLease
    looked_until: Deadline
    """For so long what it saw of the node when it began is told to sessions."""

    def hold(self, talk: Talk[object]) -> None:
        """Creates it, and holds its lease from now on. Raises the NsexecError family."""
        context = self._context
        self.pod = life.run_one_of(
            self._stack, context, context.plan.helper, program_is_there=context.plan.program_is_there
        )
        self._use(self.pod)
        self._stack.callback(self.streams.close)
        self.lease = self._attach()
        self.cpus = talk.hold(self.lease, commands.HOLD)
        self.looked_until = Deadline.after(_LOOKED_SECONDS)
        self.common = CommonLease(self.streams, self.lease)
        self._stack.callback(self.common.close)
        self.common.start()


class InNodeHelperPod(HelperPod):
    """The Transport of one session in ``helper``. ``stack`` closes its own streams."""

    def __init__(self, context: Context, stack: ExitStack, helper: NodeHelperPod) -> None:
        super().__init__(context, stack)
        self._helper = helper

    def start(self, talk: Talk[Result]) -> Result:
        """See Transport."""
        common, node = self._helper.common, self._context.plan.target.node
        if common.ended:
            raise HelperPodError(f"the helper pod on node {node} has ended; nothing was started")
        self._use(self._helper.pod)
        self._stack.callback(self.streams.close)
        self.lease = common.share()
        self._stack.callback(common.give_back, self.lease)
        again = self._helper.looked_until.expired()
        session = self._exec(self._enter_words(self._helper.cpus, new_id(), again=again))
        self.streams.add(self.lease)  # after the session: what came on that is taken before the lease ends it
        return talk.enter(session)
