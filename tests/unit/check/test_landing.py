"""Where a process lands that a runtime starts in a container."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_nsexec.check.facts import NodeFacts
from kubectl_nsexec.check.landing import ANY, ELSEWHERE, FIRST, IN_POOL, LIKELY, OF_CLAIM, POSSIBLE, SHARED_CPU
from tests.unit.check.builders import CLASS, CONTAINERD, CRI_O, PROFILE, container, facts, first, pod

SHARED: dict[str, Any] = {"annotations": {"cpu-shared.crio.io/dpdk": "enable"}}
BY_RESOURCE = container(
    resources={"limits": {"cpu": "2", "memory": "1Gi", "workload.openshift.io/enable-shared-cpus": "1"}}
)
LIMITS = {"limits": {"cpu": "4", "memory": "4Gi"}}


def cri_o(*version: int, **changed: Any) -> NodeFacts:  # noqa: ANN401 - any fact
    """The node with another CRI-O."""
    return CRI_O._replace(version=version, **changed)  # type: ignore[arg-type] # three numbers


@pytest.mark.parametrize(
    ("node", "fields", "words", "verdict"),
    [
        (CRI_O, {}, "first exclusive CPU", LIKELY),
        (CRI_O, SHARED, "shared CPU 4", LIKELY),
        (CRI_O, {"annotations": {"cpu-shared.crio.io/other": "enable"}}, "first exclusive CPU", LIKELY),
        (CRI_O, {"annotations": {"cpu-shared.crio.io/dpdk": "disable"}}, "first exclusive CPU", LIKELY),
        (CRI_O, {"runtimeClassName": "plain"}, "any of its exclusive CPUs", LIKELY),
        (CRI_O, {"runtimeClassName": ""}, "any of its exclusive CPUs", LIKELY),
        (cri_o(1, 34, 4), {}, "first exclusive CPU", POSSIBLE),
        (cri_o(1, 33, 9), {}, "any of its exclusive CPUs", LIKELY),
        (cri_o(1, 35, 0, profile=PROFILE._replace(no_exec_affinity=True)), {}, "any of its exclusive CPUs", LIKELY),
        (cri_o(1, 35, 0, profile=None), {}, "any of its exclusive CPUs", POSSIBLE),
        (CRI_O._replace(version=None), {}, "any of its exclusive CPUs", LIKELY),
        (CONTAINERD, {}, "any of its exclusive CPUs", POSSIBLE),
        (NodeFacts("n1"), {}, "any of its exclusive CPUs", POSSIBLE),
        (CRI_O, {"runtimeClassName": "vm"}, "a kernel of its own", LIKELY),
        (CRI_O, {"runtimeClassName": "kata-unknown"}, "a kernel of its own", LIKELY),
    ],
)
def test_where_a_container_of_whole_cpus_is_entered(
    node: NodeFacts, fields: dict[str, Any], words: str, verdict: str
) -> None:
    """CRI-O's rule needs the handler, a release that has it and a profile that does not opt out; else: anywhere."""
    row = first(pod(container(), **{"runtimeClassName": CLASS, **fields}), facts(node))
    assert (row.landing.words, row.landing.verdict) == (words, verdict)


@pytest.mark.parametrize(
    ("version", "unreliable"),
    [((1, 34, 0), "cri-o 1.34.0"), ((1, 34, 3), "cri-o 1.34.3"), ((1, 34, 4), ""), ((1, 35, 0), "")],
)
def test_the_first_releases_with_it_do_not_hold_it(version: tuple[int, int, int], unreliable: str) -> None:
    """1.34.0 to 1.34.3 leave it to the runtime (runc#5036)."""
    row = first(pod(container(), runtimeClassName=CLASS), facts(cri_o(*version)))
    assert (row.landing.kind, row.landing.unreliable) == (FIRST, unreliable)


def test_the_resource_behind_the_annotation_asks_for_shared_cpus_too() -> None:
    """As it stands in a manifest, which the API server has not annotated yet."""
    row = first(pod(BY_RESOURCE, runtimeClassName=CLASS))
    assert row.landing.kind == SHARED_CPU


def test_a_shared_cpu_has_no_number_where_the_profile_names_none() -> None:
    """Then the node would have to say it."""
    node = CRI_O._replace(profile=PROFILE._replace(shared=type(PROFILE.shared)()))
    assert first(pod(container(), runtimeClassName=CLASS, **SHARED), facts(node)).landing.words == "shared CPU"


@pytest.mark.parametrize("name", ["performance-ran", "my-high-performance"])
def test_a_class_that_may_not_be_read_is_known_by_its_name(name: str) -> None:
    """The Node Tuning Operator's are performance-NAME."""
    known = facts()._replace(handlers={})
    assert first(pod(container(), runtimeClassName=name), known).landing.kind == FIRST


def test_a_profile_that_gives_cpus_by_claims_leaves_requests_in_the_pool() -> None:
    """The Node Tuning Operator writes policy none there; a claim gives CPUs that only the node knows."""
    node = CRI_O._replace(profile=PROFILE._replace(by_claims=True))
    assert first(pod(container()), facts(node)).landing.kind == IN_POOL
    claiming = pod(
        {"name": "a", "resources": {"claims": [{"name": "cpus"}]}},
        resourceClaims=[{"name": "cpus", "resourceClaimName": "mine"}],
    )
    row = first(claiming, facts(node, mine=True))
    assert (row.landing.kind, row.landing.verdict) == (OF_CLAIM, POSSIBLE)
    assert first(claiming, facts(node, mine=False)).landing.kind == IN_POOL


def test_a_claim_that_could_not_be_read_is_said() -> None:
    """It may give CPUs: that is not the same as a clean row."""
    claiming = pod(
        {"name": "a", "resources": {"claims": [{"name": "gpu"}]}},
        resourceClaims=[{"name": "gpu", "resourceClaimName": "x"}],
    )
    assert "claim x" in first(claiming).unknown


@pytest.mark.parametrize(
    ("kubelet", "kind", "verdict"), [((1, 35, 9), IN_POOL, LIKELY), ((1, 36, 0), ANY, POSSIBLE), (None, ANY, POSSIBLE)]
)
def test_pod_level_resources_are_exclusive_in_new_kubelets_only(
    kubelet: tuple[int, int, int] | None, kind: str, verdict: str
) -> None:
    """And there behind a feature gate (PodLevelResourceManagers)."""
    row = first(pod(container(), resources=LIMITS), facts(CRI_O._replace(kubelet=kubelet)))
    assert (row.landing.kind, row.landing.verdict) == (kind, verdict)


def test_a_sandbox_is_known_by_its_handler() -> None:
    """Whatever its class is called."""
    assert first(pod(container(), runtimeClassName="vm")).landing.kind == ELSEWHERE
