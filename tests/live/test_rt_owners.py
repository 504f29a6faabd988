"""On the real-time node: CPUs that others than the kubelet gave away. Nothing of ours is ever on an isolated one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from kubectl_nsexec.cpus.profiles import CLAIMS_ANNOTATION
from kubectl_nsexec.model.cpuset import CpuSet
from testbed import rt_config, rt_runtime
from tests.live import rt, rt_ways
from tests.live.harness import Pods
from tests.live.pods import guaranteed, pod

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.live.api import Api
    from tests.live.harness import Finished, Program
    from tests.live.pods import Pod

pytestmark = [pytest.mark.rt_node, pytest.mark.alone, pytest.mark.usefixtures("nothing_left")]

ISOLATED = CpuSet.parse(rt_config.ISOLATED)
SYSFS = f"the kernel isolates {rt_config.ISOLATED} (/sys/devices/system/cpu/isolated)"
KUBELET = ("--cpu-source", "kubelet")
"""As in a cluster without PerformanceProfiles."""
_LAST_DROP_IN = "/etc/crio/crio.conf.d/99-none.conf"


@pytest.fixture(scope="class")
def policy_none(rt_node: str) -> Iterator[None]:
    """The kubelet gives no CPU away, and reserves none: else a container on just those would be the system's."""
    assert rt_node
    with rt.cpu_manager(policy="none", reserved=""):
        yield


@pytest.fixture
def nobody_reserves() -> Iterator[None]:
    """The kubelet does not, see above; nor does CRI-O, where the node has it, for the time of a test."""
    if rt_runtime.chosen() != rt_runtime.CRIO:
        yield
        return
    rt.put(b'[crio.runtime]\ninfra_ctr_cpuset = ""\n', _LAST_DROP_IN)
    yield
    rt.inside(f"rm {_LAST_DROP_IN}")


@pytest.fixture
def profile_with_claims(kubectl: Program) -> Iterator[None]:
    """The node's profile has a DRA driver give CPUs away, for the time of a test."""
    annotate = ("annotate", "performanceprofile/performance-worker-rt")
    kubectl.ok(*annotate, f"{CLAIMS_ANNOTATION}=true")
    yield
    kubectl.ok(*annotate, f"{CLAIMS_ANNOTATION}-")


@pytest.fixture(scope="class")
def free(api: Api, namespace: str, policy_none: None, rt_node: str) -> Iterator[Pod]:
    """A pod that was given no CPU, and is given none.

    It goes with the policy: on all CPUs it would own the reserved ones under strict reservation, until the kubelet has
    put it into the pool, and that one does so when it starts or an hour later.
    """
    assert policy_none is None
    made = Pods(api, namespace)
    try:
        yield made.start(pod("free", node=rt_node))
    finally:
        made.delete_all()


@pytest.fixture
def own(pods: Pods, rt_node: str) -> Pod:
    """A pod of the test's own, that was given no CPU yet."""
    return pods.start(pod("own", node=rt_node))


def mask(done: Finished) -> CpuSet:
    """Where the command was; it is on no isolated CPU."""
    assert done.status == 0, done.stderr
    found = CpuSet.parse(done.text.split()[1])
    assert found.isdisjoint(ISOLATED)
    return found


@pytest.mark.usefixtures("policy_none")
class TestPolicyNone:
    """The kubelet's word is that nothing is exclusive; the kernel isolates 2-3."""

    def test_beside_an_unpinned_target(self, nsexec: Program, free: Pod) -> None:
        """It is on what the kernel does not isolate; whose the rest is, is said and shown."""
        done = nsexec(*rt.options(free), *KUBELET, "--", *rt.MASK)
        assert mask(done) == rt.RESERVED
        assert f"but {SYSFS}" in done.stderr
        proof = json.loads(nsexec.ok(*rt.options(free), *KUBELET, "--verify", "-q", "-o", "json"))
        assert CpuSet.parse(proof["command"]["cpus"]) == rt.RESERVED
        looked = {look["source"]: look["cpus"] for look in proof["lookedAt"]}
        assert looked["/sys/devices/system/cpu/isolated"] == rt_config.ISOLATED
        assert looked["/sys/devices/system/cpu/nohz_full"] == rt_config.ISOLATED
        assert looked["cpu_manager_state, policy none"] == ""
        assert looked["cpusets of containers"] == ""

    @pytest.mark.usefixtures("nobody_reserves")
    def test_a_target_with_the_other_cpus_for_itself(self, nsexec: Program, own: Pod) -> None:
        """Nothing is left but isolated CPUs: the run stops, and says what it found, and what to do."""
        rt.allow(own, rt_config.RESERVED)
        refused = nsexec(*rt.options(own), *KUBELET, "--", "echo", "started")
        assert (refused.status, refused.stdout) == (125, b"")
        assert SYSFS in refused.stderr
        assert "--cpus LIST" in refused.stderr

    @pytest.mark.parametrize("whose", ["the target's", "another's"])
    def test_a_claim_is_kept_clear_of(self, nsexec: Program, own: Pod, free: Pod, whose: str) -> None:
        """A driver gave CPU 0 to a container: the command is on the only one that is nobody's."""
        rt.allow(own, "0")
        target = own if whose == "the target's" else free
        assert mask(nsexec(*rt.options(target), *KUBELET, "--", *rt.MASK)) == CpuSet.of(1)

    def test_a_loop_that_the_kubelet_knows_nothing_of(self, nsexec: Program, pods: Pods) -> None:
        """SCHED_FIFO on an isolated CPU, by its own sched_setaffinity: it answers beside it, on the others."""
        loop = pods.start(rt.unknown_loop(min(ISOLATED)))
        assert mask(nsexec(*rt.options(loop), *KUBELET, "--", *rt.MASK)) == rt.RESERVED

    @pytest.mark.parametrize("cpus", ["2", "1-2", rt_config.ISOLATED])
    def test_cpus_by_hand_are_no_way_round(self, nsexec: Program, free: Pod, cpus: str) -> None:
        """The user's own word gives nobody's CPUs away either; both sides are named."""
        refused = nsexec(*rt.options(free), "--cpus", cpus, "--", "echo", "started")
        assert (refused.status, refused.stdout) == (125, b"")
        assert "the kernel isolates CPUs" in refused.stderr
        assert f"asked for were the CPUs {cpus} (--cpus)" in refused.stderr

    @pytest.mark.parametrize("way", ["ssh", "local"])
    def test_without_a_helper_pod_the_same(self, nsexec: Program, free: Pod, client: None, way: str) -> None:
        """The agent looks with the same eyes."""
        del client
        run = rt_ways.by_ssh(nsexec) if way == "ssh" else rt_ways.by_local()
        assert mask(run(*rt.options(free), *KUBELET, "--", *rt.MASK)) == rt.RESERVED
        assert run(*rt.options(free), "--cpus", "2", "--", "true").status == 125

    @pytest.mark.usefixtures("profile_with_claims")
    def test_a_profile_with_claims_goes_with_it(self, nsexec: Program, own: Pod, free: Pod) -> None:
        """The Node Tuning Operator writes the policy none for it; a claim of its reserved CPUs is a contradiction."""
        assert mask(nsexec(*rt.options(free), "--", *rt.MASK)) == rt.RESERVED
        rt.allow(own, "0")
        refused = nsexec(*rt.options(free), "--", "echo", "started")
        assert (refused.status, refused.stdout) == (125, b"")
        assert "both claim 0; nothing was started" in refused.stderr

    def test_a_profile_without_claims_is_another_matter(self, nsexec: Program, free: Pod) -> None:
        """It comes with the static policy: it is not what runs here."""
        refused = nsexec(*rt.options(free), "--", "true")
        assert refused.status == 125
        assert "the CPU manager policy none" in refused.stderr


@pytest.fixture(scope="class")
def wide_reservation(rt_node: str) -> Iterator[None]:
    """An isolated CPU is hidden from the kubelet among those that it reserves."""
    assert rt_node
    with rt.cpu_manager(reserved="0-2"):
        yield


@pytest.mark.usefixtures("wide_reservation")
class TestIsolatedCpusAmongTheReserved:
    """reservedSystemCPUs 0-2, of which the kernel isolates 2."""

    def test_they_are_not_the_systems(self, nsexec: Program, pods: Pods, rt_node: str) -> None:
        """Cut off, and it is said; by the profile, which does not count them in, it is as ever."""
        target = pods.start(guaranteed("target", node=rt_node))
        done = nsexec(*rt.options(target), *KUBELET, "--", *rt.MASK)
        assert mask(done) == rt.RESERVED
        assert "says 0-2, of which the kernel isolates 2: those are left alone" in done.stderr
        assert mask(nsexec(*rt.options(target), "--", *rt.MASK)) == rt.RESERVED


@pytest.fixture(scope="class")
def strict(rt_node: str) -> Iterator[None]:
    """The kubelet with ``strict-cpu-reservation``, which leaves a container's cpuset as it is."""
    assert rt_node
    with rt.cpu_manager(strict=True, reconcile="1h"):
        yield


@pytest.mark.usefixtures("strict")
class TestStrictReservation:
    """The shared pool has no reserved CPU."""

    @pytest.mark.parametrize("source", [(), KUBELET])
    def test_a_target_on_the_reserved_cpus_is_entered(self, nsexec: Program, own: Pod, source: tuple[str, ...]) -> None:
        """As etcd and operators are with workload partitioning: it owns none of them."""
        rt.allow(own, rt_config.RESERVED)
        assert mask(nsexec(*rt.options(own), *source, "--", *rt.MASK)) == rt.RESERVED
        proof = json.loads(nsexec.ok(*rt.options(own), *source, "--verify", "-q", "-o", "json"))
        assert proof["target"]["cpus"] == rt_config.RESERVED
        assert proof["verdict"] == {
            "reason": "SharedPool",
            "message": "the target owns no CPU: it runs on the reserved ones",
        }
