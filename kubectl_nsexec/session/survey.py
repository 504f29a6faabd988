"""One look at containers of one node, by a helper pod there: the talk, and what comes of it. Nothing is entered."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from kubectl_nsexec.cpus import node_files, verdict
from kubectl_nsexec.cpus.survey import Survey, made
from kubectl_nsexec.errors import AgentError, PlacementError
from kubectl_nsexec.model.messages import SurveyBegun
from kubectl_nsexec.protocol import commands
from kubectl_nsexec.session import seen
from kubectl_nsexec.session.handshake import Handshake
from kubectl_nsexec.transport.survey_helper_pod import SurveyHelperPod

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kubectl_nsexec.model.cpuset import CpuSet
    from kubectl_nsexec.session.context import Context
    from kubectl_nsexec.target.container_choice import Target
    from kubectl_nsexec.transport.channels import RemoteStream


def of_node(context: Context, targets: Sequence[Target]) -> Survey:
    """What the node of ``context`` says of its containers ``targets``, by a helper pod that ends with this call.

    Raises the NsexecError family.
    """
    with ExitStack() as stack:
        transport = SurveyHelperPod(context, stack)
        return transport.start(_Talk(Handshake(context, transport), targets))


class _Talk:
    """A Talk, which ends with a Survey where others start a command."""

    def __init__(self, handshake: Handshake, targets: Sequence[Target]) -> None:
        self._handshake = handshake
        self._targets = targets

    def hold(self, lease: RemoteStream, opening: bytes = b"") -> CpuSet:
        """See Talk."""
        return self._handshake.hold(lease, opening)

    def enter(self, session: RemoteStream) -> Survey:
        """See Talk."""
        begun = self._handshake.next_event(session)
        if not isinstance(begun, SurveyBegun):
            raise AgentError(f"the agent answered {type(begun).__name__} instead of SurveyBegun")
        policy = self._handshake.policy
        if not begun.node.mask or not begun.node.mask <= policy.reserved:
            raise PlacementError(
                f'the node placed nsexec on the CPUs "{begun.node.mask}", which is not within {policy.reserved} '
                f"({policy.source}); nothing was looked at"
            )
        owners = verdict.owners_of(policy, begun.node, node_files.read(begun.node.sources))
        session.send_stdin(commands.survey_lines(self._targets))
        found = seen.all_of(lambda: self._handshake.next_event(session), len(self._targets))
        return made(begun, found.understood(owners), owners)
