"""Which CPUs by the node's own word, and whether it agrees with another's. Doubt stops the run."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_nsexec.cpus.kubelet import KubeletCpus
from kubectl_nsexec.cpus.node_files import Claim, NodeCpus
from kubectl_nsexec.cpus.node_policy import compare, decide
from kubectl_nsexec.cpus.policy import CpuPolicy, Undecided
from kubectl_nsexec.cpus.profiles import ProfilesApiMissing, ProfilesForbidden, ProfilesFound
from kubectl_nsexec.errors import EXIT_OWN_FAILURE, CpuPolicyError, PlacementError
from kubectl_nsexec.model.cpu_choice import BY_HAND, BY_KUBELET, BY_NODE, BY_PROFILE
from kubectl_nsexec.model.cpuset import CpuSet
from kubectl_nsexec.model.messages import Claims, FolderCpus, NodeFiles, NodeLook
from kubectl_nsexec.model.proof import CrossCheck

NODE = {"metadata": {"name": "n1"}, "status": {"capacity": {"cpu": "8"}}}
PERF = {"metadata": {"name": "perf"}}
FORBIDDEN = ProfilesForbidden("you may not list them")
CRIO, PINNING, CONFIG = (
    "/etc/crio/crio.conf.d/99-runtimes.conf",
    "/etc/kubernetes/pinning",
    "/etc/kubernetes/kubelet.conf",
)
INFRA = Claim(CpuSet.of(0, 1), f"{CRIO}, infra_ctr_cpuset")
MANAGED = Claim(CpuSet.of(0, 1), f"{PINNING}, management")
SHARED = Claim(CpuSet.of(3), f"{CRIO}, shared_cpuset")
STATIC = b'{"policyName":"static","defaultCpuSet":"0-3","entries":{"uid":{"a":"4-5"}}}'
NONE = b'{"policyName":"none","defaultCpuSet":""}'
NOTHING_CLAIMED = Claims()
PROFILE = CpuPolicy(CpuSet.of(0, 1), 'PerformanceProfile "perf", spec.cpu.reserved')


def kubelet(reserved: str | None = "0-3", policy: str = "static", source: str = CONFIG) -> KubeletCpus:
    """A kubelet that reserves more than is ours: also the CPUs of OVS and the shared ones."""
    return KubeletCpus(policy, None if reserved is None else CpuSet.parse(reserved), source)


def question(profiles: Any = None, **known: Any) -> Undecided:  # noqa: ANN401 - fields
    """What is asked of a node without a profile; of a cluster without the API, unless PROFILES says otherwise."""
    fields: dict[str, Any] = {"source": None, "configz": None, "why_no_configz": "no right to nodes/proxy", **known}
    return Undecided(NODE, ProfilesApiMissing() if profiles is None else profiles, **fields)


def look(mask: str = "0-3,6-7", state: bytes = STATIC, claims: Claims = NOTHING_CLAIMED) -> NodeLook:
    """The helper's main process in the shared pool of a node with eight CPUs."""
    return NodeLook(CpuSet.parse(mask), CpuSet.parse("0-7"), state, NodeFiles(), claims)


def doubt(undecided: Undecided, found: NodeCpus, state: bytes = STATIC, claims: Claims = NOTHING_CLAIMED) -> str:
    """The message of the CpuPolicyError."""
    with pytest.raises(CpuPolicyError) as caught:
        decide(undecided, look(state=state, claims=claims), found)
    assert caught.value.exit_status == EXIT_OWN_FAILURE
    return caught.value.message


@pytest.mark.parametrize("profiles", [ProfilesApiMissing(), ProfilesFound(()), FORBIDDEN, ProfilesFound((PERF,))])
@pytest.mark.parametrize("found", [NodeCpus((INFRA, MANAGED)), NodeCpus((MANAGED,))])
def test_crio_and_workload_pinning_say_which_cpus_are_reserved(profiles: Any, found: NodeCpus) -> None:  # noqa: ANN401
    """MicroShift and plain Kubernetes, HyperShift, no rights, no profile for the node: the node knows all the same."""
    policy = decide(question(profiles), look(), found)
    assert (policy.reserved, policy.source, policy.by) == (CpuSet.of(0, 1), found.reserved[0].source, BY_NODE)


def test_the_kubelets_wider_set_is_not_preferred() -> None:
    """Reserved 0-1, OVS on 2, shared 3: the kubelet has 0-3, and the command does not belong there."""
    found = NodeCpus((INFRA,), SHARED, kubelet("0-3"))
    policy = decide(question(configz=kubelet("0-3", source="kubelet configz")), look(), found)
    assert policy.reserved == CpuSet.of(0, 1)
    assert policy.cross_checks == (CrossCheck("kubelet configz, reservedSystemCPUs", CpuSet.parse("0-3"), agrees=True),)
    assert compare(policy, found, "n1").cross_checks == (
        CrossCheck(f"{CONFIG}, reservedSystemCPUs", CpuSet.parse("0-3"), agrees=True),
    )


def test_files_that_disagree_stop_the_run() -> None:
    """Both sides and both files are named, and the ways out."""
    message = doubt(question(), NodeCpus((INFRA, MANAGED._replace(cpus=CpuSet.of(2, 3)))))
    assert f"{INFRA.source} (0-1), but {MANAGED.source} (2-3)" in message
    assert "--cpu-source profile, node or kubelet" in message
    assert "--cpus LIST" in message


def test_a_file_that_is_not_understood_stops_the_run() -> None:
    """It may say something else than the others."""
    assert "/x cannot be read" in doubt(question(), NodeCpus((INFRA,), problems=("/x cannot be read",)))


def test_a_kubelet_that_runs_with_something_else_stops_the_run() -> None:
    """The file has been changed and the kubelet not restarted, or CRI-O's has."""
    message = doubt(question(configz=kubelet("0", source="kubelet configz")), NodeCpus((INFRA,)))
    assert f"{INFRA.source} says 0-1 for node n1, but its kubelet runs with reservedSystemCPUs 0" in message
    message = doubt(question(configz=kubelet("0", source="kubelet configz")), NodeCpus(kubelet=kubelet("1")))
    assert "kubelet configz (policy static, reservedSystemCPUs 0)" in message
    assert f"{CONFIG} (policy static, reservedSystemCPUs 1)" in message


@pytest.mark.parametrize("configz", [None, kubelet("0-1", source="kubelet configz")])
def test_plain_kubernetes_has_only_the_kubelet(configz: KubeletCpus | None) -> None:
    """By its file on the node, with or without the right to ask for what it runs with."""
    policy = decide(question(configz=configz), look(), NodeCpus(kubelet=kubelet("0-1")))
    source = (configz or kubelet()).source
    assert (policy.reserved, policy.source, policy.by) == (CpuSet.of(0, 1), f"{source}, reservedSystemCPUs", BY_KUBELET)


def test_shared_cpus_are_taken_from_the_kubelets() -> None:
    """Where CRI-O names them; containers run on them."""
    policy = decide(question(), look(), NodeCpus((), SHARED, kubelet("0-3")))
    assert policy.reserved == CpuSet.parse("0-2")
    assert policy.source == f"{CONFIG}, reservedSystemCPUs without 3, which are OVS's or shared"
    assert "all of them are OVS's or shared" in doubt(question(), NodeCpus((), SHARED, kubelet("3")))


@pytest.mark.parametrize(
    ("profiles", "words"),
    [
        (ProfilesFound(()), ("hosted control planes", "NodePool")),
        (FORBIDDEN, ("you may not list them", "get leave to list performanceprofiles")),
        (ProfilesFound((PERF,)), ("(perf) selects node n1", "--profile NAME")),
    ],
)
def test_where_there_may_be_a_profile_the_kubelets_set_is_not_enough(profiles: Any, words: tuple[str, ...]) -> None:  # noqa: ANN401
    """Three stories, each with its own next step; OVS's CPUs cannot be told from the reserved ones."""
    message = doubt(question(profiles), NodeCpus(kubelet=kubelet("0-3")))
    for word in (*words, f"(0-3, {CONFIG}) may include the CPUs of OVS", "--cpus LIST"):
        assert word in message


def test_a_kubelet_that_does_not_publish_its_set() -> None:
    """A static policy without reservedSystemCPUs keeps CPUs that nobody can name."""
    assert "static without reservedSystemCPUs" in doubt(question(), NodeCpus(kubelet=kubelet(None)))


@pytest.mark.parametrize("profiles", [ProfilesApiMissing(), ProfilesFound(()), FORBIDDEN])
@pytest.mark.parametrize("by", ["file", "checkpoint"])
def test_where_nothing_is_exclusive_all_cpus_will_do(profiles: Any, by: str) -> None:  # noqa: ANN401 - a union
    """A kubelet with the policy none gives nobody a CPU, by its configuration or its checkpoint; it is said."""
    found = NodeCpus(kubelet=kubelet(None, "none") if by == "file" else None)
    policy = decide(question(profiles), look(state=NONE), found)
    assert policy.nothing_exclusive
    assert policy.reserved == CpuSet.parse("0-7")
    assert "no CPU of node n1 is exclusive" in policy.notes[0]
    assert compare(policy, found, "n1").warnings == ()


ISOLATED = Claims(isolated=CpuSet.parse("2-7"))
CLAIM = Claims(folders=(FolderCpus(CpuSet.of(2), "/kubepods/pod1/c"),))


@pytest.mark.parametrize(
    ("claims", "reserved", "cpus", "words"),
    [
        (ISOLATED, None, "0-1", "the kernel isolates 2-7 (/sys/devices/system/cpu/isolated)"),
        (
            Claims(nohz_full=CpuSet.parse("4-7")),
            None,
            "0-3",
            "the kernel isolates 4-7 (/sys/devices/system/cpu/nohz_full)",
        ),
        (CLAIM, None, "0-1,3-7", "containers are allowed 2 for themselves (2: cgroup /kubepods/pod1/c)"),
        (CLAIM._replace(isolated=CpuSet.parse("4-7")), None, "0-1,3", "and containers are allowed 2"),
        (Claims(folders=(FolderCpus(CpuSet.of(0, 1), "/r"),)), "0-1", "0-7", "no CPU of node n1 is exclusive"),
    ],
)
def test_what_somebody_else_than_the_kubelet_gave_away_is_left_alone(
    claims: Claims, reserved: str | None, cpus: str, words: str
) -> None:
    """isolcpus, nohz_full, a CPU driver's claim; not who stands on CPUs that are the system's. It is said."""
    policy = decide(question(), look(state=NONE, claims=claims), NodeCpus(kubelet=kubelet(reserved, "none")))
    assert policy.reserved == CpuSet.parse(cpus)
    assert words in policy.notes[0]


def test_where_all_cpus_are_somebodys_nothing_runs() -> None:
    """What was found is named, and the next step."""
    claims = ISOLATED._replace(folders=(FolderCpus(CpuSet.of(0, 1), "/kubepods/pod1/c"),))
    message = doubt(question(), NodeCpus(kubelet=kubelet(None, "none")), NONE, claims)
    for words in (
        "none of its CPUs 0-7 is left",
        "the kernel isolates 2-7",
        "containers are allowed 0-1",
        "reservedSystemCPUs",
        "--cpus LIST",
    ):
        assert words in message


def test_reserved_cpus_that_the_kernel_isolates_are_not_the_systems() -> None:
    """Some hide isolated CPUs from the kubelet among those that it reserves: they are cut off, and that is said."""
    policy = decide(question(), look(claims=ISOLATED), NodeCpus((), SHARED, kubelet("0-5")))
    assert policy.reserved == CpuSet.parse("0-1")
    assert policy.notes == (
        f"{CONFIG}, reservedSystemCPUs says 0-5, of which the kernel isolates 2-5: those are left alone",
    )
    assert policy.source.endswith("without 2-5, which the kernel isolates, and without 3, which are OVS's or shared")
    message = doubt(question(), NodeCpus(kubelet=kubelet("2-3")), claims=ISOLATED)
    assert "reservedSystemCPUs (2-3): all of them are isolated by the kernel (2-3)" in message


@pytest.mark.parametrize(
    ("profiles", "right"),
    [
        (ProfilesApiMissing(), "get leave to read nodes/proxy (verb get)"),
        (FORBIDDEN, "performanceprofiles.performance.openshift.io (verb list) or nodes/proxy (verb get)"),
    ],
)
def test_nobody_says_anything(profiles: Any, right: str) -> None:  # noqa: ANN401 - a union
    """No profile, nothing on the node, no right to ask the kubelet: each is told, and what would help."""
    message = doubt(question(profiles), NodeCpus())
    for words in (
        "infra_ctr_cpuset, workload pinning: neither is set",
        "no right to nodes/proxy",
        right,
        "--cpus LIST",
    ):
        assert words in message


def test_a_helper_on_somebodys_cpus_is_ended() -> None:
    """The kubelet keeps best-effort pods off exclusive CPUs; a node that does not is no place to wait on."""
    with pytest.raises(PlacementError, match="started the helper pod on the CPUs 4"):
        decide(question(), look(mask="4"), NodeCpus((INFRA,)))


def test_a_login_on_somebodys_cpus_is_there_already() -> None:
    """Who comes by ssh stands where sshd put them: going on moves them away."""
    assert decide(question(), look(mask="0-7"), NodeCpus((INFRA,)), in_pool=False).reserved == CpuSet.of(0, 1)


def test_a_source_that_is_forced_is_the_only_one() -> None:
    """--cpu-source node needs CRI-O or workload pinning; --cpu-source kubelet passes them over."""
    assert "neither is set" in doubt(question(source=BY_NODE), NodeCpus(kubelet=kubelet("0-1")))
    found = NodeCpus((INFRA,), None, kubelet("0-3"))
    forced = question(ProfilesFound((PERF,)), source=BY_KUBELET, not_reserved=CpuSet.of(2, 3))
    assert decide(forced, look(), found).reserved == CpuSet.of(0, 1)
    assert "may include the CPUs of OVS" in doubt(question(ProfilesFound(()), source=BY_KUBELET), found)


@pytest.mark.parametrize(
    ("source", "state", "found", "words"),
    [
        (BY_NODE, STATIC, NodeCpus((INFRA,), SHARED._replace(cpus=CpuSet.of(1))), "lets containers use 1"),
        (BY_KUBELET, STATIC, NodeCpus((INFRA,), None, kubelet("0-3")), f"{INFRA.source} says 0-1"),
        (BY_KUBELET, NONE, NodeCpus((INFRA,), None, kubelet(None, "none")), f"{INFRA.source} says 0-1"),
    ],
)
def test_whoever_forced_a_source_is_warned_of_the_others(
    source: str, state: bytes, found: NodeCpus, words: str
) -> None:
    """Whichever rule gave the CPUs: an error could only advise what was done already."""
    policy = decide(question(source=source), look(state=state), found)
    (warning,) = compare(policy, found, "n1").warnings
    assert words in warning


def test_a_profile_that_the_node_confirms() -> None:
    """Every source that was compared is part of the proof."""
    found = NodeCpus((INFRA, MANAGED), SHARED, kubelet("0-3"))
    compared = compare(PROFILE, found, "n1")
    assert compared.warnings == ()
    assert compared.cross_checks == (
        CrossCheck(INFRA.source, CpuSet.of(0, 1), agrees=True),
        CrossCheck(MANAGED.source, CpuSet.of(0, 1), agrees=True),
        CrossCheck(f"{CONFIG}, reservedSystemCPUs", CpuSet.parse("0-3"), agrees=True),
    )


CONTRADICTIONS = [
    (NodeCpus((INFRA._replace(cpus=CpuSet.of(0)),)), f"{INFRA.source} says 0"),
    (NodeCpus((INFRA._replace(cpus=CpuSet.parse("0-2")),)), f"{INFRA.source} says 0-2"),
    (NodeCpus((INFRA, MANAGED._replace(cpus=CpuSet.of(7)))), f"{MANAGED.source} says 7"),
    (NodeCpus(kubelet=kubelet("0,2")), f"{CONFIG} says reservedSystemCPUs 0,2"),
    (NodeCpus(kubelet=kubelet(None, "none")), f"{CONFIG} says the CPU manager policy none"),
    (NodeCpus(shared=SHARED._replace(cpus=CpuSet.of(1, 2))), f"{SHARED.source} lets containers use 1-2"),
    (NodeCpus(problems=("/x cannot be read",)), "/x cannot be read"),
]


@pytest.mark.parametrize(("found", "words"), CONTRADICTIONS)
def test_a_profile_that_the_node_contradicts_stops_the_run(found: NodeCpus, words: str) -> None:
    """Not rebooted yet, or its pool is paused: both sides are named, with profile, file and field."""
    with pytest.raises(CpuPolicyError) as caught:
        compare(PROFILE, found, "n1")
    assert f"node n1: {PROFILE.source} (0-1), but {words}" in caught.value.message


@pytest.mark.parametrize(("found", "words"), CONTRADICTIONS)
@pytest.mark.parametrize("policy", [PROFILE._replace(forced=True), PROFILE._replace(source="--cpus", by=BY_HAND)])
def test_whoever_chose_is_warned(policy: CpuPolicy, found: NodeCpus, words: str) -> None:
    """--cpu-source and --cpus are the user's own decision; of CPUs by hand it is enough that they are reserved ones."""
    compared = compare(policy, found, "n1")
    if policy.by == BY_HAND and words.endswith(("says 0-2", "policy none")):
        assert compared.warnings == ()
    else:
        assert compared.warnings == (f"{policy.source} says 0-1, but {words}",)


def test_a_profile_with_claims_is_not_contradicted_by_the_policy_none() -> None:
    """By the kubelet's file on the node, too."""
    found = NodeCpus((INFRA,), None, kubelet(None, "none"))
    compared = compare(PROFILE._replace(by_claims=True), found, "n1")
    assert compared.warnings == ()
    assert compared.cross_checks[-1] == CrossCheck(f"{CONFIG}, cpuManagerPolicy none", CpuSet(), agrees=True)


def test_the_kubelets_own_word_is_not_compared_with_itself() -> None:
    """It would agree; and its policy none is no contradiction of CRI-O's part of partitioning."""
    policy = PROFILE._replace(source=f"{CONFIG}, reservedSystemCPUs", by=BY_KUBELET)
    assert compare(policy, NodeCpus(kubelet=kubelet("0-1")), "n1").cross_checks == ()
    by_node = PROFILE._replace(source=INFRA.source, by=BY_NODE)
    assert compare(by_node, NodeCpus((INFRA,), None, kubelet(None, "none")), "n1").cross_checks == (
        CrossCheck(f"{CONFIG}, cpuManagerPolicy none", CpuSet(), agrees=True),
    )
    assert by_node.by != BY_PROFILE
