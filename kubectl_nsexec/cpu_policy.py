"""Which CPUs the command may use, by whose word, and whether the node agrees. Doubt is an error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kubectl_nsexec.cpuset import CpuSet
from kubectl_nsexec.errors import ApiError, CpuPolicyError, UsageError
from kubectl_nsexec.kubelet import POLICY_NONE, parse_configz
from kubectl_nsexec.profiles import ProfilesApiMissing, ProfilesForbidden, ProfilesFound, match_profile, profile_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from kubectl_nsexec.kubelet import KubeletCpus
    from kubectl_nsexec.profiles import ProfilesResult

OPTION = "--cpus"
NAME_THEM = "name the CPUs with --cpus LIST"

_FALLBACK_CPUS = 1024
"""How many CPU numbers to ask for where the node does not publish its capacity; the node cuts them to online ones."""


@dataclass(frozen=True)
class CpuPolicy:
    """The CPUs for everything of ours on the node."""

    reserved: CpuSet
    """What to ask the node for; it cuts this to its online CPUs. With ``nothing_exclusive`` it covers all CPUs."""
    source: str
    isolated: CpuSet | None = None
    nothing_exclusive: bool = False
    """The kubelet's CPU manager policy is ``none``: no container owns a CPU."""
    by_hand: bool = False
    """The user named the CPUs: nobody vouches that they are reserved."""
    notes: tuple[str, ...] = ()
    """Said on stderr."""


def decide(
    cpus_option: str | None,
    profiles: ProfilesResult,
    node: dict[str, Any],
    configz_loader: Callable[[], dict[str, Any]],
) -> CpuPolicy:
    """The policy for ``node`` (a v1 Node as the API's JSON): ``--cpus``, else its profile, else the kubelet.

    ``configz_loader`` fetches the kubelet's configz (``{"kubeletconfig": {…}}``) and may raise ApiError; it is
    asked at most once, and not at all for ``--cpus``. Raises UsageError for a bad ``--cpus``, CpuPolicyError
    when it stays uncertain which CPUs are safe.
    """
    if cpus_option is not None:
        return _on_this_node(from_option(cpus_option), node)
    profile = match_profile(list(profiles.items), node) if isinstance(profiles, ProfilesFound) else None
    if profile is not None:
        return _cross_checked(from_profile(profile), node, configz_loader)
    name = _node_name(node)
    try:
        kubelet = parse_configz(configz_loader())
    except ApiError as error:
        raise CpuPolicyError(
            f"{_why_no_profile(profiles, name)}, and the kubelet's configuration cannot be asked "
            f"({error.message}); {NAME_THEM}, or get leave to read {_rights(profiles)}"
        ) from error
    return from_kubelet(kubelet, profiles, node)


def from_option(text: str) -> CpuPolicy:
    """The policy of ``--cpus LIST``. Raises UsageError for a list that is empty or not a CPU list."""
    try:
        cpus = CpuSet.parse(text)
    except ValueError as error:
        raise UsageError(f"--cpus: {error}") from error
    if not cpus:
        raise UsageError("--cpus: the list is empty; give one such as 0-1,8")
    return CpuPolicy(cpus, OPTION, by_hand=True)


def from_profile(profile: dict[str, Any]) -> CpuPolicy:
    """The policy of a PerformanceProfile (v2, v1 and v1alpha1 have the same ``spec.cpu``).

    Raises CpuPolicyError when ``reserved`` is missing, or shares CPUs with a set that is used otherwise.
    """
    name = profile_name(profile)
    cpu = (profile.get("spec") or {}).get("cpu") or {}
    keys = ("reserved", "isolated", "offlined", "shared", "ovsDpdk")
    try:
        sets = {key: CpuSet.parse(str(cpu.get(key) or "")) for key in keys}
    except ValueError as error:
        raise CpuPolicyError(f'PerformanceProfile "{name}", spec.cpu: {error}; {NAME_THEM}') from error
    reserved = sets.pop("reserved")
    if not reserved:
        raise CpuPolicyError(f'PerformanceProfile "{name}" has no spec.cpu.reserved; {NAME_THEM}')
    for key, other in sets.items():
        if not reserved.isdisjoint(other):
            raise CpuPolicyError(
                f'PerformanceProfile "{name}": spec.cpu.reserved ({reserved}) and spec.cpu.{key} ({other}) '
                f"share {reserved & other}; {NAME_THEM}"
            )
    return CpuPolicy(reserved, f'PerformanceProfile "{name}", spec.cpu.reserved', isolated=sets["isolated"] or None)


def from_kubelet(kubelet: KubeletCpus, profiles: ProfilesResult, node: dict[str, Any]) -> CpuPolicy:
    """The policy by the kubelet's word alone, for a node without a profile.

    A static policy's reservedSystemCPUs may include the CPUs of OVS and the shared ones where the Node Tuning
    Operator wrote it, so it counts only in a cluster that has no PerformanceProfile API at all. Raises
    CpuPolicyError otherwise, and when the kubelet does not publish the set.
    """
    name = _node_name(node)
    if kubelet.policy == POLICY_NONE:
        note = f"no CPU of node {name} is exclusive to any container (its kubelet's CPU manager policy is none)"
        source = "kubelet configz, cpuManagerPolicy none"
        return CpuPolicy(_all_cpus(node), source, nothing_exclusive=True, notes=(note,))
    why = _why_no_profile(profiles, name)
    if kubelet.reserved is None:
        raise CpuPolicyError(
            f"{why}, and the kubelet's CPU manager policy is static without reservedSystemCPUs: "
            f"which CPUs it keeps for the system is not published; {NAME_THEM}"
        )
    if not isinstance(profiles, ProfilesApiMissing):
        raise CpuPolicyError(
            f"{why}; the kubelet's reservedSystemCPUs ({kubelet.reserved}) may include the CPUs of OVS and "
            f"shared ones, so it is not enough; {_next_step(profiles)}"
        )
    return CpuPolicy(kubelet.reserved, "kubelet configz, reservedSystemCPUs")


def _cross_checked(policy: CpuPolicy, node: dict[str, Any], loader: Callable[[], dict[str, Any]]) -> CpuPolicy:
    """A profile may be newer than what runs (no reboot yet, pool paused): compare it with the kubelet."""
    try:
        kubelet = parse_configz(loader())
    except ApiError:
        # Reading configz takes rights on nodes/proxy that few users have; the node's own checkpoint,
        # which the agent reads, stays as the veto.
        return policy
    name = _node_name(node)
    if kubelet.policy == POLICY_NONE:
        found = "the CPU manager policy none"
    elif kubelet.reserved is not None and not policy.reserved <= kubelet.reserved:
        found = f"reservedSystemCPUs {kubelet.reserved}"
    else:
        return policy
    raise CpuPolicyError(
        f"{policy.source} says {policy.reserved} for node {name}, but its kubelet runs with {found}: the profile is "
        f"not what runs there (not rebooted yet, or its pool is paused?); {NAME_THEM}"
    )


def _on_this_node(policy: CpuPolicy, node: dict[str, Any]) -> CpuPolicy:
    """Refuses CPUs that the node cannot have, before anything is created there.

    Capacity counts online CPUs only, and numbers may have gaps (SMT siblings off, CPUs offlined by a profile),
    so only numbers far beyond it are refused here; the node itself does the exact check.
    """
    capacity = _capacity(node)
    if capacity is not None and min(policy.reserved) >= 4 * capacity:
        raise UsageError(f"--cpus {policy.reserved}: node {_node_name(node)} has {capacity} CPUs, numbered from 0")
    return policy


def _why_no_profile(profiles: ProfilesResult, node: str) -> str:
    if isinstance(profiles, ProfilesApiMissing):
        return "this cluster has no PerformanceProfile API"
    if isinstance(profiles, ProfilesForbidden):
        return f"PerformanceProfiles may not be listed ({profiles.message})"
    if not profiles.items:
        return (
            "this cluster has the PerformanceProfile API but no profile in it (with hosted control planes they live "
            "in the management cluster), which does not mean that nothing is isolated"
        )
    return f"none of the PerformanceProfiles ({', '.join(map(profile_name, profiles.items))}) selects node {node}"


def _next_step(profiles: ProfilesFound | ProfilesForbidden) -> str:
    if isinstance(profiles, ProfilesForbidden):
        return f"{NAME_THEM}, or get leave to list performanceprofiles.performance.openshift.io"
    if not profiles.items:
        return f"look up spec.cpu.reserved in the hosting cluster's NodePool and {NAME_THEM}"
    return f"{NAME_THEM}, or correct the nodeSelector of the profile that is meant"


def _rights(profiles: ProfilesResult) -> str:
    rights = "nodes/proxy (verb get)"
    if isinstance(profiles, ProfilesForbidden):
        rights = f"performanceprofiles.performance.openshift.io (verb list) or {rights}"
    return rights


def _all_cpus(node: dict[str, Any]) -> CpuSet:
    capacity = _capacity(node)
    return CpuSet(frozenset(range(_FALLBACK_CPUS if capacity is None else min(2 * capacity, 8192))))


def _capacity(node: dict[str, Any]) -> int | None:
    text = str(((node.get("status") or {}).get("capacity") or {}).get("cpu", ""))
    return int(text) if text.isascii() and text.isdigit() and int(text) > 0 else None


def _node_name(node: dict[str, Any]) -> str:
    return str((node.get("metadata") or {}).get("name", ""))
