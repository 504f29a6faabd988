"""One watch for all helper pods."""

from __future__ import annotations

import queue
import threading
from collections import deque
from typing import TYPE_CHECKING, Any

import pytest

from kubectl_nsexec.errors import ApiError
from kubectl_nsexec.fleet.helper_watch import HelperWatch
from kubectl_nsexec.kube.api import pod_path
from kubectl_nsexec.model.background import Background
from tests.unit.fakes import FakeCluster, FakeConnection, forbidden

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubectl_nsexec.kube.api import Query

Json = dict[str, Any]

_PODS = pod_path("nsexec")
_WAIT_SECONDS = 30.0


def event(name: str, phase: str, kind: str = "MODIFIED") -> Json:
    """About the pod of that name."""
    return {"type": kind, "object": {"metadata": {"name": name}, "status": {"phase": phase}}}


class Told(FakeCluster):
    """A cluster whose watch says what it is told to, in its time; None ends it."""

    def __init__(self) -> None:
        super().__init__({"GET /x": {"y": 1}})
        self.news: queue.Queue[Json | ApiError | None] = queue.Queue()
        self.queries: list[dict[str, str]] = []

    def watch(self, path: str, query: Query, *, timeout_seconds: float) -> Iterator[Json]:
        del timeout_seconds
        self.queries.append(dict(query))
        self.calls.append(f"WATCH {path}")
        while (each := self.news.get(timeout=_WAIT_SECONDS)) is not None:
            if isinstance(each, ApiError):
                raise each
            yield each


def of(watch: HelperWatch, name: str) -> Iterator[Json]:
    """What is told of that pod."""
    query = [("fieldSelector", f"metadata.name={name}"), ("resourceVersion", "7")]
    return watch.watch(_PODS, query, timeout_seconds=_WAIT_SECONDS)


def phase(events: Iterator[Json]) -> str:
    """Of the pod, by the next event."""
    return str(next(events)["object"]["status"]["phase"])


def test_many_wait_for_one_watch() -> None:
    """Each hears of its own pod only."""
    cluster = Told()
    watch = HelperWatch(cluster, "nsexec")
    first, second = of(watch, "a"), of(watch, "b")
    for told in (event("a", "Pending"), event("b", "Running"), event("a", "Running")):
        cluster.news.put(told)
    assert phase(second) == "Running"
    seen = phase(first)
    assert seen in ("Pending", "Running")  # the last one counts
    if seen == "Pending":
        assert phase(first) == "Running"
    assert cluster.queries == [{"labelSelector": "app.kubernetes.io/managed-by=kubectl-nsexec"}]
    cluster.news.put(None)


def test_what_is_known_comes_first() -> None:
    """To whoever waits anew for the same pod, as after three seconds."""
    cluster = Told()
    watch = HelperWatch(cluster, "nsexec")
    keeps = of(watch, "other")
    heard = Background(lambda: phase(keeps))
    cluster.news.put(event("a", "Pending"))
    assert phase(of(watch, "a")) == "Pending"
    assert phase(of(watch, "a")) == "Pending"
    cluster.news.put(event("other", "Running"))
    assert heard.result(_WAIT_SECONDS) == "Running"
    cluster.news.put(None)


def test_one_that_ends_is_begun_anew_while_somebody_waits() -> None:
    """A server ends every watch at some time, or has forgotten where it began (410, as an event)."""
    cluster = Told()
    mine = of(HelperWatch(cluster, "nsexec"), "a")
    for told in (None, event("a", "", "ERROR"), event("a", "Running", "ADDED")):
        cluster.news.put(told)
    assert phase(mine) == "Running"
    assert len(cluster.queries) == 3
    cluster.news.put(None)


def test_a_refusal_is_everybodys() -> None:
    """And the next who waits asks anew."""
    cluster = Told()
    watch = HelperWatch(cluster, "nsexec")
    cluster.news.put(forbidden("no watch"))
    with pytest.raises(ApiError, match="no watch") as refused:
        phase(of(watch, "a"))
    assert refused.value.status == 403
    cluster.news.put(event("a", "Running"))
    assert phase(of(watch, "a")) == "Running"
    cluster.news.put(None)


def test_nothing_in_time_is_the_end() -> None:
    """As of any watch."""
    cluster = Told()
    query = [("fieldSelector", "metadata.name=a")]
    assert list(HelperWatch(cluster, "nsexec").watch(_PODS, query, timeout_seconds=0.0)) == []
    cluster.news.put(None)


def test_the_end_of_all_is_the_end_of_every_watch() -> None:
    """Of one that waits for a pod that never runs, and of one that comes later; what is known is told all the same."""
    cluster = Told()
    watch = HelperWatch(cluster, "nsexec")
    waits, begun = of(watch, "a"), threading.Event()

    def heard() -> list[str]:
        first = phase(waits)
        begun.set()
        return [first, *(each["type"] for each in waits)]

    waiting = Background(heard)
    cluster.news.put(event("a", "Pending"))
    assert begun.wait(_WAIT_SECONDS)
    watch.end()
    assert waiting.result(_WAIT_SECONDS / 2) == ["Pending"]
    assert list(of(watch, "b")) == []
    cluster.news.put(None)


def test_all_else_is_the_clusters() -> None:
    """Requests, streams, and watches of other things."""
    cluster = FakeCluster({"GET /x": {"y": 1}}, {"/api/v1/namespaces/nsexec/serviceaccounts": [event("d", "")]})
    watch = HelperWatch(cluster, "nsexec")
    assert watch.namespace == cluster.namespace
    assert watch.request("GET", "/x") == {"y": 1}
    accounts = "/api/v1/namespaces/nsexec/serviceaccounts"
    assert len(list(watch.watch(accounts, [("fieldSelector", "metadata.name=default")], timeout_seconds=1))) == 1
    cluster.streams["exec"] = deque([FakeConnection()])
    assert watch.open_stream("/pods/p/exec", [], timeout_seconds=1).protocol == "v5.channel.k8s.io"
