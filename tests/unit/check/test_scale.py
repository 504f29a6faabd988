"""Long lists: how often the API server is asked, how much is held."""

from __future__ import annotations

import json
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest

from kubectl_nsexec.check import run as check
from kubectl_nsexec.errors import ApiError
from kubectl_nsexec.model.request import CheckRequest, ClusterOptions
from kubectl_nsexec.ui.console import Console
from tests.unit.check.builders import CLASS, Json, pod, probe
from tests.unit.check.cluster import ALL_PODS, CLASS_PATH, LOOP, PROFILES, node, paths, run
from tests.unit.fakes import FakeCluster

if TYPE_CHECKING:
    from tests.unit.fake_api import FakeApi


def test_a_list_that_grows_too_old_is_begun_anew() -> None:
    """410 Gone between two pages; once, then it is the server's answer."""
    answers: list[Json | ApiError] = [
        {"items": [pod({"name": "a"})], "metadata": {"continue": "x"}},
        ApiError("too old", reason="Expired", status=410),
        {"items": [pod({"name": "a"}), pod({"name": "b"}, name="p-1")], "metadata": {}},
    ]

    def answer(_: Json | None) -> Json:
        turn = answers.pop(0)
        if isinstance(turn, ApiError):
            raise turn
        return turn

    cluster = FakeCluster({"GET /api/v1/pods": answer})
    asked = CheckRequest(ClusterOptions(), all_namespaces=True, quiet=True)
    console = Console(quiet=True)
    assert check.check(asked, console, lambda: cluster) == 0
    assert answers == []


def many(number: int) -> Json:
    """One of many replicas of fifty Deployments on a thousand nodes, every fifth pinned; as large as pods are."""
    app_name = f"app-{number % 50}"
    made = pod(
        LOOP if number % 5 == 0 else {"name": "web", "livenessProbe": probe()},
        name=f"{app_name}-abc-{number}",
        node=f"n{number % 1000}",
        owner={"kind": "ReplicaSet", "name": f"{app_name}-abc"},
        labels={"pod-template-hash": "abc"},
        runtimeClassName=CLASS if number % 5 == 0 else "",
    )
    made["metadata"]["managedFields"] = [{"fieldsV1": {f"f:{n}": {} for n in range(100)}}]
    return made


@pytest.mark.no_cover  # measured it takes four times as long
def test_five_thousand_pods_take_ten_pages_and_little_memory(
    cluster: FakeApi, capfd: pytest.CaptureFixture[str]
) -> None:
    """Requests grow with pages, not with pods; nodes are listed as soon as there are many. A page is held at a time."""

    class Pages(list[Any]):
        """Pods that are made when they are asked for, so that the server's are not counted."""

        def __len__(self) -> int:
            return 5000

        def __getitem__(self, part: object) -> object:  # type: ignore[override] # only slices are asked for
            assert isinstance(part, slice)
            return [many(number) for number in range(*part.indices(5000))]

    cluster.objects[ALL_PODS] = Pages()
    cluster.objects["/api/v1/nodes"] = [node(f"n{number}") for number in range(1000)]
    for number in range(1000):
        cluster.objects[f"/api/v1/nodes/n{number}"] = node(f"n{number}")
    run(capfd, "-A", "-o", "json")  # imports are no part of it
    cluster.asked.clear()
    tracemalloc.start()
    try:
        status, out, _ = run(capfd, "-A", "-o", "json")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    document = json.loads(out)
    assert status == 3
    assert document["summary"]["pods"] == 5000
    assert sum(row["pods"] for row in document["rows"] if row["wayIn"]["kind"] == "oc exec") == 5000
    assert len(document["rows"]) == 50 * 2
    asked = [path.rstrip("0123456789") for path in paths(cluster)]
    assert asked.count(ALL_PODS) == 10
    assert {path: asked.count(path) for path in set(asked)} == {
        ALL_PODS: 10,
        "/api/v1/nodes/n": 8,
        "/api/v1/nodes": 2,
        CLASS_PATH: 1,
        PROFILES: 1,
    }
    assert peak < 40_000_000  # 25 MB with the server's own, 70 where all pods are held
