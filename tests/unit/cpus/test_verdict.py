"""The node's masks against the policy, before the command starts."""

from __future__ import annotations

import pytest

from kubectl_nsexec.cpus.node_files import Claim, NodeCpus
from kubectl_nsexec.cpus.policy import CpuPolicy
from kubectl_nsexec.cpus.verdict import Verdict, check_on_node, check_started, outside_target, owners_of
from kubectl_nsexec.errors import CpuPolicyError, PlacementError
from kubectl_nsexec.model.cpu_choice import BY_HAND, BY_PROFILE
from kubectl_nsexec.model.cpuset import CpuSet
from kubectl_nsexec.model.messages import Claims, FolderCpus, Started, TargetFacts
from tests.unit.fakes import FACTS

POLICY = CpuPolicy(CpuSet.parse("0-1"), 'PerformanceProfile "perf", spec.cpu.reserved')
NOTHING_EXCLUSIVE = CpuPolicy(CpuSet.parse("0-7"), "kubelet configz, cpuManagerPolicy none", nothing_exclusive=True)
STATIC = '{"policyName":"static","defaultCpuSet":"0-1,3","entries":{"uid":{"a":"2"}}}'
NOTHING_CLAIMED = Claims()
NOTHING_SAID = NodeCpus()
NONE = '{"policyName":"none","defaultCpuSet":""}'


def facts(
    mask: str = "0-1", target: str = "2", state: str = STATIC, entry: str = "0-1", claims: Claims = NOTHING_CLAIMED
) -> TargetFacts:
    """What an agent on a node with the CPUs 0-3 reports."""
    return FACTS._replace(
        claims=claims,
        entry_mask=CpuSet.parse(entry),
        mask=CpuSet.parse(mask),
        target_mask=CpuSet.parse(target),
        cpu_manager_state=state.encode(),
    )


def check(policy: CpuPolicy, found: TargetFacts, said: NodeCpus = NOTHING_SAID) -> Verdict:
    """By what the node's files say."""
    return check_on_node(policy, found, owners_of(policy, found, said))


def test_apart_from_an_owner_is_right() -> None:
    """Reserved CPUs, a target with a CPU of its own: go on, and nothing to warn of."""
    verdict = check(POLICY, facts())
    assert (verdict.owners.exclusive, verdict.warnings) == (CpuSet.of(2), ())
    assert verdict.summary == "apart from the target's CPUs"


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        ("", 'placed nsexec on the CPUs "", which is not within 0-1'),
        ("0-2", 'placed nsexec on the CPUs "0-2", which is not within 0-1'),
        ("3", 'placed nsexec on the CPUs "3", which is not within 0-1'),
    ],
)
def test_a_place_outside_the_policy_stops_the_run(mask: str, words: str) -> None:
    """Empty or wider than asked for: never run there."""
    with pytest.raises(PlacementError) as caught:
        check(POLICY, facts(mask=mask))
    assert words in caught.value.message


def test_a_place_that_is_not_online_stops_the_run() -> None:
    """A mask that the node cannot have is not believed."""
    policy = POLICY._replace(reserved=CpuSet.parse("0-1,8"))
    with pytest.raises(PlacementError, match="the online CPUs"):
        check(policy, facts(mask="0,8"))


def test_a_target_without_a_mask_stops_the_run() -> None:
    """What cannot be read cannot be compared."""
    with pytest.raises(PlacementError, match="target could not be read"):
        check(POLICY, facts(target=""))


def test_cpus_that_the_kubelet_gave_away_veto_the_source() -> None:
    """Whoever says that they are reserved, the checkpoint knows better; both sides are named."""
    state = '{"policyName":"static","defaultCpuSet":"0,3","entries":{"uid":{"a":"1"},"other":{"b":"2"}}}'
    with pytest.raises(CpuPolicyError) as caught:
        check(POLICY, facts(state=state))
    assert caught.value.message.startswith('PerformanceProfile "perf", spec.cpu.reserved gives the CPUs 0-1')
    assert "given 1-2 to containers" in caught.value.message
    assert "both claim 1" in caught.value.message


def test_owners_contradict_a_kubelet_that_says_none() -> None:
    """A checkpoint with owners means that something is exclusive after all."""
    with pytest.raises(CpuPolicyError, match="both claim 2"):
        check(NOTHING_EXCLUSIVE, facts(mask="0-3", target="0-3", entry="0-3"))


def test_overlap_with_cpus_outside_the_shared_pool_stops_the_run() -> None:
    """A CPU that is the target's and not in the pool is somebody's own, even if no owner is listed."""
    state = '{"policyName":"static","defaultCpuSet":"0,2-3","entries":{}}'
    with pytest.raises(CpuPolicyError) as caught:
        check(POLICY, facts(target="1-2", state=state))
    assert "the target may use 1-2: both claim 1" in caught.value.message


def test_overlap_without_a_checkpoint_stops_the_run() -> None:
    """Without it nobody can tell whether the target owns the CPUs."""
    with pytest.raises(CpuPolicyError, match="cpu_manager_state cannot be read to tell"):
        check(POLICY, facts(target="1-2", state=""))


def test_a_damaged_checkpoint_stops_the_run() -> None:
    """Half a checkpoint is no checkpoint, overlap or not."""
    with pytest.raises(CpuPolicyError):
        check(POLICY, facts(state="{"))


def test_a_target_in_the_shared_pool_owns_nothing() -> None:
    """The pool contains the reserved CPUs unless they are strict: such a target can be entered."""
    verdict = check(POLICY, facts(target="0-1,3"))
    assert verdict.summary == "the target owns no CPU: it runs in the shared pool"


def test_cpus_named_by_hand_may_not_touch_the_target() -> None:
    """Nobody says that they are reserved, so not even the pool's are shared with the target."""
    with pytest.raises(CpuPolicyError, match=r"--cpus 0-1 overlaps the CPUs of the target \(0-1,3\) at 0-1"):
        check(CpuPolicy(CpuSet.parse("0-1"), "--cpus", BY_HAND), facts(target="0-1,3"))


@pytest.mark.parametrize("by", [BY_HAND, BY_PROFILE])
def test_where_the_checkpoint_says_none_overlap_is_no_error(by: str) -> None:
    """Nothing is exclusive on such a node, and it is said."""
    verdict = check(POLICY._replace(by=by), facts(target="0-3", state=NONE))
    assert verdict.summary == "nothing on the node is exclusive"
    assert "no CPU of the node is exclusive" in verdict.warnings[0]


@pytest.mark.parametrize("state", ["", NONE])
def test_where_the_kubelet_says_none_overlap_is_no_error(state: str) -> None:
    """By the policy's own word, with or without a checkpoint; all online CPUs are no smaller set to warn of."""
    verdict = check(NOTHING_EXCLUSIVE, facts(mask="0-3", target="0-3", state=state, entry="0-3"))
    assert (verdict.summary, verdict.warnings) == ("nothing on the node is exclusive", ())


ISOLATED = Claims(isolated=CpuSet.parse("1-3"))


@pytest.mark.parametrize("policy", [POLICY, POLICY._replace(forced=True), POLICY._replace(source="--cpus", by=BY_HAND)])
@pytest.mark.parametrize("state", ["", NONE, STATIC])
def test_cpus_that_the_kernel_isolates_are_nobodys_to_give(policy: CpuPolicy, state: str) -> None:
    """Not the profile's, not the user's own: both sides are named, whatever the kubelet says."""
    with pytest.raises(CpuPolicyError) as caught:
        check(policy, facts(state=state, claims=ISOLATED))
    assert f"{policy.source} gives the CPUs 0-1, but the kernel isolates 1-3 (/sys/devices" in caught.value.message
    assert "both claim 1; nothing was started" in caught.value.message


def claimed(cpus: str) -> Claims:
    """A container that is allowed these CPUs only."""
    return Claims(folders=(FolderCpus(CpuSet.parse(cpus), "/kubepods/pod1/c"),))


@pytest.mark.parametrize("by", [BY_HAND, BY_PROFILE])
def test_a_claim_is_kept_clear_of(by: str) -> None:
    """Somebody else than the kubelet gave CPU 1 and 2 away; where the node itself reserves it, it is the system's."""
    policy = POLICY._replace(by=by, by_claims=True)
    with pytest.raises(
        CpuPolicyError, match=r"containers are allowed 1-2 for themselves \(1-2: cgroup /kubepods/pod1/c"
    ):
        check(policy, facts(state=NONE, claims=claimed("1-2")))
    assert check(policy, facts(state=NONE, claims=claimed("2"))).reason == "Apart"
    said = NodeCpus(reserved=(Claim(CpuSet.parse("0-1"), "workload pinning"),))
    assert check(policy, facts(state=NONE, claims=claimed("0-1")), said).reason == "Apart"


STRICT = '{"policyName":"static","defaultCpuSet":"2-3","entries":{}}'


def test_a_target_on_the_reserved_cpus_owns_none_of_them() -> None:
    """Strict reservation, workload partitioning: the pool has none of them, and who stands there is the system."""
    verdict = check(POLICY, facts(target="0-1", state=STRICT, claims=claimed("0-1")))
    assert (verdict.reason, verdict.summary) == ("SharedPool", "the target owns no CPU: it runs on the reserved ones")
    with pytest.raises(CpuPolicyError, match="both claim 1"):
        check(POLICY, facts(target="1", state=STRICT.replace("{}", '{"uid":{"a":"1"}}')))


def test_who_shares_a_node_with_owners_is_not_alone() -> None:
    """An unpinned target beside somebody's own CPUs: it owns none, but not nobody does."""
    policy = NOTHING_EXCLUSIVE._replace(reserved=CpuSet.parse("0-1"))
    isolated = Claims(isolated=CpuSet.parse("2-3"))
    verdict = check(policy, facts(target="0-3", state=NONE, claims=isolated))
    assert (verdict.reason, verdict.warnings) == ("SharedPool", ())


def test_what_was_given_away_meanwhile_is_left() -> None:
    """A claim that came after the look: off it; and when nothing else is left, the run stops."""
    policy, found = NOTHING_EXCLUSIVE, facts(mask="0-3", target="0-3", state=NONE, claims=claimed("2-3"))
    own = owners_of(policy, found, NOTHING_SAID)
    assert outside_target(policy, found, own) == CpuSet.parse("0-1")
    found = found._replace(mask=CpuSet.of(3))
    assert outside_target(policy, found, own) is None
    with pytest.raises(CpuPolicyError, match="both claim 3"):
        check(policy, found)


@pytest.mark.parametrize(
    ("cores", "siblings"),
    [(("0,2", "1,3"), ("0", "2")), (("0-1", "2-3"), None), ((), None), (("0-3",), ("0-1", "2"))],
)
def test_a_sibling_of_somebodys_own_cpu_is_named(cores: tuple[str, ...], siblings: tuple[str, str] | None) -> None:
    """Two CPUs of a core share its units: what runs on one slows the other down. The target owns CPU 2."""
    verdict = check(POLICY, facts(claims=Claims(cores=tuple(map(CpuSet.parse, cores)))))
    assert verdict.siblings == (siblings and tuple(map(CpuSet.parse, siblings)))
    assert any("share cores with 2" in warning for warning in verdict.warnings) == (siblings is not None)


def test_fewer_cpus_than_reserved_are_warned_of() -> None:
    """Reserved CPUs may be offline now."""
    verdict = check(POLICY._replace(reserved=CpuSet.parse("0-1,8")), facts())
    assert "only 0-1 of the CPUs 0-1,8" in verdict.warnings[0]


@pytest.mark.parametrize(
    ("entry", "owner"),
    [
        ("0-1", ""),
        ("0-1,3", ""),  # the shared pool, where the kubelet's round of every ten seconds may have put the helper back
        ("0-2", "the kubelet has given 2 to containers for themselves"),
        ("0-3", "the kubelet has given 2 to containers for themselves"),
    ],
)
def test_an_agent_that_began_on_somebodys_own_cpu_is_warned_of(entry: str, owner: str) -> None:
    """The agent's first look tells where its exec, or its login, began; on what nobody owns it disturbs nobody."""
    warnings = check(POLICY, facts(entry=entry)).warnings
    assert len(warnings) == bool(owner)
    assert all(f"the agent began on the CPUs {entry} before it moved: {owner}" in warning for warning in warnings)


@pytest.mark.parametrize(
    ("policy", "mask", "target", "expected"),
    [
        (NOTHING_EXCLUSIVE, "0-3", "0-3", None),
        (NOTHING_EXCLUSIVE, "0-3", "2", CpuSet.parse("0-1,3")),
        (NOTHING_EXCLUSIVE, "0-1,3", "2", None),
        (POLICY, "0-1", "1-2", None),
    ],
)
def test_where_nothing_is_exclusive_the_others_are_preferred(
    policy: CpuPolicy, mask: str, target: str, expected: CpuSet | None
) -> None:
    """The CPUs that the target does not use, if there are any, are entered again on."""
    found = facts(mask=mask, target=target, state=NONE)
    assert outside_target(policy, found, owners_of(policy, found, NOTHING_SAID)) == expected


def test_the_command_itself_must_be_where_we_stood() -> None:
    """The kernel's word about the command is the last check, and a wider or empty mask fails it."""
    check_started(facts(), Started(12, CpuSet.parse("0-1")))
    check_started(facts(), Started(12, CpuSet.of(0)))
    for mask in ("0-2", ""):
        with pytest.raises(PlacementError, match="the command would run on"):
            check_started(facts(), Started(12, CpuSet.parse(mask)))
