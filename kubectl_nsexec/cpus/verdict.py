"""The node's answer against the policy: that the command stands where it may, on nobody's own CPUs."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kubectl_nsexec.cpus import owners
from kubectl_nsexec.cpus.kubelet import POLICY_NONE, parse_cpu_manager_state
from kubectl_nsexec.errors import CpuPolicyError, PlacementError
from kubectl_nsexec.model.cpuset import CpuSet

if TYPE_CHECKING:
    from kubectl_nsexec.cpus.kubelet import CpuManagerState
    from kubectl_nsexec.cpus.node_files import NodeCpus
    from kubectl_nsexec.cpus.owners import Owners
    from kubectl_nsexec.cpus.policy import CpuPolicy
    from kubectl_nsexec.model.messages import NodeLook, Started, TargetFacts


class Verdict(NamedTuple):
    """The command may start."""

    owners: Owners
    """Whose CPUs it keeps off."""
    reason: str
    """``Apart``, ``NothingExclusive`` or ``SharedPool``: stable, for scripts."""
    summary: str
    siblings: tuple[CpuSet, CpuSet] | None = None
    """(CPUs of ours that share a core with somebody's own, those); None where no core is shared so."""
    warnings: tuple[str, ...] = ()


def owners_of(policy: CpuPolicy, facts: TargetFacts | NodeLook, found: NodeCpus) -> Owners:
    """Who owns which CPU of the node, now. Raises CpuPolicyError for a checkpoint that cannot be read."""
    state = parse_cpu_manager_state(facts.cpu_manager_state)
    return owners.find(facts.claims, state, online=facts.online, reserved=_reserved(policy, found))


def _reserved(policy: CpuPolicy, found: NodeCpus) -> CpuSet:
    """What is the system's by others' word than the user's (--cpus)."""
    if policy.nothing_exclusive:
        return policy.for_system
    if not policy.by_hand:
        return policy.reserved
    if found.reserved:
        return found.reserved[0].cpus
    return (found.kubelet.reserved if found.kubelet else None) or CpuSet()


def check_on_node(policy: CpuPolicy, facts: TargetFacts, own: Owners) -> Verdict:
    """Compares masks as sets before the command starts.

    Raises PlacementError when our own place is not within the policy, CpuPolicyError when it touches CPUs that
    are, or may be, somebody's own; both name both sides.
    """
    _check_own_place(policy, facts)
    state = parse_cpu_manager_state(facts.cpu_manager_state)
    asked = facts.mask if policy.nothing_exclusive else policy.reserved
    if claimed := asked & own.all:
        raise CpuPolicyError(
            f"{policy.source} gives the CPUs {asked}, but {own.whose(claimed)}: both claim {claimed}; "
            "nothing was started"
        )
    warnings = list(_place_warnings(policy, facts, own))
    ours, theirs = own.neighbours(facts.mask)
    siblings = (ours, theirs) if ours else None
    if siblings:
        warnings.append(f"CPUs {ours} share cores with {theirs}, which are somebody's own: a command slows those down")
    overlap = facts.mask & facts.target_mask
    if not overlap:
        return Verdict(own, "Apart", "apart from the target's CPUs", siblings, tuple(warnings))
    if _nothing_exclusive(policy, state) and not own.all:
        if not policy.nothing_exclusive:
            warnings.append("no CPU of the node is exclusive to any container (CPU manager policy none)")
        return Verdict(own, "NothingExclusive", "nothing on the node is exclusive", siblings, tuple(warnings))
    if not _nothing_exclusive(policy, state):
        _check_overlap(policy, facts, state, own)
    summary = "the target owns no CPU: it runs in the shared pool"
    if state is not None and facts.target_mask.isdisjoint(state.default) and facts.target_mask <= own.pools.reserved:
        summary = "the target owns no CPU: it runs on the reserved ones"
    return Verdict(own, "SharedPool", summary, siblings, tuple(warnings))


def outside_target(policy: CpuPolicy, facts: TargetFacts, own: Owners) -> CpuSet | None:
    """Where the kubelet gives none away: which of our CPUs are nobody's, off the target's if there are such.

    To enter again on them. None when the place is right as it is, or nothing is left of it.
    """
    if not policy.nothing_exclusive:
        return None
    free = owners.choose(facts.mask, own.all, facts.target_mask)
    return None if free == facts.mask else free or None


def check_started(facts: TargetFacts, started: Started) -> None:
    """The kernel's own word about the command itself. Raises PlacementError when it is not where we stood."""
    if not started.mask or not started.mask <= facts.mask:
        raise PlacementError(
            f'the command would run on the CPUs "{started.mask}", not within {facts.mask}; it was not started'
        )


def _check_own_place(policy: CpuPolicy, facts: TargetFacts) -> None:
    for what, allowed in ((policy.source, policy.reserved), ("the online CPUs", facts.online)):
        if not facts.mask or not facts.mask <= allowed:
            raise PlacementError(
                f'the node placed nsexec on the CPUs "{facts.mask}", which is not within {allowed} ({what}); '
                "nothing was started"
            )
    if not facts.target_mask:
        raise PlacementError("the CPUs of the target could not be read; nothing was started")


def _place_warnings(policy: CpuPolicy, facts: TargetFacts, own: Owners) -> list[str]:
    warnings = []
    if not policy.nothing_exclusive and facts.mask != policy.reserved:
        warnings.append(f"only {facts.mask} of the CPUs {policy.reserved} can be used: the others are not online")
    # Not of what is nobody's: there the helper pod begins always, and the kubelet puts it back every now and then.
    if disturbed := facts.entry_mask & own.all:
        warnings.append(f"the agent began on the CPUs {facts.entry_mask} before it moved: {own.whose(disturbed)}")
    return warnings


def _nothing_exclusive(policy: CpuPolicy, state: CpuManagerState | None) -> bool:
    return policy.nothing_exclusive or (state is not None and state.policy == POLICY_NONE)


def _check_overlap(policy: CpuPolicy, facts: TargetFacts, state: CpuManagerState | None, own: Owners) -> None:
    """Lets pass only a target in the shared pool, or on the reserved CPUs of a pool that has none of them.

    Such a target owns nothing that could be disturbed. CPUs named by hand get no such benefit: nobody says that
    they are reserved, and the next Guaranteed pod may get them.
    """
    overlap = facts.mask & facts.target_mask
    if policy.by_hand:
        raise CpuPolicyError(
            f"--cpus {policy.reserved} overlaps the CPUs of the target ({facts.target_mask}) at {overlap}; "
            f"choose others of the node's CPUs ({facts.online}), or leave --cpus out"
        )
    if state is None:
        raise CpuPolicyError(
            f"{policy.source} gives the CPUs {policy.reserved}, and the target may use {facts.target_mask}: both claim "
            f"{overlap}, and the kubelet's cpu_manager_state cannot be read to tell whether the target owns them; "
            "nothing was started"
        )
    owned = overlap & own.pools.owned(facts.target_mask)
    if owned:
        raise CpuPolicyError(
            f"{policy.source} gives the CPUs {policy.reserved}, and the target may use {facts.target_mask}: both claim "
            f"{owned}, which are not in the node's shared pool ({state.default}); nothing was started"
        )
