"""Where the CPUs come from: --cpus, the node's PerformanceProfile, the kubelet; doubt stops the run."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_nsexec.cpu_policy import decide, from_option, from_profile
from kubectl_nsexec.cpuset import CpuSet
from kubectl_nsexec.errors import EXIT_OWN_FAILURE, EXIT_USAGE, ApiError, CpuPolicyError, UsageError
from kubectl_nsexec.profiles import ProfilesApiMissing, ProfilesForbidden, ProfilesFound

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


def doubt(profiles: Any, kubelet: Kubelet, on: dict[str, Any] | None = None) -> str:  # noqa: ANN401 - a union
    """The message of the CpuPolicyError."""
    with pytest.raises(CpuPolicyError) as caught:
        decide(None, profiles, on or node(), kubelet)
    assert caught.value.exit_status == EXIT_OWN_FAILURE
    return caught.value.message


def test_cpus_named_by_hand_win_and_nobody_is_asked() -> None:
    """--cpus is taken before any profile, and the kubelet is not asked."""
    kubelet = static()
    policy = decide("2,3", ProfilesFound((profile(),)), node(), kubelet)
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
        decide("99", ProfilesApiMissing(), node(), static())


@pytest.mark.parametrize("cpus", [None, "4000m", "64"])
def test_where_the_capacity_allows_doubt_the_node_itself_decides(cpus: str | None) -> None:
    """CPU numbers may have gaps, and a capacity may be missing: then only the node can say."""
    assert decide("99", ProfilesApiMissing(), node(cpus), static()).reserved == CpuSet.of(99)


@pytest.mark.parametrize("version", ["v2", "v1", "v1alpha1"])
def test_the_profile_is_the_authority_in_every_version(version: str) -> None:
    """All versions have the same spec.cpu; the source names the profile."""
    policy = decide(None, ProfilesFound((profile(version),)), node(), static())
    assert policy.reserved == CpuSet.parse("0-1")
    assert policy.isolated == CpuSet.parse("2-3")
    assert policy.source == 'PerformanceProfile "perf", spec.cpu.reserved'


def test_the_kubelets_wider_reserved_set_is_not_used() -> None:
    """The operator gives the kubelet reserved, OVS and shared CPUs together; only the first are ours."""
    kubelet = static("0-3")
    found = ProfilesFound((profile(isolated="4-7", ovsDpdk="2", shared="3"),))
    assert decide(None, found, node("8"), kubelet).reserved == CpuSet.parse("0-1")


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


def test_no_right_to_ask_the_kubelet_does_not_hinder_a_profile() -> None:
    """Few users may read configz; the node's own checkpoint remains as the veto."""
    assert decide(None, ProfilesFound((profile(),)), node(), unreadable()).reserved == CpuSet.parse("0-1")


def test_without_the_profile_api_the_kubelet_is_the_source() -> None:
    """Plain Kubernetes (404): reservedSystemCPUs of a static kubelet."""
    policy = decide(None, ProfilesApiMissing(), node(), static("0"))
    assert (policy.reserved, policy.source) == (CpuSet.of(0), "kubelet configz, reservedSystemCPUs")


@pytest.mark.parametrize("profiles", [ProfilesApiMissing(), ProfilesFound(()), FORBIDDEN])
def test_where_nothing_is_exclusive_all_cpus_will_do(profiles: Any) -> None:  # noqa: ANN401 - a union
    """A kubelet with the policy none gives nobody a CPU, whoever else was asked; it is said."""
    policy = decide(None, profiles, node(), Kubelet())
    assert policy.nothing_exclusive
    assert CpuSet.parse("0-3") <= policy.reserved
    assert "no CPU of node n1 is exclusive" in policy.notes[0]


def test_no_reserved_set_is_published() -> None:
    """A static kubelet that picks the reserved CPUs itself tells nobody which."""
    message = doubt(ProfilesApiMissing(), Kubelet(cpuManagerPolicy="static"))
    assert "static without reservedSystemCPUs" in message
    assert "--cpus" in message


def test_missing_hosted_and_forbidden_profiles_are_three_stories() -> None:
    """404, an empty list and 403 each have their own message and next step."""
    missing = doubt(ProfilesApiMissing(), unreadable())
    hosted = doubt(ProfilesFound(()), static())
    forbidden = doubt(FORBIDDEN, static())
    assert "no PerformanceProfile API" in missing
    assert "nodes/proxy" in missing
    assert "hosted control planes" in hosted
    assert "NodePool" in hosted
    assert "cannot list" in forbidden
    assert "get leave to list performanceprofiles" in forbidden
    for message in (missing, hosted, forbidden):
        assert "--cpus" in message


def test_a_node_that_no_profile_selects_is_named() -> None:
    """The static kubelet's wider set is not enough there either; the profiles that exist are listed."""
    message = doubt(ProfilesFound((profile(selector="other"),)), static())
    assert "none of the PerformanceProfiles (perf) selects node n1" in message
    assert "nodeSelector" in message


def test_with_no_rights_at_all_both_rights_are_named() -> None:
    """A user who may ask neither learns of both."""
    message = doubt(FORBIDDEN, unreadable())
    assert "performanceprofiles.performance.openshift.io (verb list) or nodes/proxy (verb get)" in message
