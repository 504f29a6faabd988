"""What nodes say of the containers on them, in place of what is concluded from the API: ``--on-node``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, Protocol

from kubectl_nsexec.check import tenants
from kubectl_nsexec.check.landing import (
    ANY,
    CERTAIN,
    CGROUP_V1,
    ELSEWHERE,
    FIRST,
    IN_POOL,
    OF_CLAIM,
    SHARED_CPU,
    Landing,
    left_to_runtime,
)
from kubectl_nsexec.check.resources import containers
from kubectl_nsexec.cpus.survey import BY_SPEC, Container, Survey
from kubectl_nsexec.errors import TargetError
from kubectl_nsexec.target import container_choice

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from kubectl_nsexec.check.facts import NodeFacts
    from kubectl_nsexec.check.tenants import Tenants
    from kubectl_nsexec.cpus.threads import Thread
    from kubectl_nsexec.model.http import Json
    from kubectl_nsexec.target.container_choice import Target

_NO_NODE = "it is on no node yet"
_RUNTIMES = re.compile(r"(?:runc|crun|conmon)(?![a-z0-9])")
"""The name of a runtime's process that is on its way into a container: ``runc:[2:INIT]``, ``crun``, ``conmon``."""
_BUSY_SHARE = 0.5
"""In the shared pool real-time threads that wait most of the time are many a driver's and daemon's."""


class Looks(Protocol):
    """How nodes are looked at."""

    def look(self, targets: Sequence[Target]) -> Mapping[str, Survey | str]:
        """Node → what it says of its containers among ``targets``, or why it could not be looked at."""
        ...


class Seen(NamedTuple):
    """One container: as its node shows it, or why that is not known."""

    container: Container | None = None
    survey: Survey | None = None
    unknown: str = ""


class Looked(NamedTuple):
    """A container with all that is to be told of it."""

    target: Target
    container: Container


class OnNodes:
    """What was seen of the containers of ``pods``."""

    def __init__(self, pods: Iterable[Json], looks: Looks) -> None:
        """Looks. Raises the NsexecError family for what has nothing to do with one node."""
        self._targets: dict[tuple[str, str], Target | str] = {}
        for pod in pods:
            for name in _names(pod):
                self._targets[_uid(pod), name] = _target(pod, name)
        found = [target for target in self._targets.values() if not isinstance(target, str)]
        self.nodes = looks.look(found)
        self._by_name: dict[tuple[str, str, str], Container] | None = None

    def of(self, pod: Json, container: str) -> Seen:
        """One that was among the pods."""
        target = self._targets[_uid(pod), container]
        if isinstance(target, str):
            return Seen(unknown=target)
        survey = self.nodes.get(target.node, "it was not looked at")
        if isinstance(survey, str):
            return Seen(unknown=f"node {target.node}: {survey}")
        found = survey.containers.get(target.container_id, "the node did not answer for it")
        if isinstance(found, str):
            return Seen(survey=survey, unknown=f"on node {target.node}: {found}")
        return Seen(found, survey)

    def container(self, namespace: str, pod: str, name: str) -> Container | None:
        """That one, where it could be looked at."""
        if self._by_name is None:
            self._by_name = {(at.namespace, at.pod, at.container): found for at, found in self.looked_at()}
        return self._by_name.get((namespace, pod, name))

    def looked_at(self) -> Iterator[Looked]:
        """All that could be, by namespace, pod and container."""
        targets = [target for target in self._targets.values() if not isinstance(target, str)]
        for target in sorted(targets):
            survey = self.nodes.get(target.node)
            found = survey.containers.get(target.container_id) if isinstance(survey, Survey) else None
            if isinstance(found, Container):
                yield Looked(target, found)


def landing(api: Landing, seen: Container, cgroup: str, node: NodeFacts) -> Landing:
    """Where an exec lands, by the node's word.

    ``api``: by the API's, of what would be better; ``node``: of its runtime's release. ``cgroup``: v1 or v2.
    """
    if api.kind == ELSEWHERE:
        return api
    if not seen.own:
        return Landing(IN_POOL, CERTAIN)
    runtime = (node.runtime_words,) if node.runtime else ()
    if not seen.exec_by:
        kind = OF_CLAIM if api.kind == OF_CLAIM else ANY
        return Landing(
            kind, CERTAIN, cpus=len(seen.own), why=("nothing keeps an exec on one of them", *runtime), better=api.better
        )
    unreliable = ""
    if seen.exec_by == BY_SPEC:
        unreliable = CGROUP_V1 if cgroup == "v1" else left_to_runtime(node)
    shared = seen.exec_on.isdisjoint(seen.own)
    return Landing(
        SHARED_CPU if shared else FIRST,
        CERTAIN,
        min(seen.exec_on) if shared else None,
        len(seen.own),
        unreliable,
        (seen.exec_by, *runtime),
        api.better,
    )


def beside(lands: Landing, seen: Container) -> list[Thread]:
    """The real-time threads of the container that an exec waits for, or that wait for it."""
    if lands.kind == ELSEWHERE:
        return []
    there = seen.real_time_on(seen.allowed if lands.unreliable else seen.exec_on)
    if lands.kind == IN_POOL:
        return [thread for thread in there if _is_busy(thread)]
    return there


def living(lands: Landing, seen: Container) -> list[Thread]:
    """The same, and then whoever else takes half a CPU or more where an exec lands: it takes its share from them."""
    if lands.kind == ELSEWHERE:
        return []
    first, cpus = beside(lands, seen), seen.allowed if lands.unreliable else seen.exec_on
    others = [each for each in seen.threads if not each.real_time and not each.affinity.isdisjoint(cpus)]
    return [*first, *(each for each in others if each.share is not None and each.share >= _BUSY_SHARE)]


def _is_busy(thread: Thread) -> bool:
    """By two looks, or, where there was one only, by whether it ran or could."""
    return thread.state == "R" if thread.share is None else thread.share >= _BUSY_SHARE


def lives(lands: Landing, seen: Container, survey: Survey) -> Tenants:
    """What lives where it lands, by the node's word."""
    there = beside(lands, seen)
    if not there:
        return tenants.Tenants()
    policies = dict.fromkeys(f"{each.policy} {each.priority}" if each.priority else each.policy for each in there)
    harm = tenants.harm(survey.release, survey.rt_runtime_us, stalld=survey.stalld)
    return tenants.Tenants(CERTAIN, tuple(policies), harm)


def stuck(seen: Container) -> list[Thread]:
    """A runtime's processes that are on their way in, can run and do not."""
    return [thread for thread in seen.threads if thread.starving and _RUNTIMES.match(thread.thread)]


def _names(pod: Json) -> list[str]:
    return [str(container.get("name") or "") for _, container in containers(pod.get("spec") or {})]


def _uid(pod: Json) -> str:
    metadata = pod.get("metadata") or {}
    return str(metadata.get("uid") or f"{metadata.get('namespace')}/{metadata.get('name')}")


def _target(pod: Json, container: str) -> Target | str:
    if not (pod.get("spec") or {}).get("nodeName"):
        return _NO_NODE
    try:
        return container_choice.resolve(pod, container)
    except TargetError as error:
        return error.message
