"""Which pod stands for a workload, and the wait for it."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_nsexec.errors import TargetError
from kubectl_nsexec.model.resource_reference import parse
from kubectl_nsexec.target import find_pod, pod_choice
from tests.unit.fakes import FakeCluster

Json = dict[str, Any]

_EARLY, _LATE = "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"


def a_pod(
    name: str,
    *,
    phase: str = "Running",
    ready: str | None = _EARLY,
    node: str = "n1",
    deleted: str | None = None,
    restarts: int = 0,
    created: str = _EARLY,
) -> Json:
    """A pod as the server lists it; ``ready`` is since when, or None."""
    condition = {"type": "Ready", "status": "True" if ready else "False", "lastTransitionTime": ready or _EARLY}
    return {
        "metadata": {"name": name, "uid": name, "creationTimestamp": created, "deletionTimestamp": deleted},
        "spec": {"nodeName": node},
        "status": {"phase": phase, "conditions": [condition], "containerStatuses": [{"restartCount": restarts}]},
    }


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        (a_pod("a", phase="Pending"), a_pod("b", node="", phase="Pending")),
        (a_pod("a", ready=None), a_pod("b", phase="Pending", ready=None)),
        (a_pod("a", phase="Unknown", ready=None), a_pod("b", phase="Pending", ready=None)),
        (a_pod("a"), a_pod("b", ready=None)),
        (a_pod("a"), a_pod("b", deleted=_EARLY)),
        (a_pod("a", deleted=_LATE), a_pod("b", deleted=_EARLY)),
        (a_pod("a", ready=_EARLY), a_pod("b", ready=_LATE)),
        (a_pod("a", restarts=1), a_pod("b", restarts=2)),
        (a_pod("a", created=_EARLY), a_pod("b", created=_LATE)),
        (a_pod("a", ready=_EARLY, restarts=9), a_pod("b", ready=_LATE)),
    ],
)
def test_pods_are_preferred_as_kubectl_does(better: Json, worse: Json) -> None:
    """ActivePods: assigned, running, ready, not being deleted, long ready, seldom restarted, old."""
    assert pod_choice.best_first([worse, better]) == [better, worse]
    assert pod_choice.best_first([better, worse]) == [better, worse]


def test_restarts_of_sidecars_count_after_those_of_containers() -> None:
    """Ordinary init containers do not count at all."""

    def with_init(name: str, policy: str | None, restarts: int) -> Json:
        made = a_pod(name)
        made["spec"]["initContainers"] = [{"name": "i", "restartPolicy": policy}]
        made["status"]["initContainerStatuses"] = [{"name": "i", "restartCount": restarts}]
        return made

    names = [
        p["metadata"]["name"] for p in pod_choice.best_first([with_init("a", "Always", 1), with_init("b", None, 5)])
    ]
    assert names == ["b", "a"]


@pytest.mark.parametrize(
    ("word", "spec", "expected"),
    [
        ("svc/s", {"selector": {"app": "web", "a": "1"}}, "a=1,app=web"),
        ("rc/s", {"selector": {"app": "web"}}, "app=web"),
        ("deploy/s", {"selector": {"matchLabels": {"app": "web"}}}, "app=web"),
        (
            "ds/s",
            {
                "selector": {
                    "matchExpressions": [
                        {"key": "tier", "operator": "In", "values": ["a", "b"]},
                        {"key": "old", "operator": "DoesNotExist"},
                        {"key": "new", "operator": "Exists"},
                        {"key": "env", "operator": "NotIn", "values": ["dev"]},
                    ]
                }
            },
            "tier in (a,b),!old,new,env notin (dev)",
        ),
    ],
)
def test_the_selector_of_a_workload(word: str, spec: Json, expected: str) -> None:
    """Label maps of the older kinds, LabelSelectors of the newer ones."""
    assert pod_choice.selector(parse(word).kind, {"spec": spec}) == expected


def test_a_service_without_selector_is_refused() -> None:
    """It would match every pod of the namespace."""
    with pytest.raises(TargetError) as refused:
        pod_choice.selector(parse("svc/s").kind, {"metadata": {"name": "s"}, "spec": {}})
    assert refused.value.message == (
        "cannot attach to *v1.Service: invalid service 's': Service is defined without a selector"
    )


_PODS = "/api/v1/namespaces/ran/pods"
_DEPLOYMENT = {"spec": {"selector": {"matchLabels": {"app": "web"}}}}


def cluster_with(*listed: Json, watched: list[Json] | None = None) -> FakeCluster:
    """A namespace ``ran`` with a Deployment ``web`` and these pods of it."""
    answers: dict[str, Any] = {
        "GET /apis/apps/v1/namespaces/ran/deployments/web": _DEPLOYMENT,
        f"GET {_PODS}": {"metadata": {"resourceVersion": "7"}, "items": list(listed)},
    }
    return FakeCluster(answers, {_PODS: watched or []})


def test_a_running_pod_is_taken_at_once() -> None:
    """Without a watch, even when others wait."""
    cluster = cluster_with(a_pod("waits", phase="Pending", ready=None), a_pod("runs"))
    found = find_pod.find(cluster, "ran", "deploy/web", 60)
    assert (found["metadata"]["name"], found["kind"]) == ("runs", "Pod")
    assert not any(call.startswith("WATCH") for call in cluster.calls)


def test_a_pod_that_comes_to_run_is_waited_for() -> None:
    """By a watch; a pod that is deleted meanwhile is forgotten."""
    waits = a_pod("waits", phase="Pending", ready=None)
    events = [
        {"type": "BOOKMARK", "object": {}},
        {"type": "DELETED", "object": waits},
        {"type": "ADDED", "object": a_pod("new", phase="Pending", ready=None)},
        {"type": "MODIFIED", "object": a_pod("new", ready=None)},
    ]
    found = find_pod.find(cluster_with(waits, watched=events), "ran", "deploy/web", 60)
    assert found["metadata"]["name"] == "new"


def test_a_finished_job_is_not_waited_for() -> None:
    """Its pods will never run again: the error about completed pods comes at once."""
    found = find_pod.find(cluster_with(a_pod("done", phase="Succeeded", ready=None)), "ran", "deploy/web", 60)
    assert found["metadata"]["name"] == "done"


def test_waiting_ends_with_what_keeps_the_pod() -> None:
    """The pod's own condition says why, e.g. the scheduler's."""
    pod = a_pod("stuck", phase="Pending", ready=None, node="")
    pod["status"]["conditions"] = [
        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes"}
    ]
    with pytest.raises(TargetError) as refused:
        find_pod.find(cluster_with(pod), "ran", "deploy/web", 0.01)
    assert refused.value.message == (
        "timed out waiting for the condition: no pod of deployments.apps/web runs after 0.01 s "
        "(--pod-running-timeout): pod stuck is Pending (Unschedulable: 0/1 nodes)"
    )


def test_waiting_for_a_pod_that_never_comes() -> None:
    """A workload scaled to zero."""
    with pytest.raises(TargetError, match="no pod matches its selector"):
        find_pod.find(cluster_with(watched=[{"type": "ERROR", "object": {"code": 410}}]), "ran", "deploy/web", 0.01)
