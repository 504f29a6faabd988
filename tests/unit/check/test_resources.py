"""Which CPUs a container has for itself, by its pod."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from kubectl_nsexec.check.resources import CLAIM, POD_LEVEL, POOL, WHOLE, Owned, containers, owned, qos, quantity
from tests.unit.check.builders import container, pod

REQUESTED = {"requests": {"cpu": "1"}, "limits": {"cpu": "2", "memory": "1Gi"}}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2", "2"),
        (2, "2"),
        (0.5, "0.5"),
        ("500m", "0.5"),
        ("2000m", "2"),
        ("2e0", "2"),
        ("2E3", "2000"),
        ("1k", "1000"),
        ("1Ki", "1024"),
        ("1Gi", str(2**30)),
        ("100n", "1e-7"),
        (".5", "0.5"),
        (" 1 ", "1"),
    ],
)
def test_quantities_are_read_as_the_api_server_reads_them(text: object, value: str) -> None:
    """Every form of a resource.Quantity."""
    assert quantity(text) == Decimal(value)


@pytest.mark.parametrize("text", ["", "x", "2 CPUs", "1KI", None, "0x2", "--1", "1e999999999"])
def test_what_is_no_quantity_is_none(text: object) -> None:
    """Nobody has validated a manifest."""
    assert quantity(text) is None


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (pod(container()), "Guaranteed"),
        (pod(container(), container("b", "500m")), "Guaranteed"),
        (pod(container(), {"name": "b"}), "Burstable"),
        (pod({"name": "a", "resources": REQUESTED}), "Burstable"),
        (pod({"name": "a", "resources": {"limits": {"cpu": "2"}}}), "Burstable"),
        (pod({"name": "a"}), "BestEffort"),
        (pod({"name": "a", "resources": {"limits": {"cpu": "0", "memory": "0"}}}), "BestEffort"),
        (pod(container(), initContainers=[{"name": "i"}]), "Burstable"),
        (pod({"name": "a"}, resources={"limits": {"cpu": "4", "memory": "4Gi"}}), "Guaranteed"),
        (pod(container(), resources={"requests": {"cpu": "4"}}), "Burstable"),
        (pod({"name": "a"}, status={"qosClass": "Guaranteed"}), "Guaranteed"),
    ],
)
def test_the_qos_class_is_the_api_servers(made: dict[str, Any], expected: str) -> None:
    """As pkg/apis/core/v1/helper/qos has it, where the API server has not said it; init containers count."""
    assert qos(made) == expected


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (pod(container()), Owned(WHOLE, 2)),
        (pod(container(cpu=3)), Owned(WHOLE, 3)),
        (pod(container(cpu="2000m")), Owned(WHOLE, 2)),
        (pod(container(cpu="1500m")), Owned(POOL)),
        (pod(container(cpu="1e40")), Owned(WHOLE, 10**40)),
        (pod(container(cpu="-1")), Owned(POOL)),
        (pod({"name": "a", "resources": REQUESTED}), Owned(POOL)),
        (pod({"name": "a"}), Owned(POOL)),
        (pod(container(), resources={"limits": {"cpu": "4", "memory": "4Gi"}}), Owned(POD_LEVEL, 2)),
        (pod({"name": "a"}, resources={"limits": {"cpu": "4", "memory": "4Gi"}}), Owned(POD_LEVEL, 4)),
        (pod({"name": "a"}, resources={"limits": {"cpu": "1500m", "memory": "4Gi"}}), Owned(POOL)),
    ],
)
def test_whole_cpus_of_guaranteed_pods_are_a_containers_own(made: dict[str, Any], expected: Owned) -> None:
    """Everything else is in the shared pool; of pod-level resources the container's own or the pod's whole CPUs."""
    assert owned(made, made["spec"]["containers"][0], claimed=False) == expected


def test_a_claim_gives_cpus_whatever_the_qos_class() -> None:
    """The kubelet's policy is none then: CPUs of requests are no more than a share."""
    made = pod({"name": "a"})
    assert owned(made, made["spec"]["containers"][0], claimed=True) == Owned(CLAIM)


def test_sidecars_are_containers_and_init_containers_are_not() -> None:
    """Init containers with restartPolicy Always run as long as the pod (KEP-753)."""
    spec = {
        "containers": [{"name": "a"}],
        "initContainers": [{"name": "once"}, {"name": "proxy", "restartPolicy": "Always"}],
        "ephemeralContainers": [{"name": "debugger"}],
    }
    assert [(kind, each["name"]) for kind, each in containers(spec)] == [("container", "a"), ("sidecar", "proxy")]
