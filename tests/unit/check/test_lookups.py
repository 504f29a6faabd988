"""What is asked of a cluster about a pod's surroundings, and what of it counts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.unit.check.builders import CLASS, Json, pod
from tests.unit.check.cluster import LOOP, PROFILES, node, profile, run
from tests.unit.fake_api import PODS

if TYPE_CHECKING:
    from tests.unit.fake_api import FakeApi


@pytest.mark.parametrize(
    ("runtime", "made", "words"),
    [
        ("cri-o://1.35.1", profile(), "FirstExclusiveCPU"),
        ("cri-o://1.35.1", profile(**{"exec-cpu-affinity": "disable"}), "AnyExclusiveCPU"),
        ("cri-o://1.35.1", profile(**{"dra-resource-management": "true"}), "SharedPool"),
        ("cri-o://1.33.1", profile(), "AnyExclusiveCPU"),
        ("containerd://2.2.0", profile(), "AnyExclusiveCPU"),
    ],
)
def test_the_nodes_runtime_and_its_profile_count(
    cluster: FakeApi, capfd: pytest.CaptureFixture[str], runtime: str, made: Json, words: str
) -> None:
    """As the API server has them, with the profile's opt-outs."""
    cluster.objects["/api/v1/nodes/n1"] = node(runtime=runtime)
    cluster.objects[PROFILES] = [made]
    _, out, _ = run(capfd, "du-0", "-o", "json")
    assert json.loads(out)["rows"][0]["lands"]["on"] == words


def test_the_shared_cpu_is_the_lowest_of_the_profiles(cluster: FakeApi, capfd: pytest.CaptureFixture[str]) -> None:
    """And plain oc exec is safe there."""
    cluster.objects["/api/v1/nodes/n1"] = node(runtime="cri-o://1.35.1")
    shared = {"cpu-shared.crio.io/dpdk": "enable"}
    cluster.objects[f"{PODS}/du-0"] = pod(LOOP, runtimeClassName=CLASS, annotations=shared)
    status, out, _ = run(capfd, "du-0", "-o", "wide", "--fail-on", "any")
    assert status == 0
    assert "shared CPU 2" in out


def claims(name: str, request: Json) -> Json:
    """A claim or template that asks for something."""
    return {"metadata": {"name": name}, "spec": {"devices": {"requests": [request]}}}


@pytest.mark.parametrize(
    ("claim", "words"),
    [
        (claims("c", {"name": "r", "exactly": {"deviceClassName": "dra.cpu"}}), "CPUsOfClaim"),
        (claims("c", {"name": "r", "firstAvailable": [{"deviceClassName": "dra.cpu-dataplane"}]}), "CPUsOfClaim"),
        (claims("c", {"name": "r", "deviceClassName": "dra.cpu"}), "CPUsOfClaim"),
        (
            {
                **claims("c", {"name": "r", "exactly": {"deviceClassName": "fast"}}),
                "status": {"allocation": {"devices": {"results": [{"driver": "dra.cpu"}]}}},
            },
            "CPUsOfClaim",
        ),
        (claims("c", {"name": "r", "exactly": {"deviceClassName": "gpu.example.com"}}), "SharedPool"),
    ],
)
def test_claims_of_a_cpu_driver_are_found(
    cluster: FakeApi, capfd: pytest.CaptureFixture[str], claim: Json, words: str
) -> None:
    """By the class that is asked for, or by who gave; in the newest version that is served."""
    claiming = pod(
        {"name": "a", "resources": {"claims": [{"name": "mine"}]}},
        resourceClaims=[{"name": "mine", "resourceClaimTemplateName": "t"}],
        status={"resourceClaimStatuses": [{"name": "mine", "resourceClaimName": "c"}]},
    )
    cluster.objects[f"{PODS}/du-0"] = claiming
    cluster.objects["/apis/resource.k8s.io/v1/namespaces/ran/resourceclaims"] = [claim]
    _, out, _ = run(capfd, "du-0", "-o", "json")
    assert json.loads(out)["rows"][0]["lands"]["on"] == words
