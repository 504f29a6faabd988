"""The helper pods of a fleet, one for each node."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

from kubectl_nsexec.errors import HelperPodError
from kubectl_nsexec.fleet.helper_watch import HelperWatch
from kubectl_nsexec.fleet.nodes import Node, Nodes, first_plans
from kubectl_nsexec.helper.manifest import LIFE_SLACK_SECONDS, MAX_LIFE_SECONDS, TARGET_ANNOTATION
from kubectl_nsexec.session.handshake import Handshake
from kubectl_nsexec.transport.node_helper_pod import InNodeHelperPod, NodeHelperPod

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import ExitStack

    from kubectl_nsexec.fleet.setting import Setting
    from kubectl_nsexec.model.request import Request
    from kubectl_nsexec.session.context import Context
    from kubectl_nsexec.session.plan import Plan
    from kubectl_nsexec.transport.base import Transport


class Helper(Node[NodeHelperPod]):
    """The way to one node by its helper pod."""

    what = "the helper pod"
    error = HelperPodError

    def __init__(self, setting: Setting, plan: Plan, targets: int) -> None:
        """``plan``: of the first of its ``targets``."""
        super().__init__(setting, for_many(plan, setting.request, targets))

    def transport(self, context: Context, stack: ExitStack) -> Transport:
        """See Node."""
        return InNodeHelperPod(context, stack, self.opened())

    def _made(self) -> NodeHelperPod:
        context = self._context()
        pod = NodeHelperPod(context, self._stack)
        talk = Handshake(context, pod)
        pod.hold(talk)
        self.policy = talk.policy
        return pod

    def _ended(self, made: NodeHelperPod, cause: str) -> None:
        made.common.end(cause)


def helpers(setting: Setting, plans: Sequence[Plan]) -> Nodes:
    """Those of all nodes of ``plans``, one for each target."""
    firsts = first_plans(plans)
    counts = Counter(plan.target.node for plan in plans)
    watch = HelperWatch(setting.cluster, setting.request.helper_namespace)
    setting.ending.then(watch.end)  # also of one node: who waits for its helper pod is not to wait on
    watched = setting._replace(cluster=watch)
    return Nodes(firsts, lambda node, plan: Helper(watched, plan, counts[node]), "a helper pod", Helper.error)


def for_many(plan: Plan, request: Request, targets: int) -> Plan:
    """The plan of a node's helper pod: it names its ``targets``, and lives as long as all of them may take."""
    annotations = {**plan.helper.annotations}
    if targets > 1:
        annotations[TARGET_ANNOTATION] += f" and {targets - 1} more"
    deadline = request.fleet.deadline_seconds if request.fleet else None
    life = max(MAX_LIFE_SECONDS, plan.helper.life_seconds)
    if deadline is not None:
        life = math.ceil(request.timeout_seconds + deadline) + LIFE_SLACK_SECONDS
    helper = plan.helper._replace(annotations=annotations, life_seconds=life)
    return plan._replace(helper=helper, program_is_there=True)  # it has been made
