"""The node's answer against the policy: that the command stands where it may, on nobody's own CPUs."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kubectl_nsexec.cpuset import CpuSet
from kubectl_nsexec.errors import CpuPolicyError, PlacementError
from kubectl_nsexec.kubelet import POLICY_NONE, parse_cpu_manager_state

if TYPE_CHECKING:
    from kubectl_nsexec.cpu_policy import CpuPolicy
    from kubectl_nsexec.kubelet import CpuManagerState
    from kubectl_nsexec.results import Started, TargetFacts


class Verdict(NamedTuple):
    """The command may start. ``exclusive``: every CPU that the kubelet gave to a container for itself."""

    exclusive: CpuSet
    reason: str
    """``Apart``, ``NothingExclusive`` or ``SharedPool``: stable, for scripts."""
    summary: str
    warnings: tuple[str, ...] = ()


def check_on_node(policy: CpuPolicy, facts: TargetFacts) -> Verdict:
    """Compares masks as sets before the command starts.

    Raises PlacementError when our own place is not within the policy, CpuPolicyError when it touches CPUs that
    are, or may be, somebody's own; both name both sides.
    """
    _check_own_place(policy, facts)
    state = parse_cpu_manager_state(facts.cpu_manager_state)
    exclusive = state.exclusive if state is not None else CpuSet()
    asked = facts.mask if policy.nothing_exclusive else policy.reserved
    if not asked.isdisjoint(exclusive):
        raise CpuPolicyError(
            f"{policy.source} gives the CPUs {asked}, but the kubelet has given {exclusive} to containers for "
            f"themselves (cpu_manager_state): both claim {asked & exclusive}; nothing was started"
        )
    warnings = list(_place_warnings(policy, facts))
    overlap = facts.mask & facts.target_mask
    if not overlap:
        return Verdict(exclusive, "Apart", "apart from the target's CPUs", tuple(warnings))
    if _nothing_exclusive(policy, state):
        if not policy.nothing_exclusive:
            warnings.append("no CPU of the node is exclusive to any container (CPU manager policy none)")
        return Verdict(exclusive, "NothingExclusive", "nothing on the node is exclusive", tuple(warnings))
    _check_overlap(policy, facts, state)
    return Verdict(exclusive, "SharedPool", "the target owns no CPU: it runs in the shared pool", tuple(warnings))


def outside_target(policy: CpuPolicy, facts: TargetFacts) -> CpuSet | None:
    """Where nothing is exclusive: the online CPUs that the target does not use, to enter again on them.

    None when the place is right as it is: something is exclusive, they are apart already, or there are none.
    """
    if not policy.nothing_exclusive or facts.mask.isdisjoint(facts.target_mask):
        return None
    return (facts.online & policy.reserved) - facts.target_mask or None


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


def _place_warnings(policy: CpuPolicy, facts: TargetFacts) -> list[str]:
    warnings = []
    if not policy.nothing_exclusive and facts.mask != policy.reserved:
        warnings.append(f"only {facts.mask} of the CPUs {policy.reserved} can be used: the others are not online")
    if not facts.entry_mask <= policy.reserved:
        outside = facts.entry_mask - policy.reserved
        warnings.append(f"the agent began on the CPUs {facts.entry_mask} before it moved: {outside} are not reserved")
    return warnings


def _nothing_exclusive(policy: CpuPolicy, state: CpuManagerState | None) -> bool:
    return policy.nothing_exclusive or (state is not None and state.policy == POLICY_NONE)


def _check_overlap(policy: CpuPolicy, facts: TargetFacts, state: CpuManagerState | None) -> None:
    """Lets pass only a target that runs in the shared pool, which contains reserved CPUs unless they are strict.

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
    owned = overlap - state.default
    if owned:
        raise CpuPolicyError(
            f"{policy.source} gives the CPUs {policy.reserved}, and the target may use {facts.target_mask}: both claim "
            f"{owned}, which are not in the node's shared pool ({state.default}); nothing was started"
        )
