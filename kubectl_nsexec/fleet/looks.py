"""One look at the containers of many nodes: a helper pod for each, a few at a time. Nothing is entered."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING, NamedTuple

from kubectl_nsexec.cpus import policy as cpu_policy
from kubectl_nsexec.errors import ApiError, HelperPodError, NsexecError
from kubectl_nsexec.fleet.helper_watch import HelperWatch
from kubectl_nsexec.fleet.resolve import LANES
from kubectl_nsexec.fleet.setting import Ending
from kubectl_nsexec.helper import creation, rbac
from kubectl_nsexec.helper.config_map import ask_unless_there, is_there
from kubectl_nsexec.helper.manifest import LIFE_SLACK_SECONDS, TARGET_ANNOTATION
from kubectl_nsexec.helper.preflight import Preflight
from kubectl_nsexec.model.background import Background, each
from kubectl_nsexec.model.deadline import Deadline
from kubectl_nsexec.session import node_facts, plan, survey
from kubectl_nsexec.session.context import Context
from kubectl_nsexec.ui.interrupts import Interrupts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kubectl_nsexec.cpus.profiles import ProfilesResult
    from kubectl_nsexec.cpus.survey import Survey
    from kubectl_nsexec.helper.config_map import HelperProgram
    from kubectl_nsexec.helper.reaper import Reaper
    from kubectl_nsexec.kube import Cluster
    from kubectl_nsexec.model.request import Request
    from kubectl_nsexec.session.plan import Plan
    from kubectl_nsexec.target.container_choice import Target
    from kubectl_nsexec.ui.console import Console

AT_ONCE = 4
"""Nodes that are looked at at a time."""
_SLICE_SECONDS = 0.5
"""See engine: a signal is answered in the main thread, when it is not waiting."""
_CLOSE_SECONDS = 15.0
"""How long the deletion of helper pods may take after a signal; the reaper goes on after that."""


class _Node(NamedTuple):
    plan: Plan
    targets: Sequence[Target]


class NodeLooks:
    """See ``check.on_node.Looks``."""

    def __init__(self, request: Request, cluster: Cluster, console: Console, reaper: Reaper) -> None:
        """``request``: of which CPUs, helper namespace, image and time-out count."""
        self._request = request
        self._cluster = HelperWatch(cluster, request.helper_namespace)
        self._console = console
        self._reaper = reaper
        self._ending = Ending()
        self._ending.then(self._cluster.end)

    def look(self, targets: Sequence[Target]) -> Mapping[str, Survey | str]:
        """Node → what it says, or why it could not be looked at. Every helper pod ends with this call.

        Raises the NsexecError family for what has nothing to do with one node or with rights.
        """
        if not targets:
            return {}
        by_node: dict[str, list[Target]] = {}
        for target in targets:
            by_node.setdefault(target.node, []).append(target)
        preflight = Preflight(self._cluster, self._request.helper_namespace, self._request.program.split()[0])
        preflight.ask(*rbac.for_helper(self._request.helper_namespace), rbac.Right("get", "nodes"))
        preflight.ask_who()
        planned = self._planned(by_node, plan.profiles(self._cluster, self._request), preflight)
        nodes = [_Node(made, by_node[name]) for name, made in planned.items() if not isinstance(made, NsexecError)]
        answers: dict[str, Survey | NsexecError] = {
            name: made for name, made in planned.items() if isinstance(made, NsexecError)
        }
        try:
            missing = self._missing_programs(nodes, preflight)
            preflight.require()
            self._make_programs(missing, nodes)
        except (ApiError, HelperPodError) as error:
            self._console.say(error.rendered())
            answers |= dict.fromkeys(by_node, error)
        else:
            looked = self._until_done(nodes)
            answers |= {node.plan.target.node: answer for node, answer in zip(nodes, looked, strict=True)}
        return {name: _first_line(answer) for name, answer in answers.items()}

    def _planned(
        self, by_node: Mapping[str, Sequence[Target]], profiles: ProfilesResult, preflight: Preflight
    ) -> Mapping[str, Plan | NsexecError]:
        request, names = self._request, [*by_node]

        def planned(name: str) -> Plan:
            facts = node_facts.read(self._cluster, request, name)
            policy = cpu_policy.decide(request.cpus, profiles, facts.object, facts.configz)
            first, more = by_node[name][0], len(by_node[name]) - 1
            made = plan.for_target(request, first, facts, policy, preflight.user())
            target = made.helper.annotations[TARGET_ANNOTATION] + (f" and {more} more" if more else "")
            helper = made.helper._replace(
                annotations={**made.helper.annotations, TARGET_ANNOTATION: target},
                life_seconds=math.ceil(2 * request.timeout_seconds) + LIFE_SLACK_SECONDS,
            )
            return made._replace(helper=helper, program_is_there=True)  # it is made before

        return dict(zip(names, each(planned, names, LANES), strict=True))

    def _missing_programs(self, nodes: Sequence[_Node], preflight: Preflight) -> list[HelperProgram]:
        programs = {node.plan.program.architecture: node.plan.program for node in nodes}
        namespace = self._request.helper_namespace

        def there(program: HelperProgram) -> bool:
            return ask_unless_there(lambda: is_there(self._cluster, namespace, program), preflight, namespace)

        return [program for program in programs.values() if not there(program)]

    def _make_programs(self, missing: Sequence[HelperProgram], nodes: Sequence[_Node]) -> None:
        for program in missing:
            spec = next(node.plan.helper for node in nodes if node.plan.program == program)
            creation.provide_program(self._cluster, spec, Deadline.after(self._request.timeout_seconds))

    def _until_done(self, nodes: Sequence[_Node]) -> Sequence[Survey | NsexecError]:
        """The main thread waits here; a signal ends all looks before it goes on."""
        done = threading.Event()  # not by the thread's join, which takes it for ended once a signal has come into it

        def all_of_them() -> Sequence[Survey | NsexecError]:
            try:
                return each(self._one, nodes, AT_ONCE)
            finally:
                done.set()

        running = Background(all_of_them)
        try:
            while not done.wait(_SLICE_SECONDS):
                pass
        except BaseException:
            self._ending.begin("ended by a signal")
            done.wait(_CLOSE_SECONDS)
            raise
        return running.result()

    def _one(self, node: _Node) -> Survey:
        if self._ending.cause:
            raise HelperPodError(self._ending.cause)
        deadline = self._ending.deadline(self._request.timeout_seconds)
        # Signals come in the main thread only, which waits for this one.
        context = Context(self._request, self._cluster, node.plan, deadline, self._console, Interrupts(), self._reaper)
        return survey.of_node(context, node.targets)


def _first_line(answer: Survey | NsexecError) -> Survey | str:
    return answer.message.partition("\n")[0] if isinstance(answer, NsexecError) else answer
