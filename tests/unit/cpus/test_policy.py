"""Which CPUs by the API's word: --cpus, the PerformanceProfile of the node; else the node itself has to say."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_nsexec.cpus.kubelet import KubeletCpus
from kubectl_nsexec.cpus.policy import CpuPolicy, Undecided, decide, from_option, from_profile
from kubectl_nsexec.cpus.profiles import ProfilesApiMissing, ProfilesForbidden, ProfilesFound
from kubectl_nsexec.errors import EXIT_OWN_FAILURE, EXIT_USAGE, ApiError, CpuPolicyError, UsageError
from kubectl_nsexec.model.cpu_choice import BY_KUBELET, BY_NODE, BY_PROFILE, BY_WHO_KNOWS, CpuChoice
from kubectl_nsexec.model.cpuset import CpuSet
from kubectl_nsexec.model.proof import CrossCheck

FORBIDDEN = ProfilesForbidden('performanceprofiles is forbidden: User "dev" cannot list')


def node(cpus: str | None = "4", **labels: str) -> dict[str, Any]:
    """A node of four CPUs that is labelled as a worker."""
    return {
        "metadata": {"name": "n1", "labels": {"role": "rt"} | labels},
        "status": {"capacity": {"cpu": cpus} if cpus else {}},
    }


def profile(version: str = "v2", selector: str = "rt", **cpu: str) -> dict[str, Any]:
    """The profile "perf" for nodes with role=rt."""
    spec = {"cpu": {"reserved": "0-1", "isolated": "2-3"} | cpu, "nodeSelector": {"role": selector}}
    return {"apiVersion": f"performance.openshift.io/{version}", "metadata": {"name": "perf"}, "spec": spec}


class Kubelet:
    """Stands for the node's configz end point, and counts how often it is asked."""

    def __init__(self, error: ApiError | None = None, **config: str) -> None:
        self.error = error
        self.config = config
        self.asked = 0

    def __call__(self) -> dict[str, Any]:
        """The loader that ``decide`` wants."""
        self.asked += 1
        if self.error is not None:
            raise self.error
        return {"kubeletconfig": self.config}


def static(reserved: str = "0-1") -> Kubelet:
    """A kubelet with the static policy."""
    return Kubelet(cpuManagerPolicy="static", reservedSystemCPUs=reserved)


def unreadable() -> Kubelet:
    """A kubelet whose configz this user may not read."""
    return Kubelet(ApiError("nodes n1/proxy is forbidden", reason="Forbidden", status=403))


def decided(choice: CpuChoice, profiles: Any, kubelet: Kubelet, on: dict[str, Any] | None = None) -> CpuPolicy:  # noqa: ANN401 - a union
    """The policy, without a look at the node."""
    policy = decide(choice, profiles, on or node(), kubelet)
    assert isinstance(policy, CpuPolicy)
    return policy


def undecided(profiles: Any, kubelet: Kubelet, source: str | None = None) -> Undecided:  # noqa: ANN401 - a union
    """The question to the node."""
    question = decide(CpuChoice(source=source), profiles, node(), kubelet)
    assert isinstance(question, Undecided)
    return question


def doubt(profiles: Any, kubelet: Kubelet, on: dict[str, Any] | None = None) -> str:  # noqa: ANN401 - a union
    """The message of the CpuPolicyError."""
    with pytest.raises(CpuPolicyError) as caught:
        decide(BY_WHO_KNOWS, profiles, on or node(), kubelet)
    assert caught.value.exit_status == EXIT_OWN_FAILURE
    return caught.value.message


def test_cpus_named_by_hand_win_and_nobody_is_asked() -> None:
    """--cpus is taken before any profile, and the kubelet is not asked."""
    kubelet = static()
    policy = decided(CpuChoice("2,3"), ProfilesFound((profile(),)), kubelet)
    assert (policy.reserved, policy.source, policy.by_hand) == (CpuSet.of(2, 3), "--cpus", True)
    assert kubelet.asked == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0-", '--cpus: "0-" is not a CPU list'),
        ("99x", '--cpus: "99x" is not a CPU list'),
        ("", "--cpus: the list is empty"),
        (" ", "--cpus: the list is empty"),
        ("0-4294967295", "--cpus: CPU 4294967295 is out of range"),
    ],
)
def test_a_bad_list_is_the_users_mistake(text: str, words: str) -> None:
    """What is not a list is refused as bad input, in words that show it."""
    with pytest.raises(UsageError) as caught:
        from_option(text)
    assert caught.value.message.startswith(words)
    assert caught.value.exit_status == EXIT_USAGE


def test_cpus_that_the_node_cannot_have_are_refused_before_anything_is_created() -> None:
    """A node with four CPUs has no CPU 99, and the message says how many it has."""
    with pytest.raises(UsageError, match="--cpus 99: node n1 has 4 CPUs"):
        decide(CpuChoice("99"), ProfilesApiMissing(), node(), static())


@pytest.mark.parametrize("cpus", [None, "4000m", "64"])
def test_where_the_capacity_allows_doubt_the_node_itself_decides(cpus: str | None) -> None:
    """CPU numbers may have gaps, and a capacity may be missing: then only the node can say."""
    assert decided(CpuChoice("99"), ProfilesApiMissing(), static(), node(cpus)).reserved == CpuSet.of(99)


@pytest.mark.parametrize("version", ["v2", "v1", "v1alpha1"])
def test_the_profile_is_the_authority_in_every_version(version: str) -> None:
    """All versions have the same spec.cpu; the source names the profile."""
    policy = decided(BY_WHO_KNOWS, ProfilesFound((profile(version),)), static())
    assert policy.reserved == CpuSet.parse("0-1")
    assert policy.source == 'PerformanceProfile "perf", spec.cpu.reserved'


def test_the_kubelets_wider_reserved_set_is_not_used() -> None:
    """The operator gives the kubelet reserved, OVS and shared CPUs together; only the first are ours."""
    kubelet = static("0-3")
    found = ProfilesFound((profile(isolated="4-7", ovsDpdk="2", shared="3"),))
    assert decided(BY_WHO_KNOWS, found, kubelet, node("8")).reserved == CpuSet.parse("0-1")


@pytest.mark.parametrize("key", ["isolated", "offlined", "shared", "ovsDpdk"])
def test_a_profile_that_gives_a_cpu_twice_stops_the_run(key: str) -> None:
    """Reserved CPUs that are also used otherwise are not safe; both sets are named."""
    with pytest.raises(CpuPolicyError) as caught:
        from_profile(profile(**{key: "1-2"}))
    assert f"spec.cpu.reserved (0-1) and spec.cpu.{key} (1-2) share 1" in caught.value.message


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (profile(reserved=""), 'PerformanceProfile "perf" has no spec.cpu.reserved'),
        ({"metadata": {"name": "perf"}}, 'PerformanceProfile "perf" has no spec.cpu.reserved'),
        (profile(reserved="0-"), 'PerformanceProfile "perf", spec.cpu: "0-" is not a CPU list'),
        (profile(shared="x"), 'PerformanceProfile "perf", spec.cpu: "x" is not a CPU list'),
    ],
)
def test_a_profile_that_cannot_be_read_stops_the_run(broken: dict[str, Any], words: str) -> None:
    """Nothing else is used in place of a profile that is the node's but says nothing usable."""
    with pytest.raises(CpuPolicyError) as caught:
        from_profile(broken)
    assert words in caught.value.message


@pytest.mark.parametrize(
    ("kubelet", "words"),
    [
        (Kubelet(cpuManagerPolicy="none"), "runs with the CPU manager policy none"),
        (Kubelet(), "runs with the CPU manager policy none"),
        (static("0"), "runs with reservedSystemCPUs 0"),
    ],
)
def test_a_profile_that_is_not_what_runs_stops_the_run(kubelet: Kubelet, words: str) -> None:
    """Before the reboot, or with a paused pool, profile and kubelet disagree; both are named."""
    message = doubt(ProfilesFound((profile(),)), kubelet)
    assert words in message
    assert 'PerformanceProfile "perf", spec.cpu.reserved says 0-1 for node n1' in message


def by_claims(value: object) -> dict[str, Any]:
    """The profile with the annotation that has CPUs given away by claims."""
    made = profile()
    made["metadata"]["annotations"] = {"performance.openshift.io/dra-resource-management": value}
    return made


@pytest.mark.parametrize("kubelet", [Kubelet(cpuManagerPolicy="none"), Kubelet(), static("0-3"), unreadable()])
def test_a_profile_with_claims_goes_with_a_kubelet_that_gives_none_away(kubelet: Kubelet) -> None:
    """The Node Tuning Operator then writes the policy none and no reservedSystemCPUs: that is no contradiction."""
    policy = decided(BY_WHO_KNOWS, ProfilesFound((by_claims("true"),)), kubelet)
    assert (policy.reserved, policy.by, policy.nothing_exclusive) == (CpuSet.parse("0-1"), BY_PROFILE, False)
    assert all(check.agrees for check in policy.cross_checks)


@pytest.mark.parametrize("value", ["false", "", None])
def test_an_annotation_that_does_not_say_true_is_none(value: object) -> None:
    """As the operator reads it."""
    assert "the CPU manager policy none" in doubt(ProfilesFound((by_claims(value),)), Kubelet())


def test_no_right_to_ask_the_kubelet_does_not_hinder_a_profile() -> None:
    """Few users may read configz; the node's own checkpoint remains as the veto."""
    assert decided(BY_WHO_KNOWS, ProfilesFound((profile(),)), unreadable()).reserved == CpuSet.parse("0-1")


def test_the_kubelets_agreement_is_part_of_the_proof() -> None:
    """What was compared with what can be shown."""
    policy = decided(BY_WHO_KNOWS, ProfilesFound((profile(),)), static("0-3"))
    assert policy.cross_checks == (CrossCheck("kubelet configz, reservedSystemCPUs", CpuSet.parse("0-3"), agrees=True),)


@pytest.mark.parametrize("profiles", [ProfilesApiMissing(), ProfilesFound(()), FORBIDDEN])
def test_without_a_profile_the_node_has_to_say(profiles: Any) -> None:  # noqa: ANN401 - a union
    """404, an empty list and 403: the question takes along what is known, and why the kubelet could not be asked."""
    known = undecided(profiles, static("0"))
    assert (known.profiles, known.configz) == (profiles, KubeletCpus("static", CpuSet.of(0)))
    unknown = undecided(profiles, unreadable())
    assert (unknown.configz, unknown.why_no_configz) == (None, "nodes n1/proxy is forbidden")


def test_the_nodes_word_may_be_asked_for_though_there_is_a_profile() -> None:
    """--cpu-source node does not look at profiles; --cpu-source kubelet needs the CPUs that are not reserved."""
    found = ProfilesFound((profile(isolated="4-7", ovsDpdk="2", shared="3"),))
    assert undecided(found, static(), BY_NODE).not_reserved is None
    assert undecided(found, static(), BY_KUBELET).not_reserved == CpuSet.of(2, 3)


def test_a_profile_that_is_forced_may_be_contradicted() -> None:
    """--cpu-source profile: the kubelet's other word is kept for the warnings."""
    policy = decided(CpuChoice(source=BY_PROFILE), ProfilesFound((profile(),)), static("0"))
    assert policy.forced
    assert policy.cross_checks == (CrossCheck("kubelet configz, reservedSystemCPUs", CpuSet.of(0), agrees=False),)


def test_a_profile_that_is_forced_must_be_there() -> None:
    """Nothing else is taken in its place."""
    for profiles in (ProfilesApiMissing(), ProfilesFound(()), FORBIDDEN, ProfilesFound((profile(selector="other"),))):
        with pytest.raises(CpuPolicyError, match="or leave out --cpu-source"):
            decide(CpuChoice(source=BY_PROFILE), profiles, node(), static())


def test_a_profile_by_name() -> None:
    """Where two match, and also where it does not select the node, which is said."""
    two = ProfilesFound((profile(), profile(selector="other") | {"metadata": {"name": "new"}}))
    assert decided(CpuChoice(profile="perf"), two, static()).notes == ()
    policy = decided(CpuChoice(profile="new"), two, static())
    assert policy.source == 'PerformanceProfile "new", spec.cpu.reserved'
    assert policy.notes == ('PerformanceProfile "new" does not select node n1: taken as --profile says',)


def test_a_profile_by_name_is_compared_all_the_same() -> None:
    """--profile says which profile, not that the node is wrong."""
    with pytest.raises(CpuPolicyError, match="its kubelet runs with reservedSystemCPUs 0"):
        decide(CpuChoice(profile="perf"), ProfilesFound((profile(),)), node(), static("0"))


def test_a_large_node() -> None:
    """128 CPUs of two sockets, SMT siblings apart: reserved, OVS, shared and offline ones, each its own."""
    cpu = {"reserved": "0-1,64-65", "ovsDpdk": "2,66", "shared": "3,67", "offlined": "60-63,124-127"}
    large = profile(**cpu, isolated="4-59,68-123")
    kubelet = static("0-3,64-67")
    policy = decided(BY_WHO_KNOWS, ProfilesFound((large,)), kubelet, node("120"))
    assert str(policy.reserved) == "0-1,64-65"
    assert policy.cross_checks[0].agrees
