"""Who owns which CPU: the rules one by one, and that nothing of ours is ever on somebody's own."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from kubectl_nsexec.cpus.kubelet import CpuManagerState, KubeletCpus
from kubectl_nsexec.cpus.node_files import NodeCpus
from kubectl_nsexec.cpus.node_policy import decide
from kubectl_nsexec.cpus.owners import Pools, choose, find
from kubectl_nsexec.cpus.policy import CpuPolicy, Undecided
from kubectl_nsexec.cpus.profiles import ProfilesApiMissing
from kubectl_nsexec.cpus.verdict import check_on_node, outside_target, owners_of
from kubectl_nsexec.errors import CpuPolicyError, NsexecError
from kubectl_nsexec.model.cpu_choice import BY_HAND, BY_KUBELET, BY_PROFILE
from kubectl_nsexec.model.cpuset import CpuSet
from kubectl_nsexec.model.messages import Claims, FolderCpus, NodeFiles, NodeLook
from kubectl_nsexec.model.proof import LookedAt
from tests.unit.fakes import FACTS

ONLINE = CpuSet.parse("0-7")
NOTHING = CpuSet()


def cpus(text: str) -> CpuSet:
    """A CPU list."""
    return CpuSet.parse(text)


@pytest.mark.parametrize(
    ("allowed", "reserved", "best_effort", "owned"),
    [
        ("2", "", "", "2"),
        ("0-7", "", "", ""),
        ("0-9", "", "", ""),
        ("9", "", "", ""),
        ("0-1", "0-1", "", ""),
        ("1", "0-1", "", "1"),
        ("1-2", "0-1", "", "1-2"),
        ("0-1,3-7", "0-1", "", "0-1,3-7"),
        ("0-1,3-7", "", "0-1,3-7", ""),
        ("0-1,3-7", "", "0-1,4-7", "3"),
        ("3-5", "", "0-1,3-7", "3-5"),
        ("0-1", "0-1,8", "", ""),
    ],
)
def test_where_the_kubelet_gives_none_away_a_part_of_the_cpus_is_somebodys(
    allowed: str, reserved: str, best_effort: str, owned: str
) -> None:
    """But not the system's, not offline ones, and not what everybody is allowed (a DRA driver's shared pool)."""
    pools = Pools(ONLINE, cpus(reserved), None, cpus(best_effort))
    assert pools.owned(cpus(allowed)) == cpus(owned)


@pytest.mark.parametrize(
    ("allowed", "default", "reserved", "owned"),
    [
        ("2", "0-1,3-7", "0-1", "2"),
        ("0-1,3-7", "0-1,3-7", "0-1", ""),
        ("3-4", "0-1,3-7", "0-1", ""),
        ("0-3", "4-7", "0-3", ""),
        ("1", "4-7", "0-3", ""),
        ("3-5", "4-7", "0-3", "3"),
        ("1", "0,2-7", "0-1", "1"),
        ("3,4-5", "0-3,6-7", "0-1", "4-5"),
        ("0-7", "", "0-1", "0-7"),
    ],
)
def test_under_the_static_policy_the_shared_pool_is_nobodys(
    allowed: str, default: str, reserved: str, owned: str
) -> None:
    """Nor are the reserved CPUs of a pool that has none of them; of mixed CPUs only the exclusive ones are owned."""
    assert Pools(ONLINE, cpus(reserved), cpus(default)).owned(cpus(allowed)) == cpus(owned)


def test_everything_that_was_looked_at_is_told() -> None:
    """Each with what it says; a file that a kernel does not have is not one without CPUs."""
    claims = Claims(isolated=cpus("2-3"), nohz_full=NOTHING, folders=(FolderCpus(cpus("4"), "/kubepods/pod1/c"),))
    own = find(claims, CpuManagerState("none", NOTHING, NOTHING), online=ONLINE)
    assert own.all == cpus("2-4")
    assert own.looked_at == (
        LookedAt("/sys/devices/system/cpu/isolated", cpus("2-3")),
        LookedAt("/sys/devices/system/cpu/nohz_full", NOTHING),
        LookedAt("/sys/fs/cgroup/cpuset.cpus.isolated", NOTHING, found=False),
        LookedAt("cpu_manager_state, policy none", NOTHING),
        LookedAt("cpusets of containers", cpus("4")),
    )
    assert own.whose(cpus("3-4")) == (
        "the kernel isolates 2-3 (/sys/devices/system/cpu/isolated), and "
        "containers are allowed 4 for themselves (4: cgroup /kubepods/pod1/c)"
    )
    assert own.whose(cpus("0-1")) == ""


def test_reserved_cpus_that_the_kernel_isolates_explain_nothing() -> None:
    """Who stands on those is no part of the system."""
    claims = Claims(isolated=cpus("2"), folders=(FolderCpus(cpus("2"), "/c"),))
    assert find(claims, None, online=ONLINE, reserved=cpus("0-2")).folders == cpus("2")


@pytest.mark.parametrize(
    ("owned", "target", "chosen"),
    [
        ("", "", "0-7"),
        ("2-7", "", "0-1"),
        ("2-7", "0", "1"),
        ("2-7", "0-1", "0-1"),
        ("", "0-7", "0-7"),
        ("0-7", "", ""),
    ],
)
def test_the_choice(owned: str, target: str, chosen: str) -> None:
    """Nobody's CPUs, off the target's while there are others."""
    assert choose(ONLINE, cpus(owned), cpus(target)) == cpus(chosen)


class World(NamedTuple):
    """A node on which it is known who owns what, with what it says of that."""

    online: CpuSet
    owners: tuple[CpuSet, ...]
    look: NodeLook
    target: CpuSet
    policy: CpuPolicy | None
    """None: the kubelet has to say."""
    said: NodeCpus


@st.composite
def worlds(draw: st.DrawFn, *, in_order: bool = False) -> World:
    """Each CPU is the system's, the kernel's to isolate, one of two containers' own, or everybody's.

    Containers own theirs by the kubelet's static policy (strict or not), or by somebody else's word under the policy
    none. What says which CPUs are reserved may be right, wrong, or a kubelet's that counts isolated ones in; with
    IN_ORDER it is a profile, and right, and everything can be read.
    """
    roles = draw(st.lists(st.sampled_from(["system", "isolated", "first", "second", "pool"]), min_size=1, max_size=8))
    system, isolated, first, second, pool = (
        CpuSet(frozenset(cpu for cpu, role in enumerate(roles) if role == which))
        for which in ("system", "isolated", "first", "second", "pool")
    )
    online = CpuSet(frozenset(range(len(roles))))
    kind = draw(st.sampled_from(["none", "static", "strict"]))
    everybodys = pool | isolated | (NOTHING if kind == "strict" else system)
    name, default, given_away = "none", NOTHING, "{}"
    if kind != "none":
        name, default, given_away = "static", everybodys, f'{{"u":{{"a":"{first}","b":"{second}"}}}}'
    state = f'{{"policyName":"{name}","defaultCpuSet":"{default}","entries":{given_away}}}'
    known = st.just(True) if in_order else st.booleans()  # noqa: FBT003 - a value
    containers = [allowed for allowed in (first, second, everybodys, system) if allowed and allowed != online]
    claims = Claims(
        isolated=isolated if draw(known) else None,
        nohz_full=isolated,
        folders=tuple(FolderCpus(allowed, "/c") for allowed in draw(st.permutations(containers))),
        pool=everybodys if draw(known) else None,
    )
    readable = draw(known)
    look = NodeLook(everybodys, online, state.encode() if readable else b"", NodeFiles(), claims)
    any_cpus = st.frozensets(st.integers(0, 9)).map(CpuSet)
    reserved = system if in_order else draw(st.just(system) | st.just(system | isolated) | any_cpus)
    if kind == "none" or not readable:
        # Claims that cannot be told from what is nobody's: of just what is called reserved, as the system's own
        # containers have it, and of all CPUs, as everybody has who was given none.
        assume((reserved - isolated) & online not in (first, second))
        assume(online not in (first, second))
    by = BY_PROFILE if in_order else draw(st.sampled_from([BY_PROFILE, BY_HAND, BY_KUBELET]))
    assume(reserved or by == BY_KUBELET)
    policy = None if by == BY_KUBELET else CpuPolicy(reserved, "x", by, by_claims=kind == "none")
    said = NodeCpus(kubelet=KubeletCpus(name, None if in_order else reserved or None, "kubelet.conf"))
    unpinned = online if kind == "none" or not in_order else NOTHING
    target = draw(st.sampled_from([allowed for allowed in (first, second, everybodys, system, unpinned) if allowed]))
    return World(online, (isolated, first, second), look, target, policy, said)


def placed(world: World) -> CpuSet:
    """Where the command would be. Raises the NsexecError family for a run that stops."""
    policy, look = world.policy, world.look
    if policy is None:
        undecided = Undecided({"metadata": {"name": "n"}}, ProfilesApiMissing(), None, None)
        policy = decide(undecided, look, world.said, in_pool=False)
    facts = FACTS._replace(
        online=world.online,
        entry_mask=look.mask,
        mask=policy.reserved & world.online,
        target_mask=world.target,
        cpu_manager_state=look.cpu_manager_state,
        claims=look.claims,
    )
    own = owners_of(policy, facts, world.said)
    facts = facts._replace(mask=outside_target(policy, facts, own) or facts.mask)
    check_on_node(policy, facts, own)
    return facts.mask


@pytest.mark.no_cover  # measured it takes four times as long
@settings(max_examples=2000, deadline=None)
@given(worlds())
def test_no_command_is_ever_on_somebodys_own_cpus(world: World) -> None:
    """Whatever the node's CPUs, the kubelet's policy, the source and the owners: apart from every owner, or stopped."""
    try:
        mask = placed(world)
    except NsexecError:
        return
    assert mask
    assert all(mask.isdisjoint(owner) for owner in world.owners)


@settings(max_examples=500, deadline=None)
@given(worlds(in_order=True))
def test_a_node_that_is_in_order_is_not_refused(world: World) -> None:
    """By a profile of the system's CPUs every target is entered, whoever it is and whoever owns the rest."""
    assert world.policy is not None
    assert placed(world) == world.policy.reserved


def test_the_property_can_fail() -> None:
    """The run that the bug chose: isolated CPUs, because the target is on the others."""
    policy = CpuPolicy(cpus("0-7"), "cpuManagerPolicy none", BY_KUBELET, nothing_exclusive=True)
    found = FACTS._replace(
        mask=cpus("2-3"), online=ONLINE, target_mask=cpus("0-1"), claims=Claims(isolated=cpus("2-3"))
    )
    with pytest.raises(CpuPolicyError, match="the kernel isolates 2-3"):
        check_on_node(policy, found, owners_of(policy, found, NodeCpus()))
