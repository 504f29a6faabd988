"""What one run will do, from reads alone: nothing is created before all of this is settled."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from kubectl_nsexec import node
from kubectl_nsexec.cpus import policy as cpu_policy
from kubectl_nsexec.cpus.profiles import ProfilesApiMissing, ProfilesForbidden, ProfilesFound, ProfilesResult
from kubectl_nsexec.errors import ApiError, HelperPodError, NsexecError, TargetError
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
from kubectl_nsexec.model.http import FORBIDDEN, Json
from kubectl_nsexec.model.resource_reference import POD, parse
from kubectl_nsexec.protocol import commands
from kubectl_nsexec.target import container_choice, find_pod

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kubectl_nsexec.cpus.policy import Policy
    from kubectl_nsexec.kube import Cluster
    from kubectl_nsexec.model.request import Request
    from kubectl_nsexec.target.container_choice import Target

_FALLBACK_IMAGES = 3
_PLATFORM_IMAGES = (
    "registry.k8s.io/",
    "quay.io/openshift-release-dev/",
    "registry.redhat.io/",
    "registry.ci.openshift.org/",
)
"""Where the images of a node's own pods come from, also by way of a mirror: the node pulls them without a namespace's
secrets."""
_ADDRESS_KINDS = ("InternalIP", "Hostname")
_OS_LABEL = "kubernetes.io/os"


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


def make(request: Request, cluster: Cluster) -> Plan:
    """Asks the API server for everything that the run depends on, side by side where it can.

    Raises ApiError, TargetError, CpuPolicyError, UsageError, HelperPodError; creates nothing.
    """
    namespace = request.namespace or cluster.namespace
    preflight = Preflight(cluster, request.helper_namespace, request.program.split()[0])
    if request.via.kind == via.POD and not request.keep_seconds:  # one that is kept is there already, as a rule
        preflight.ask(*rbac.for_helper(request.helper_namespace))
    try:
        made, looked = _from_reads(request, cluster, namespace, preflight)
    except NsexecError as error:
        named = parse(request.pod)
        read = [*rbac.for_reading(namespace, named, profiles=_asks_for_profiles(request))]
        if request.via.kind == via.POD:  # whether it is there was not found out
            read += rbac.for_new_program(request.helper_namespace)
        preflight.explain(error, [*read, rbac.exec_into(namespace, named.name if named.kind is POD else "")])
        raise
    if request.keep_seconds and made.shared is None and request.via.kind == via.POD:
        preflight.ask(*rbac.for_helper(request.helper_namespace))
    if request.dry_run:
        return made
    if looked:
        made = made._replace(program_is_there=ask_unless_there(looked.result, preflight, request.helper_namespace))
    preflight.require()
    return made


def _from_reads(
    request: Request, cluster: Cluster, namespace: str, preflight: Preflight
) -> tuple[Plan, Background[bool] | None]:
    """The plan, and the look for the helper's program where a helper has to be made."""
    profiles = Background(lambda: _profiles(cluster, request))
    pod = find_pod.find(cluster, namespace, request.pod, request.pod_running_timeout_seconds)
    chosen = container_choice.resolve(pod, request.container)
    preflight.ask(rbac.exec_into(namespace, chosen.pod))
    preflight.ask_who()  # not before: by now there are connections to spare
    handler = Background(lambda: runtime_handler(cluster, chosen.runtime_class))
    configz = Background(lambda: _configz(cluster, request, chosen.node))
    node_object = cluster.request("GET", f"/api/v1/nodes/{chosen.node}")
    _check_node(node_object, chosen.node, kubelet_wanted=request.via.kind == via.POD)
    program, looked = _program(node_object), None
    if request.via.kind == via.POD and not request.keep_seconds and not request.dry_run:
        looked = Background(lambda: is_there(cluster, request.helper_namespace, program))
    container_choice.refuse_sandbox(chosen.pod, chosen.runtime_class, handler.result())
    policy = cpu_policy.decide(request.cpus, profiles.result(), node_object, configz.result)
    return _plan(request, chosen, policy, node_object, program, preflight.user()), looked


def _program(node_object: Json) -> HelperProgram:
    architecture = str(((node_object.get("status") or {}).get("nodeInfo") or {}).get("architecture") or "")
    return HelperProgram(architecture, node.shim(architecture), node.agent_script())


def _asks_for_profiles(request: Request) -> bool:
    """Else it might be forbidden, and its answer would not count."""
    return request.cpus.cpus is None and request.cpus.source != BY_NODE


def _profiles(cluster: Cluster, request: Request) -> ProfilesResult:
    if not _asks_for_profiles(request):
        return ProfilesApiMissing()
    try:
        found = list_performance_profiles(cluster)
    except ApiError as error:
        if error.status != FORBIDDEN:
            raise
        return ProfilesForbidden(error.message) if serves_performance_profiles(cluster) else ProfilesApiMissing()
    return ProfilesApiMissing() if found is None else ProfilesFound(tuple(found))


def _configz(cluster: Cluster, request: Request, node_name: str) -> Json:
    if request.cpus.cpus is not None:  # the user's word needs no other, and the question takes rights that few have
        return {}
    return cluster.request("GET", f"/api/v1/nodes/{node_name}/proxy/configz")


def _check_node(node_object: Json, name: str, *, kubelet_wanted: bool = True) -> None:
    labels = (node_object.get("metadata") or {}).get("labels") or {}
    system = ((node_object.get("status") or {}).get("nodeInfo") or {}).get("operatingSystem") or labels.get(_OS_LABEL)
    if system not in (None, "linux"):
        raise TargetError(
            f"node {name} runs {str(system).capitalize()}: it has no namespaces to enter and no CPU sets; use oc exec"
        )
    conditions = (node_object.get("status") or {}).get("conditions") or []
    ready: Json = next((c for c in conditions if c.get("type") == "Ready"), {})
    if kubelet_wanted and ready.get("status") != "True":
        raise HelperPodError(
            f"node {name} is not ready ({ready.get('reason') or 'no report'}: {ready.get('message') or 'none'}); "
            "no helper pod can be started there"
        )


def _plan(
    request: Request, chosen: Target, policy: Policy, node_object: Json, program: HelperProgram, user: str | None
) -> Plan:
    nonce = new_id() + new_id()
    images = (request.image,) if request.image else (chosen.image, *_images_on(node_object, chosen.image))
    run = audit.of_run(chosen, user, request.privileges, request.command, record_arguments=request.record_arguments)
    known = policy.reserved if isinstance(policy, cpu_policy.CpuPolicy) else None
    helper = HelperSpec(
        name=f"{NAME_PREFIX}{new_id()}",
        namespace=request.helper_namespace,
        node=chosen.node,
        architecture=program.architecture,
        image=images[0],
        program=program,
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
        address=_address(node_object),
        program=program,
        program_is_there=False,
        audit=run,
    )


def _life_seconds(request: Request) -> int:
    if request.max_duration_seconds is None:
        return MAX_LIFE_SECONDS
    return math.ceil(request.timeout_seconds + request.max_duration_seconds) + LIFE_SLACK_SECONDS


def _address(node_object: Json) -> str:
    """The node's own address, else its name in the DNS (v1 Node, status.addresses), else its name."""
    listed = (node_object.get("status") or {}).get("addresses") or []
    found = [str(each.get("address") or "") for kind in _ADDRESS_KINDS for each in listed if each.get("type") == kind]
    return next(filter(None, found), str(node_object["metadata"]["name"]))


def _images_on(node_object: Json, other_than: str) -> list[str]:
    """Some images that are on the node already: the platform's own first, then the smallest.

    What is in them does not matter.
    """
    listed = (node_object.get("status") or {}).get("images") or []
    named = [image for image in listed if image.get("names") and other_than not in image["names"]]

    def rank(image: Json) -> tuple[bool, int]:
        ours = any(str(name).startswith(_PLATFORM_IMAGES) for name in image["names"])
        return not ours, int(image.get("sizeBytes") or 0)

    return [str(image["names"][0]) for image in sorted(named, key=rank)[:_FALLBACK_IMAGES]]
