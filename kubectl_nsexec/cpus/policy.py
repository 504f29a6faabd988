"""Which CPUs the command may use, by whose word, and whether the node agrees. Doubt is an error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from kubectl_nsexec.cpus.kubelet import POLICY_NONE, parse_configz
from kubectl_nsexec.cpus.profiles import (
    ProfilesFound,
    gives_by_claims,
    match_profile,
    named_profile,
    next_step,
    profile_name,
    refusal,
    selects,
    why_none,
)
from kubectl_nsexec.errors import ApiError, CpuPolicyError, UsageError
from kubectl_nsexec.model.cpu_choice import BY_HAND, BY_KUBELET, BY_NODE, BY_PROFILE
from kubectl_nsexec.model.cpuset import CpuSet
from kubectl_nsexec.model.proof import CrossCheck

if TYPE_CHECKING:
    from collections.abc import Callable

    from kubectl_nsexec.cpus.kubelet import KubeletCpus
    from kubectl_nsexec.cpus.profiles import ProfilesResult
    from kubectl_nsexec.model.cpu_choice import CpuChoice

OPTION = "--cpus"
NAME_THEM = "name the CPUs with --cpus LIST"
NOT_CERTAIN = (
    "which of them runs there is not certain (not rebooted yet, or its pool is paused?); nothing was started. Next: "
    f"take one side's word by --cpu-source {BY_PROFILE}, {BY_NODE} or {BY_KUBELET}, or {NAME_THEM}"
)


class CpuPolicy(NamedTuple):
    """The CPUs for everything of ours on the node."""

    reserved: CpuSet
    """What to ask the node for; it cuts this to its online CPUs. With ``nothing_exclusive``: all that are nobody's."""
    source: str
    """In words, with the field."""
    by: str = BY_PROFILE
    """Whose word that is: BY_HAND, BY_PROFILE, BY_NODE or BY_KUBELET."""
    nothing_exclusive: bool = False
    """The kubelet's CPU manager policy is ``none``: it gives nobody a CPU; others may (``owners``)."""
    for_system: CpuSet = CpuSet()
    """With ``nothing_exclusive``: the CPUs that somebody reserves for the system all the same."""
    by_claims: bool = False
    """The profile has CPUs given away by claims: a kubelet that gives none away is what it asks for."""
    forced: bool = False
    """The user named the source: what others say to the contrary is a warning."""
    cross_checks: tuple[CrossCheck, ...] = ()
    notes: tuple[str, ...] = ()
    """Said on stderr."""

    @property
    def by_hand(self) -> bool:
        """The user named the CPUs: nobody vouches that they are reserved."""
        return self.by == BY_HAND


class Undecided(NamedTuple):
    """The API side does not know which CPUs are reserved, or was not asked: the node has to say (``node_policy``)."""

    node: dict[str, Any]
    profiles: ProfilesResult
    source: str | None
    """--cpu-source."""
    configz: KubeletCpus | None
    why_no_configz: str = ""
    not_reserved: CpuSet | None = None
    """The CPUs that the node's profile gives to OVS and to shared use; None where no profile is known."""


Policy = CpuPolicy | Undecided


def decide(
    choice: CpuChoice,
    profiles: ProfilesResult,
    node: dict[str, Any],
    configz_loader: Callable[[], dict[str, Any]],
) -> Policy:
    """The policy for ``node`` (a v1 Node as the API's JSON): ``--cpus``, else its profile, else the node has to say.

    ``configz_loader`` fetches the kubelet's configz (``{"kubeletconfig": {…}}``) and may raise ApiError; it is
    asked at most once, and not at all for ``--cpus``. Raises UsageError for a bad ``--cpus`` or ``--profile``,
    CpuPolicyError when it stays uncertain which CPUs are safe.
    """
    if choice.cpus is not None:
        return _on_this_node(from_option(choice.cpus), node)
    profile = None if choice.source == BY_NODE else _profile(choice, profiles, node)
    if profile is not None and choice.source != BY_KUBELET:
        policy = from_profile(profile)._replace(forced=choice.source == BY_PROFILE)
        if not selects(profile, node):
            note = (
                f'PerformanceProfile "{choice.profile}" does not select node {node_name(node)}: taken as --profile says'
            )
            policy = policy._replace(notes=(note,))
        try:
            return checked_with(policy, parse_configz(configz_loader()), node)
        except ApiError:
            # Reading configz takes rights on nodes/proxy that few users have; what the agent reads on the node is
            # compared too, and the kubelet's checkpoint there stays as the veto.
            return policy
    if choice.source == BY_PROFILE:
        words = f"{why_none(profiles, node_name(node))}; {next_step(profiles)}, or leave out --cpu-source"
        raise CpuPolicyError(words) from refusal(profiles)
    configz, why = None, ""
    try:
        configz = parse_configz(configz_loader())
    except ApiError as error:
        why = error.message
    not_reserved = None if profile is None else _not_reserved(profile)
    return Undecided(node, profiles, choice.source, configz, why, not_reserved)


def _profile(choice: CpuChoice, profiles: ProfilesResult, node: dict[str, Any]) -> dict[str, Any] | None:
    if choice.profile is not None:
        return named_profile(profiles, choice.profile)
    return match_profile(list(profiles.items), node) if isinstance(profiles, ProfilesFound) else None


def from_option(text: str) -> CpuPolicy:
    """The policy of ``--cpus LIST``. Raises UsageError for a list that is empty or not a CPU list."""
    try:
        cpus = CpuSet.parse(text)
    except ValueError as error:
        raise UsageError(f"--cpus: {error}") from error
    if not cpus:
        raise UsageError("--cpus: the list is empty; give one such as 0-1,8")
    return CpuPolicy(cpus, OPTION, by=BY_HAND)


def from_profile(profile: dict[str, Any]) -> CpuPolicy:
    """The policy of a PerformanceProfile (v2, v1 and v1alpha1 have the same ``spec.cpu``).

    Raises CpuPolicyError when ``reserved`` is missing, or shares CPUs with a set that is used otherwise.
    """
    name, sets = profile_name(profile), _sets(profile)
    reserved = sets.pop("reserved")
    if not reserved:
        raise CpuPolicyError(f'PerformanceProfile "{name}" has no spec.cpu.reserved; {NAME_THEM}')
    for key, other in sets.items():
        if not reserved.isdisjoint(other):
            raise CpuPolicyError(
                f'PerformanceProfile "{name}": spec.cpu.reserved ({reserved}) and spec.cpu.{key} ({other}) '
                f"share {reserved & other}; {NAME_THEM}"
            )
    source = f'PerformanceProfile "{name}", spec.cpu.reserved'
    return CpuPolicy(reserved, source, by_claims=gives_by_claims(profile))


def _sets(profile: dict[str, Any]) -> dict[str, CpuSet]:
    cpu = (profile.get("spec") or {}).get("cpu") or {}
    keys = ("reserved", "isolated", "offlined", "shared", "ovsDpdk")
    try:
        return {key: CpuSet.parse(str(cpu.get(key) or "")) for key in keys}
    except ValueError as error:
        raise CpuPolicyError(f'PerformanceProfile "{profile_name(profile)}", spec.cpu: {error}; {NAME_THEM}') from error


def _not_reserved(profile: dict[str, Any]) -> CpuSet:
    """What the Node Tuning Operator gives the kubelet beside the reserved CPUs."""
    sets = _sets(profile)
    return sets["shared"] | sets["ovsDpdk"]


def checked_with(policy: CpuPolicy, kubelet: KubeletCpus, node: dict[str, Any]) -> CpuPolicy:
    """The same, compared with what the kubelet runs with: a profile, or a file, may be newer than that.

    Raises CpuPolicyError when they disagree, unless the user chose the source.
    """
    disagreement = contradicted_by(policy, kubelet)
    if disagreement and not policy.forced:
        raise CpuPolicyError(
            f"{policy.source} says {policy.reserved} for node {node_name(node)}, but its kubelet runs with "
            f"{disagreement} ({kubelet.source}): {NOT_CERTAIN}"
        )
    return policy._replace(cross_checks=(cross_check(kubelet, agrees=not disagreement),))


def contradicted_by(policy: CpuPolicy, kubelet: KubeletCpus) -> str:
    """What a kubelet runs with that speaks against a profile's, or the node's, reserved CPUs; "" for nothing.

    Its set may be wider: the Node Tuning Operator adds the CPUs of OVS and the shared ones.
    """
    if kubelet.policy == POLICY_NONE:
        # A profile comes with a static policy, or with claims; CRI-O's part of partitioning needs none.
        return "the CPU manager policy none" if policy.by == BY_PROFILE and not policy.by_claims else ""
    if kubelet.reserved is not None and not policy.reserved <= kubelet.reserved:
        return f"reservedSystemCPUs {kubelet.reserved}"
    return ""


def cross_check(kubelet: KubeletCpus, *, agrees: bool) -> CrossCheck:
    """The kubelet's word, for the proof."""
    if kubelet.policy == POLICY_NONE or kubelet.reserved is None:
        return CrossCheck(f"{kubelet.source}, cpuManagerPolicy {kubelet.policy}", CpuSet(), agrees)
    return CrossCheck(f"{kubelet.source}, reservedSystemCPUs", kubelet.reserved, agrees)


def _on_this_node(policy: CpuPolicy, node: dict[str, Any]) -> CpuPolicy:
    """Refuses CPUs that the node cannot have, before anything is created there.

    Capacity counts online CPUs only, and numbers may have gaps (SMT siblings off, CPUs offlined by a profile),
    so only numbers far beyond it are refused here; the node itself does the exact check.
    """
    capacity = _capacity(node)
    if capacity is not None and min(policy.reserved) >= 4 * capacity:
        raise UsageError(f"--cpus {policy.reserved}: node {node_name(node)} has {capacity} CPUs, numbered from 0")
    return policy


def _capacity(node: dict[str, Any]) -> int | None:
    text = str(((node.get("status") or {}).get("capacity") or {}).get("cpu", ""))
    return int(text) if text.isascii() and text.isdigit() and int(text) > 0 else None


def node_name(node: dict[str, Any]) -> str:
    """metadata.name."""
    return str((node.get("metadata") or {}).get("name", ""))
