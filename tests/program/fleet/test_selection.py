"""Which pods are meant."""

from __future__ import annotations

import random
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from kubectl_nsexec.errors import ApiError, TargetError
from kubectl_nsexec.fleet.selection import drawn, find
from kubectl_nsexec.helper.manifest import OWNER, OWNER_LABEL
from kubectl_nsexec.model.fleet import Amount, Fleet
from kubectl_nsexec.model.request import Request
from kubectl_nsexec.target import container_choice

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubectl_nsexec.kube import Connection
    from kubectl_nsexec.kube.api import Query

Json = dict[str, Any]


def pod(name: str, node: str = "n0", *, phase: str = "Running", namespace: str = "ran", **metadata: Any) -> Json:  # noqa: ANN401 - as the API has it
    """A v1 Pod of a list."""
    return {
        "metadata": {"name": name, "namespace": namespace, "uid": f"{namespace}-{name}", **metadata},
        "spec": {"nodeName": node, "containers": [{"name": "main", "image": "i", "env": []}]},
        "status": {"phase": phase, "conditions": [], "containerStatuses": [{"name": "main"}]},
    }


class Lists:
    """A Cluster of lists in pages of ``size``; each request is noted."""

    namespace = "ran"

    def __init__(self, *pods: Json, size: int = 500, gone: int = 0) -> None:
        self._pods = pods
        self._size = size
        self._gone = gone
        self.asked: list[tuple[str, dict[str, str]]] = []

    def request(
        self,
        method: str,
        path: str,
        query: Query = (),
        body: Json | None = None,
        *,
        timeout_seconds: float | None = None,
        accept: str = "",
        patience_seconds: float = 0.0,
    ) -> Json:
        del body, timeout_seconds, accept, patience_seconds
        assert method == "GET"
        named = dict(query)
        self.asked.append((path, named))
        if "/daemonsets/" in path:
            return {"spec": {"selector": {"matchLabels": {"app": "du"}}}}
        begin = int(named.get("continue", 0))
        if begin and self._gone:
            self._gone -= 1
            raise ApiError("too old", reason="Expired", status=410)
        more = {"continue": str(begin + self._size)} if begin + self._size < len(self._pods) else {}
        return {"metadata": more, "items": list(self._pods[begin : begin + self._size])}

    def watch(self, path: str, query: Query, *, timeout_seconds: float) -> Iterator[Json]:
        raise AssertionError((path, query, timeout_seconds))

    def open_stream(self, path: str, query: Query, *, timeout_seconds: float) -> Connection:
        raise AssertionError((path, query, timeout_seconds))


def names(cluster: Lists, fleet: Fleet, **request: Any) -> list[str]:  # noqa: ANN401 - any field
    """Of the pods that are found."""
    found = find(cluster, Request(pod="", command=(b"true",), **request), fleet, random.Random(1))  # noqa: S311 - no secret
    return [f"{each['metadata']['namespace']}/{each['metadata']['name']}" for each in found.pods]


@pytest.mark.parametrize(
    ("fleet", "request_", "path", "query"),
    [
        (Fleet("app=du"), {}, "/api/v1/namespaces/ran/pods", {"labelSelector": "app=du"}),
        (Fleet("a"), {"namespace": "core"}, "/api/v1/namespaces/core/pods", {"labelSelector": "a"}),
        (Fleet(all_namespaces=True), {}, "/api/v1/pods", {}),
        (Fleet(nodes=("n0",)), {}, "/api/v1/namespaces/ran/pods", {"fieldSelector": "spec.nodeName=n0"}),
        (
            Fleet("a", "spec.hostNetwork=true", nodes=("n0",)),
            {},
            "/api/v1/namespaces/ran/pods",
            {"labelSelector": "a", "fieldSelector": "spec.hostNetwork=true,spec.nodeName=n0"},
        ),
        (Fleet(nodes=("n0", "n1")), {}, "/api/v1/namespaces/ran/pods", {}),
    ],
)
def test_what_is_asked_for(fleet: Fleet, request_: dict[str, Any], path: str, query: dict[str, str]) -> None:
    """The server selects whatever it can."""
    cluster = Lists(pod("du-0"))
    names(cluster, fleet, **request_)
    assert cluster.asked == [(path, {**query, "limit": "500"})]


def test_all_pods_of_an_object_are_those_of_its_selector() -> None:
    """As kubectl finds the one that it takes."""
    cluster = Lists(pod("du-0"), pod("du-1"))
    request = Request(pod="daemonsets.apps/du", command=(b"true",))
    assert len(find(cluster, request, Fleet(all_pods=True)).pods) == 2
    assert cluster.asked[0][0] == "/apis/apps/v1/namespaces/ran/daemonsets/du"
    assert cluster.asked[1][1]["labelSelector"] == "app=du"


@pytest.mark.parametrize("gone", [0, 1])
def test_a_list_comes_in_pages(gone: int) -> None:
    """Also one that begins anew, because the server has forgotten its beginning (410); then nothing counts twice."""
    pods = [pod(f"du-{number}") for number in range(5)] + [pod("x", phase="Pending")]
    cluster = Lists(*pods, size=2, gone=gone)
    found = find(cluster, Request(pod="", command=(b"true",)), Fleet("a"))
    assert [each["metadata"]["name"] for each in found.pods] == [f"du-{number}" for number in range(5)]
    assert found.left_out == {"Pending": 1}


def test_a_list_does_not_begin_anew_for_ever() -> None:
    """The second time it is an error."""
    with pytest.raises(ApiError, match="too old"):
        names(Lists(*(pod(f"du-{number}") for number in range(5)), size=2, gone=2), Fleet("a"))


def test_what_does_not_run_is_left_out_and_counted() -> None:
    """Each for its reason."""
    cluster = Lists(
        pod("du-0"),
        pod("du-1", phase="Pending"),
        pod("du-2", phase="Succeeded"),
        pod("du-3", phase="Succeeded"),
        pod("du-4", deletionTimestamp="2026-11-28T00:00:00Z"),
        pod("du-5", labels={OWNER_LABEL: OWNER}),
        pod("web-0"),
    )
    found = find(cluster, Request(pod="", command=(b"true",)), Fleet("a", exclude=("ran/web-*",)))
    assert [each["metadata"]["name"] for each in found.pods] == ["du-0"]
    assert found.notice() == ("left out: 1 Pending, 2 Succeeded, 1 being deleted, 1 excluded, 1 helper pod of nsexec")


def test_nothing_is_said_where_nothing_is_left_out() -> None:
    """Every pod that matches runs."""
    assert find(Lists(pod("du-0")), Request(pod="", command=(b"true",)), Fleet("a")).notice() is None


@pytest.mark.parametrize(
    ("fleet", "words"),
    [
        (Fleet("app=du"), 'no running pod matches -l app=du in the namespace "ran" (left out: 1 Pending)'),
        (
            Fleet("app=du", all_namespaces=True),
            "no running pod matches -l app=du in any namespace (left out: 1 Pending)",
        ),
        (Fleet(nodes=("n7", "n8")), 'no running pod matches --node n7 --node n8 in the namespace "ran"'),
    ],
)
def test_none_is_an_error_that_says_what_was_asked_for(fleet: Fleet, words: str) -> None:
    """In the words of the flags, and what there was instead."""
    with pytest.raises(TargetError) as refused:
        names(Lists(pod("du-0", phase="Pending")), fleet)
    assert (refused.value.message, refused.value.exit_status) == (words, 1)


def test_they_come_by_namespace_and_name() -> None:
    """Whatever order the server has."""
    cluster = Lists(pod("b"), pod("a"), pod("z", namespace="core"))
    assert names(cluster, Fleet(all_namespaces=True)) == ["core/z", "ran/a", "ran/b"]


def test_of_a_pod_only_what_decides_is_kept() -> None:
    """Of thousands, the rest would be in the way; the container is chosen all the same."""
    found = find(Lists(pod("du-0")), Request(pod="", command=(b"true",)), Fleet("a")).pods[0]
    assert found == container_choice.slim(pod("du-0"))
    assert "conditions" not in found["status"]
    assert found["spec"]["containers"] == [{"name": "main", "image": "i"}]


@pytest.mark.parametrize(
    ("amount", "expected"),
    [(Amount(3), {1}), (Amount(6), {2}), (Amount(4), {1, 2}), (Amount(50, percent=True), {1, 2}), (Amount(9), {2, 5})],
)
def test_a_sample_is_even_over_the_nodes(amount: Amount, expected: set[int]) -> None:
    """As many on each, as long as it has so many."""
    pods = (
        [pod(f"a-{n}", "a") for n in range(5)]
        + [pod(f"b-{n}", "b") for n in range(2)]
        + [pod(f"c-{n}", "c") for n in range(2)]
    )
    sample = drawn(pods, amount, random.Random(7))  # noqa: S311 - no secret
    assert len({each["metadata"]["name"] for each in sample}) == len(sample) == amount.at_least(len(pods))
    assert {*Counter(each["spec"]["nodeName"] for each in sample).values()} <= expected
    assert sample == sorted(sample, key=lambda each: str(each["metadata"]["name"]))


def test_a_sample_of_more_than_there_are_is_all_of_them() -> None:
    """Without a word of those that were not picked."""
    cluster = Lists(pod("du-0"), pod("du-1"))
    found = find(cluster, Request(pod="", command=(b"true",)), Fleet("a", pick=Amount(9)))
    assert (len(found.pods), found.notice()) == (2, None)
