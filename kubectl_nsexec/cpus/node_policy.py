"""The node's own word about its CPUs: the policy where nothing else gives one, a cross-check where something does."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kubectl_nsexec.cpus import owners
from kubectl_nsexec.cpus.kubelet import POLICY_NONE, parse_cpu_manager_state
from kubectl_nsexec.cpus.policy import (
    NAME_THEM,
    NOT_CERTAIN,
    CpuPolicy,
    checked_with,
    contradicted_by,
    cross_check,
    node_name,
)
from kubectl_nsexec.cpus.profiles import ProfilesApiMissing, ProfilesForbidden, next_step, why_none
from kubectl_nsexec.errors import CpuPolicyError, PlacementError
from kubectl_nsexec.model.cpu_choice import BY_KUBELET, BY_NODE
from kubectl_nsexec.model.cpuset import CpuSet
from kubectl_nsexec.model.proof import CrossCheck

if TYPE_CHECKING:
    from kubectl_nsexec.cpus.kubelet import KubeletCpus
    from kubectl_nsexec.cpus.node_files import NodeCpus
    from kubectl_nsexec.cpus.policy import Undecided
    from kubectl_nsexec.model.messages import NodeLook

_FILES = "CRI-O's infra_ctr_cpuset, workload pinning"


class Compared(NamedTuple):
    """What else the node says about a policy's CPUs, in the order in which it was looked at."""

    cross_checks: tuple[CrossCheck, ...] = ()
    warnings: tuple[str, ...] = ()


def decide(undecided: Undecided, look: NodeLook, found: NodeCpus, *, in_pool: bool = True) -> CpuPolicy:
    """The policy by the word of the node, ``found`` being what ``look.sources`` say.

    ``in_pool``: whoever looked is a best-effort pod, which the kubelet keeps off exclusive CPUs; a login is where sshd
    put it, and is warned of later.

    In order: CRI-O's infra_ctr_cpuset and workload pinning, which all have to say the same; the kubelet's
    reservedSystemCPUs without those that the kernel isolates; where the kubelet gives none away, all that are nobody's.
    Raises CpuPolicyError when it stays uncertain which CPUs are reserved, or all are somebody's own; PlacementError
    when the helper pod stands on somebody's own.
    """
    name = node_name(undecided.node)
    state = parse_cpu_manager_state(look.cpu_manager_state)
    if in_pool and state is not None and not look.mask.isdisjoint(state.exclusive):
        raise PlacementError(
            f"node {name} started the helper pod on the CPUs {look.mask}, but its kubelet has given {state.exclusive} "
            "to containers for themselves (cpu_manager_state); nothing was started"
        )
    if found.problems:
        raise CpuPolicyError(f"node {name}: {'; '.join(found.problems)}; {NAME_THEM}")
    forced = undecided.source is not None
    if found.reserved and undecided.source != BY_KUBELET:
        first = found.reserved[0]
        for other in found.reserved[1:]:
            if other.cpus != first.cpus:
                raise _disagree(name, f"{first.source} ({first.cpus})", f"{other.source} ({other.cpus})")
        policy = CpuPolicy(first.cpus, first.source, BY_NODE, forced=forced)
        return policy if undecided.configz is None else checked_with(policy, undecided.configz, undecided.node)
    if undecided.source == BY_NODE:
        raise CpuPolicyError(
            f"node {name} does not say which CPUs are reserved ({_FILES}: neither is set); {NAME_THEM}, "
            "or leave out --cpu-source"
        )
    kubelet = _one_kubelet(name, undecided.configz, found.kubelet)
    if kubelet is None and state is not None and state.policy == POLICY_NONE:
        return _nothing_exclusive(undecided, look, found, "cpu_manager_state, policyName none")
    if kubelet is None:
        raise CpuPolicyError(
            f"{why_none(undecided.profiles, name)}; node {name} does not say it either ({_FILES}: neither is set); and "
            f"its kubelet's configuration was not found there, and cannot be asked for ({undecided.why_no_configz}); "
            f"{NAME_THEM}, or get leave to read {_rights(undecided)}"
        )
    if kubelet.policy == POLICY_NONE:
        return _nothing_exclusive(undecided, look, found, f"{kubelet.source}, cpuManagerPolicy none", kubelet)
    return _from_kubelet(undecided, kubelet, found, look)


def compare(policy: CpuPolicy, found: NodeCpus, node: str) -> Compared:
    """What ``found`` says about ``policy``, which may be of the node's own word.

    Raises CpuPolicyError, naming both sides, for whatever contradicts it, unless the user named the CPUs or the source.
    """
    checks = [
        CrossCheck(claim.source, claim.cpus, agrees=_same(policy, claim.cpus))
        for claim in found.reserved
        if claim.source != policy.source
    ]
    against = [f"{check.source} says {check.cpus}" for check in checks if not check.agrees]
    kubelet = found.kubelet
    if kubelet is not None and policy.by != BY_KUBELET:
        contradiction = contradicted_by(policy, kubelet)
        checks.append(cross_check(kubelet, agrees=not contradiction))
        if contradiction:
            against.append(f"{kubelet.source} says {contradiction}")
    shared = found.shared
    if shared is not None and not policy.nothing_exclusive and not policy.reserved.isdisjoint(shared.cpus):
        checks.append(CrossCheck(shared.source, shared.cpus, agrees=False))
        against.append(f"{shared.source} lets containers use {shared.cpus}")
    against += found.problems
    if against and not (policy.by_hand or policy.forced):
        raise _disagree(node, f"{policy.source} ({policy.reserved})", ", ".join(against))
    return Compared(tuple(checks), tuple(f"{policy.source} says {policy.reserved}, but {words}" for words in against))


def _same(policy: CpuPolicy, cpus: CpuSet) -> bool:
    """Of CPUs named by hand it is enough that all are reserved ones."""
    return policy.reserved <= cpus if policy.by_hand else policy.reserved == cpus


def _disagree(node: str, one: str, others: str) -> CpuPolicyError:
    return CpuPolicyError(
        f"the sources disagree about the reserved CPUs of node {node}: {one}, but {others}: {NOT_CERTAIN}"
    )


def _one_kubelet(node: str, configz: KubeletCpus | None, file: KubeletCpus | None) -> KubeletCpus | None:
    """Its word by the API and by its file, which may be newer than what runs."""
    if configz is not None and file is not None and (configz.policy, configz.reserved) != (file.policy, file.reserved):
        one, other = (f"{k.source} (policy {k.policy}, reservedSystemCPUs {k.reserved})" for k in (configz, file))
        raise _disagree(node, one, other)
    return configz or file


def _nothing_exclusive(
    undecided: Undecided, look: NodeLook, found: NodeCpus, source: str, kubelet: KubeletCpus | None = None
) -> CpuPolicy:
    """All CPUs but those that are somebody's own, whom the kubelet need not know."""
    name = node_name(undecided.node)
    reserved = (kubelet.reserved if kubelet else None) or (found.reserved[0].cpus if found.reserved else CpuSet())
    state = parse_cpu_manager_state(look.cpu_manager_state)
    own = owners.find(look.claims, state, online=look.online, reserved=reserved)
    free = owners.choose(look.online, own.all)
    whose = own.whose(look.online)
    if not free:
        raise CpuPolicyError(
            f"the kubelet of node {name} gives no CPU away ({source}), but none of its CPUs {look.online} is left for "
            f"the command: {whose}; nothing was started. Next: say which CPUs are for the system, in the kubelet's "
            f"reservedSystemCPUs or in CRI-O's infra_ctr_cpuset, or free some and {NAME_THEM}"
        )
    note = f"no CPU of node {name} is exclusive to any container (its kubelet's CPU manager policy is none)"
    if whose:
        note = (
            f"the kubelet of node {name} gives no CPU away (its CPU manager policy is none), but {whose}: "
            "those are left alone"
        )
    forced = undecided.source is not None
    return CpuPolicy(
        free, source, BY_KUBELET, nothing_exclusive=True, for_system=reserved, forced=forced, notes=(note,)
    )


def _from_kubelet(undecided: Undecided, kubelet: KubeletCpus, found: NodeCpus, look: NodeLook) -> CpuPolicy:
    """The kubelet's reservedSystemCPUs less what is known to be OVS's or shared, and what the kernel isolates.

    Some hide isolated CPUs from the kubelet that way (StarlingX), so being in it does not make them the system's.

    The Node Tuning Operator adds those to it, so without a profile to take them from it counts only in a cluster
    that has no PerformanceProfile API at all.
    """
    name = node_name(undecided.node)
    why = why_none(undecided.profiles, name)
    if kubelet.reserved is None:
        raise CpuPolicyError(
            f"{why}, and the kubelet's CPU manager policy is static without reservedSystemCPUs ({kubelet.source}): "
            f"which CPUs it keeps for the system is not published; {NAME_THEM}"
        )
    if undecided.not_reserved is None and not isinstance(undecided.profiles, ProfilesApiMissing):
        raise CpuPolicyError(
            f"{why}; node {name} does not say it either ({_FILES}: neither is set); the kubelet's reservedSystemCPUs "
            f"({kubelet.reserved}, {kubelet.source}) may include the CPUs of OVS and shared ones, so it is not enough; "
            f"{next_step(undecided.profiles)}"
        )
    shared = found.shared.cpus if found.shared else CpuSet()
    others = ((undecided.not_reserved or CpuSet()) | shared) & kubelet.reserved
    isolated = owners.find(look.claims, None, online=look.online).kernel & kubelet.reserved
    source = f"{kubelet.source}, reservedSystemCPUs"
    without: list[str] = []
    notes: tuple[str, ...] = ()
    if not kubelet.reserved - others - isolated:
        what = [f"OVS's or shared ({others})"] * bool(others) + [f"isolated by the kernel ({isolated})"] * bool(
            isolated
        )
        raise CpuPolicyError(f"{source} ({kubelet.reserved}): all of them are {' or '.join(what)}; {NAME_THEM}")
    if isolated:
        notes = (f"{source} says {kubelet.reserved}, of which the kernel isolates {isolated}: those are left alone",)
        without.append(f"without {isolated}, which the kernel isolates")
    if others:
        without.append(f"without {others}, which are OVS's or shared")
    reserved = kubelet.reserved - others - isolated
    source = " ".join([source, ", and ".join(without)]).strip()
    return CpuPolicy(reserved, source, BY_KUBELET, forced=undecided.source is not None, notes=notes)


def _rights(undecided: Undecided) -> str:
    rights = "nodes/proxy (verb get)"
    if isinstance(undecided.profiles, ProfilesForbidden):
        rights = f"performanceprofiles.performance.openshift.io (verb list) or {rights}"
    return rights
