"""The helper pods of a fleet: one for each node, made when its first target comes and ended after its last."""

from __future__ import annotations

import math
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING

from kubectl_nsexec.errors import HelperPodError, NsexecError
from kubectl_nsexec.fleet.helper_watch import HelperWatch
from kubectl_nsexec.helper.manifest import LIFE_SLACK_SECONDS, MAX_LIFE_SECONDS, TARGET_ANNOTATION
from kubectl_nsexec.session.context import Context
from kubectl_nsexec.session.handshake import Handshake
from kubectl_nsexec.transport.node_helper_pod import NodeHelperPod
from kubectl_nsexec.ui.interrupts import Interrupts

if TYPE_CHECKING:
    from kubectl_nsexec.cpus.policy import CpuPolicy
    from kubectl_nsexec.fleet.setting import Setting
    from kubectl_nsexec.model.request import Request
    from kubectl_nsexec.session.plan import Plan


class Helper:
    """Of one node. Every method is for any thread."""

    def __init__(self, setting: Setting, plan: Plan, targets: int) -> None:
        """``plan``: of the first of its ``targets``."""
        self._setting = setting
        self._plan = for_many(plan, setting.request, targets)
        self._stack = ExitStack()
        self._opening = threading.Lock()
        self._pod: NodeHelperPod | None = None
        self._failure: NsexecError | None = None
        self._over = False
        self.policy: CpuPolicy | None = None
        """The CPUs on which it stands, once it does."""

    def opened(self) -> NodeHelperPod:
        """The helper, which holds; made by whoever comes first. Raises the NsexecError family, for each the same."""
        with self._opening:
            if self._failure is not None:
                raise HelperPodError(self._failure.message, code=self._failure.code)
            if self._over or self._setting.ending.cause:
                raise HelperPodError(self._setting.ending.cause or "the helper pod has ended")
            if self._pod is None:
                try:
                    self._pod = self._made()
                except NsexecError as error:
                    self._failure = error
                    raise
                if self._over:  # meanwhile
                    self._pod.common.end(self._setting.ending.cause or "")
            return self._pod

    def _made(self) -> NodeHelperPod:
        setting = self._setting
        context = Context(
            setting.request,
            setting.cluster,
            self._plan,
            setting.ending.deadline(setting.request.timeout_seconds),
            setting.console,
            Interrupts(),  # signals come in the main thread only, which waits for this one
            setting.reaper,
        )
        pod = NodeHelperPod(context, self._stack)
        talk = Handshake(context, pod)
        pod.hold(talk)
        self.policy = talk.policy
        return pod

    def end(self, cause: str) -> None:
        """Ends whatever runs in it, at once; it is still to be closed."""
        self._over = True
        pod = self._pod
        if pod is not None:
            pod.common.end(cause)

    def close(self) -> None:
        """Ends the pod. Raises HelperPodError naming what stays."""
        with self._opening:
            self._over = True
            self._pod = None  # its buffers would stay as long as the list of all that was closed
            self._stack.close()


class Helpers:
    """Those of all nodes."""

    def __init__(self, setting: Setting, plans: list[Plan]) -> None:
        firsts: dict[str, Plan] = {}
        counts: dict[str, int] = {}
        for plan in plans:
            firsts.setdefault(plan.target.node, plan)
            counts[plan.target.node] = counts.get(plan.target.node, 0) + 1
        # One watch for all; of one alone its own tells as much.
        several = len(firsts) > 1
        cluster = HelperWatch(setting.cluster, setting.request.helper_namespace) if several else setting.cluster
        self._setting = setting._replace(cluster=cluster)
        self._firsts = firsts
        self._counts = counts
        self._made: dict[str, Helper] = {}
        self._making = threading.Lock()

    def on(self, node: str) -> Helper:
        """The one of that node, which may have to be opened."""
        with self._making:
            if node not in self._made:
                self._made[node] = Helper(self._setting, self._firsts[node], self._counts[node])
            return self._made[node]

    def taken(self, node: str) -> Helper | None:
        """The one of that node, for whoever closes it; it is nobody else's any more."""
        with self._making:
            return self._made.pop(node, None)

    def open_ones(self) -> list[str]:
        """The nodes that have one."""
        with self._making:
            return [*self._made]

    def end(self, cause: str) -> None:
        """See Helper."""
        for node in self.open_ones():
            self.on(node).end(cause)


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
