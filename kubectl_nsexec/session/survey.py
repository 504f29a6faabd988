"""One look at containers of one node, by a helper pod there: the talk, and what comes of it. Nothing is entered."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from kubectl_nsexec.cpus import node_files, survey, verdict
from kubectl_nsexec.errors import AgentError, PlacementError
from kubectl_nsexec.model.messages import ContainerSeen, SurveyBegun, Surveyed, ThreadsSeen
from kubectl_nsexec.protocol import commands
from kubectl_nsexec.session.handshake import Handshake
from kubectl_nsexec.transport.survey_helper_pod import SurveyHelperPod

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kubectl_nsexec.cpus.survey import Survey
    from kubectl_nsexec.model.cpuset import CpuSet
    from kubectl_nsexec.session.context import Context
    from kubectl_nsexec.target.container_choice import Target
    from kubectl_nsexec.transport.channels import RemoteStream

_MOST_BYTES = 256 * 1024 * 1024
"""Of the kernel's words about threads: hundreds of thousands of them. More is no node."""


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
        containers: list[ContainerSeen] = []
        looks: list[ThreadsSeen] = []
        size_bytes = 0
        while not isinstance(event := self._handshake.next_event(session), Surveyed):
            if isinstance(event, ContainerSeen):
                containers.append(event)
            elif isinstance(event, ThreadsSeen):
                looks.append(event)
                size_bytes += len(event.stat) + len(event.status)
            else:
                raise AgentError(f"the agent answered {type(event).__name__} in the middle of a survey")
            if size_bytes > _MOST_BYTES or len(containers) > len(self._targets):
                raise AgentError("the agent on the node says more than there can be to say")
        try:
            return survey.made(begun, containers, looks, owners)
        except (ValueError, RecursionError) as error:
            raise AgentError(f"what the node says of its threads cannot be read ({error})") from error
