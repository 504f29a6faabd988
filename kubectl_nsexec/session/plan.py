"""What one run will do, from reads alone: nothing is created before all of this is settled."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from kubectl_nsexec.cpus import policy as cpu_policy
from kubectl_nsexec.cpus.profiles import ProfilesApiMissing, ProfilesForbidden, ProfilesFound, ProfilesResult
from kubectl_nsexec.errors import ApiError, NsexecError
from kubectl_nsexec.helper import audit, rbac, sharing
from kubectl_nsexec.helper.config_map import HelperProgram, ask_unless_there, is_there
from kubectl_nsexec.helper.manifest import (
    LIFE_SLACK_SECONDS,
    MAX_LIFE_SECONDS,
    NAME_PREFIX,
    HelperSpec,
    new_folder,
    new_id,
)
from kubectl_nsexec.helper.preflight import Preflight
from kubectl_nsexec.kube.api import list_performance_profiles, runtime_handler, serves_performance_profiles
from kubectl_nsexec.model import via
from kubectl_nsexec.model.background import Background
from kubectl_nsexec.model.cpu_choice import BY_NODE
from kubectl_nsexec.model.http import FORBIDDEN
from kubectl_nsexec.model.resource_reference import POD, parse
from kubectl_nsexec.protocol import commands
from kubectl_nsexec.session import node_facts
from kubectl_nsexec.target import container_choice, find_pod
from kubectl_nsexec.ui.waiting import NOBODY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kubectl_nsexec.cpus.policy import Policy
    from kubectl_nsexec.kube import Cluster
    from kubectl_nsexec.model.request import Request
    from kubectl_nsexec.session.node_facts import NodeFacts
    from kubectl_nsexec.target.container_choice import Target
    from kubectl_nsexec.ui.waiting import Waiting


class Plan(NamedTuple):
    """Target, CPUs and helper pod of one run. ``images``: what the helper may run, best first."""

    target: Target
    policy: Policy
    helper: HelperSpec
    shared: HelperSpec | None
    """The helper that is shared with other runs, where one is wanted."""
    images: tuple[str, ...]
    nonce: str
    address: str
    """Where the node is reached by ssh."""
    program: HelperProgram
    program_is_there: bool
    """Known to be in the helper's namespace; False also where nobody has looked."""
    audit: Mapping[str, str]
    """Who runs what: see audit.of_run."""
    runtime: str
    """The node's, with its release: v1 Node, status.nodeInfo.containerRuntimeVersion."""


def make(request: Request, cluster: Cluster, waits: Waiting = NOBODY) -> Plan:
    """Asks the API server for everything that the run depends on, side by side where it can.

    ``waits`` is told what for.
    Raises ApiError, TargetError, CpuPolicyError, UsageError, HelperPodError; creates nothing.
    """
    namespace = request.namespace or cluster.namespace
    preflight = Preflight(cluster, request.helper_namespace, request.program.split()[0])
    if request.via.kind == via.POD and not request.keep_seconds:  # one that is kept is there already, as a rule
        preflight.ask(*rbac.for_helper(request.helper_namespace))
    try:
        made, looked = _from_reads(request, cluster, namespace, preflight, waits)
    except NsexecError as error:
        named = parse(request.pod)
        read = [*rbac.for_reading(namespace, named, profiles=asks_for_profiles(request))]
        if request.via.kind == via.POD:  # whether it is there was not found out
            read += rbac.for_new_program(request.helper_namespace)
        preflight.explain(error, [*read, rbac.exec_into(namespace, named.name if named.kind is POD else "")])
        raise
    if request.keep_seconds and made.shared is None and request.via.kind == via.POD:
        preflight.ask(*rbac.for_helper(request.helper_namespace))
    if request.dry_run:
        return made
    waits.on("the API server to say which rights you have")
    if looked:
        made = made._replace(program_is_there=ask_unless_there(looked.result, preflight, request.helper_namespace))
    preflight.require()
    return made


def _from_reads(
    request: Request, cluster: Cluster, namespace: str, preflight: Preflight, waits: Waiting
) -> tuple[Plan, Background[bool] | None]:
    """The plan, and the look for the helper's program where a helper has to be made."""
    found = Background(lambda: profiles(cluster, request))
    by_name = parse(request.pod).kind is POD
    waits.on(f"the API server to find {request.pod}" if by_name else f"a running pod of {request.pod}")
    pod = find_pod.find(cluster, namespace, request.pod, request.pod_running_timeout_seconds)
    chosen = container_choice.resolve(pod, request.container)
    preflight.ask(rbac.exec_into(namespace, chosen.pod))
    preflight.ask_who()  # not before: by now there are connections to spare
    waits.on(f"the API server to tell of node {chosen.node} and its CPUs")
    handler = Background(lambda: runtime_handler(cluster, chosen.runtime_class))
    node = node_facts.read(cluster, request, chosen.node)
    looked = None
    if request.via.kind == via.POD and not request.keep_seconds and not request.dry_run:
        looked = Background(lambda: is_there(cluster, request.helper_namespace, node.program))
    container_choice.refuse_sandbox(chosen.pod, chosen.runtime_class, handler.result())
    policy = cpu_policy.decide(request.cpus, found.result(), node.object, node.configz)
    return for_target(request, chosen, node, policy, preflight.user()), looked


def asks_for_profiles(request: Request) -> bool:
    """Else they might be forbidden, and the answer would not count."""
    return request.cpus.cpus is None and request.cpus.source != BY_NODE


def profiles(cluster: Cluster, request: Request) -> ProfilesResult:
    """Those of the cluster, or why there are none; of every node alike. Raises ApiError."""
    if not asks_for_profiles(request):
        return ProfilesApiMissing()
    try:
        found = list_performance_profiles(cluster)
    except ApiError as error:
        if error.status != FORBIDDEN:
            raise
        return ProfilesForbidden(error.message) if serves_performance_profiles(cluster) else ProfilesApiMissing()
    return ProfilesApiMissing() if found is None else ProfilesFound(tuple(found))


def for_target(request: Request, chosen: Target, node: NodeFacts, policy: Policy, user: str | None) -> Plan:
    """The plan for one target of a node, from what has been read. ``user``: by the API server; None: it does not say.

    Raises UsageError for a helper that is to be kept for nobody in particular.
    """
    nonce = new_id() + new_id()
    images = (request.image,) if request.image else (chosen.image, *node_facts.images(node.object, chosen.image))
    run = audit.of_run(chosen, user, request.privileges, request.command, record_arguments=request.record_arguments)
    known = policy.reserved if isinstance(policy, cpu_policy.CpuPolicy) else None
    helper = HelperSpec(
        name=f"{NAME_PREFIX}{new_id()}",
        namespace=request.helper_namespace,
        node=chosen.node,
        architecture=node.program.architecture,
        image=images[0],
        program=node.program,
        command=tuple(commands.hold_words(nonce, known, request.timeout_seconds)),
        node_tools=not request.image,
        annotations=run,
        folder=new_folder(),
        life_seconds=_life_seconds(request),
    )
    shared = None
    if request.keep_seconds is not None and known and request.via.kind == via.POD:
        words = sharing.hold_words(request.keep_seconds)
        comparable = commands.hold_words(sharing.ANY_NONCE, known, sharing.ANY_PATIENCE_SECONDS)
        shared = sharing.shared(helper, user, comparable=comparable, command=[*helper.command, *words])
    return Plan(
        target=chosen,
        policy=policy,
        helper=helper,
        shared=shared,
        images=images,
        nonce=nonce,
        address=node_facts.address(node.object),
        program=node.program,
        program_is_there=False,
        audit=run,
        runtime=node_facts.runtime(node.object),
    )


def _life_seconds(request: Request) -> int:
    if request.max_duration_seconds is None:
        return MAX_LIFE_SECONDS
    return math.ceil(request.timeout_seconds + request.max_duration_seconds) + LIFE_SLACK_SECONDS
