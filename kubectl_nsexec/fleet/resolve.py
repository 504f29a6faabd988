"""Every target resolved and checked, from reads alone: what is the same for many of them is read once."""

from __future__ import annotations

from functools import partial
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

from kubectl_nsexec.cpus import policy as cpu_policy
from kubectl_nsexec.errors import ApiError, NsexecError, TargetError, UsageError
from kubectl_nsexec.fleet.result import Place, Result
from kubectl_nsexec.helper import rbac
from kubectl_nsexec.helper.config_map import ask_unless_there, is_there
from kubectl_nsexec.kube import lists
from kubectl_nsexec.kube.api import runtime_handler
from kubectl_nsexec.model.background import Background, each
from kubectl_nsexec.model.http import FORBIDDEN, NOT_FOUND
from kubectl_nsexec.model.via import LOCAL, POD
from kubectl_nsexec.session import node_facts, plan
from kubectl_nsexec.target import container_choice

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from kubectl_nsexec.cpus.policy import Policy
    from kubectl_nsexec.cpus.profiles import ProfilesResult
    from kubectl_nsexec.helper.config_map import HelperProgram
    from kubectl_nsexec.helper.preflight import Preflight
    from kubectl_nsexec.kube import Cluster
    from kubectl_nsexec.model.http import Json
    from kubectl_nsexec.model.request import Request
    from kubectl_nsexec.session.node_facts import NodeFacts
    from kubectl_nsexec.session.plan import Plan
    from kubectl_nsexec.target.container_choice import Target

LANES = 16
"""So many nodes are read at a time."""
_LIST_ABOVE = 20
"""So many nodes are asked for one by one, by the right to get them; more in a list, by the right to list."""
_LONGER = 4
"""A list that is so many times as long as what is looked for is read no further."""
BY_NODE = "the node itself says which CPUs are reserved"


class Member(NamedTuple):
    """A target in which the command can be started, as far as the API server knows."""

    place: Place
    plan: Plan


class Refused(NamedTuple):
    """One in which it cannot, and why."""

    place: Place
    error: NsexecError


class Resolved(NamedTuple):
    """All of them."""

    members: list[Member]
    not_run: list[Result]
    """Without a container of that name, or not safe (--skip-unsafe)."""
    missing: list[HelperProgram]
    """What the helper pods run, where it has to be made."""


class _Node(NamedTuple):
    facts: NodeFacts
    policy: Policy


def resolve(
    request: Request, cluster: Cluster, pods: Sequence[Json], preflight: Preflight, *, skip_unsafe: bool
) -> Resolved:
    """Creates nothing. Raises the NsexecError family: for a target that is not safe, naming it, too."""
    profiles = Background(lambda: plan.profiles(cluster, request))
    preflight.ask(*(rbac.exec_into(name) for name in sorted({_namespace(pod) for pod in pods})))
    preflight.ask_who()
    containers = request.fleet.containers if request.fleet else ()
    chosen, refused, not_run = _targets(pods, containers or (request.container,))
    handlers = _handlers(cluster, [target.runtime_class for target in chosen])
    nodes = _nodes(cluster, request, sorted({target.node for target in chosen}), profiles.result)
    members: list[Member] = []
    for target in chosen:
        node = nodes[target.node]
        try:
            container_choice.refuse_sandbox(target.pod, target.runtime_class, handlers.get(target.runtime_class, ""))
            if isinstance(node, NsexecError):
                raise node
        except NsexecError as error:
            refused.append(Refused(_place(target, None), error))
            continue
        made = plan.for_target(request, target, node.facts, node.policy, preflight.user())
        members.append(Member(_place(target, node.policy), made))
    if refused and not skip_unsafe:
        raise _refusal(refused)
    not_run += [not_started(each.place, each.error.message, each.error.code) for each in refused]
    return Resolved(members, not_run, _missing_programs(request, cluster, members, preflight))


def not_started(place: Place, cause: str, code: str) -> Result:
    """The result of a target in which nothing was started. ``code``: see Result."""
    return Result(place, None, cause, "", 0.0, None, code=code)


def _targets(
    pods: Sequence[Json], containers: Sequence[str | None]
) -> tuple[list[Target], list[Refused], list[Result]]:
    """Each pod's container of each name; None: its default one."""
    chosen, refused, not_run = [], [], []
    for pod, container in product(pods, containers):
        names = [name for name, _, _ in container_choice.containers(pod["spec"])]
        if container is not None and container not in names:
            cause = f"the pod has no container {container}"
            not_run.append(not_started(_place_in(pod, container), cause, TargetError.code))
            continue
        try:
            chosen.append(container_choice.resolve(pod, container))
        except TargetError as error:
            refused.append(Refused(_place_in(pod, container or (names or [""])[0]), error))
    return chosen, refused, not_run


def _handlers(cluster: Cluster, classes: Sequence[str]) -> Mapping[str, str]:
    named = sorted({*classes} - {""})
    answers = each(partial(runtime_handler, cluster), named, LANES)
    for answer in answers:
        if isinstance(answer, NsexecError):
            raise answer
    return dict(zip(named, map(str, answers), strict=True))


def _nodes(
    cluster: Cluster, request: Request, names: Sequence[str], profiles: Callable[[], ProfilesResult]
) -> Mapping[str, _Node | NsexecError]:
    """Each node, or why nothing can be started on it. Raises what has nothing to do with one node."""
    listed = _listed(cluster, names) if len(names) > _LIST_ABOVE else {}

    def read(name: str) -> _Node:
        facts = node_facts.read(cluster, request, name, listed.pop(name, None))
        if request.via.kind == LOCAL:
            node_facts.refuse_elsewhere(facts.object, name)
        policy = cpu_policy.decide(request.cpus, profiles(), facts.object, facts.configz)
        slim = node_facts.slim(facts)
        if isinstance(policy, cpu_policy.Undecided):
            policy = policy._replace(node=slim.object)
        return _Node(slim, policy)

    answers = each(read, names, LANES)
    for answer in answers:
        if isinstance(answer, UsageError) or (isinstance(answer, ApiError) and answer.status != NOT_FOUND):
            raise answer
    return dict(zip(names, answers, strict=True))


def _listed(cluster: Cluster, names: Sequence[str]) -> dict[str, Json]:
    """Those of the nodes that a list shows, where it may be asked for and is not much longer than they are many."""
    found: dict[str, Json] = {}
    wanted, read = {*names}, 0
    try:
        for page in lists.pages_anew(cluster, "/api/v1/nodes"):
            found |= {name: node for node in page if (name := str(node["metadata"]["name"])) in wanted}
            read += len(page)
            if len(found) == len(wanted) or read > _LONGER * len(names):
                break
    except ApiError as error:
        if error.status != FORBIDDEN:
            raise
    return found


def _missing_programs(
    request: Request, cluster: Cluster, members: Sequence[Member], preflight: Preflight
) -> list[HelperProgram]:
    """Those of the nodes' architectures that are not in the helpers' namespace yet. Raises as ``is_there``."""
    if request.dry_run or request.via.kind != POD:
        return []
    programs = {member.plan.program.architecture: member.plan.program for member in members}
    namespace = request.helper_namespace

    def there(program: HelperProgram) -> bool:
        return ask_unless_there(lambda: is_there(cluster, namespace, program), preflight, namespace)

    return [program for program in programs.values() if not there(program)]


def _refusal(refused: Sequence[Refused]) -> NsexecError:
    """The first one's error, which names it, and says how many more there are."""
    place, error = refused[0]
    others = len(refused) - 1
    more = f" ({others} more pod{'s' if others > 1 else ''} cannot be entered safely)" if others else ""
    error.message = (
        f"{place.namespace}/{place.pod}: {error.message}{more}; nothing was created; --skip-unsafe goes on without"
    )
    return error


def _place(target: Target, policy: Policy | None) -> Place:
    cpus, source = "", BY_NODE if policy is not None else ""
    if isinstance(policy, cpu_policy.CpuPolicy):
        cpus, source = str(policy.reserved), policy.source
    return Place(target.namespace, target.pod, target.container, target.node, cpus, source)


def _place_in(pod: Json, container: str) -> Place:
    return Place(_namespace(pod), str(pod["metadata"]["name"]), container, str(pod["spec"]["nodeName"]), "", "")


def _namespace(pod: Json) -> str:
    return str(pod["metadata"].get("namespace") or "")
