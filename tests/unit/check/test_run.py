"""``--check`` as the user runs it, against a server on loopback that notes what it is asked."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.unit.check.builders import CLASS, Json, container, pod
from tests.unit.check.cluster import ALL_PODS, CLASS_PATH, LOOP, PROFILES, paths, run
from tests.unit.fake_api import PODS

if TYPE_CHECKING:
    from tests.unit.fake_api import FakeApi


def test_a_namespace_is_looked_at_by_one_list(cluster: FakeApi, capfd: pytest.CaptureFixture[str]) -> None:
    """And by what counts for those of its pods that have CPUs of their own, each once."""
    status, out, err = run(capfd)
    assert status == 3
    assert [line.split()[1] for line in out.splitlines()] == ["OWNER", "pod/du-0", "pod/du-0"]
    assert err == "2 pods, 3 ways in: 2 danger, 1 latency, 0 info, 0 suppressed\n"
    assert sorted(paths(cluster)) == sorted([PODS, "/api/v1/nodes/n1", CLASS_PATH, PROFILES])


def test_pods_of_the_shared_pool_take_nothing_but_the_list(cluster: FakeApi, capfd: pytest.CaptureFixture[str]) -> None:
    """So whoever may list pods gets an answer; with nothing found stdout is empty."""
    cluster.objects[PODS] = [pod({"name": "web"}, name="web-0")]
    assert run(capfd) == (0, "", "1 pod, 1 way in: 0 danger, 0 latency, 0 info, 0 suppressed\n")
    assert paths(cluster) == [PODS]


@pytest.mark.parametrize(
    ("words", "path", "query"),
    [
        ((), PODS, {}),
        (("-n", "other"), "/api/v1/namespaces/other/pods", {}),
        (("-A",), ALL_PODS, {}),
        (("-A", "-l", "app=du"), ALL_PODS, {"labelSelector": "app=du"}),
        (("-l", "app in (a,b)"), PODS, {"labelSelector": "app in (a,b)"}),
        (("--node", "n1"), PODS, {"fieldSelector": "spec.nodeName=n1"}),
        (("--node", "n1", "--node", "n2"), PODS, {}),
        (("du-0",), f"{PODS}/du-0", None),
        (("pod/du-0",), f"{PODS}/du-0", None),
    ],
)
def test_which_pods_are_asked_for(
    cluster: FakeApi,
    capfd: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    path: str,
    query: dict[str, str] | None,
) -> None:
    """As kubectl get has it; several nodes are picked from one list."""
    run(capfd, *words)
    first = cluster.asked[0]
    assert (first.path, first.query) == (path, {} if query is None else {"limit": "500", **query})


def test_type_and_name_are_its_pods(cluster: FakeApi, capfd: pytest.CaptureFixture[str]) -> None:
    """By the object's own selector."""
    deployment = {"metadata": {"name": "du"}, "spec": {"selector": {"matchLabels": {"app": "du"}}}}
    cluster.objects["/apis/apps/v1/namespaces/ran/deployments/du"] = deployment
    assert run(capfd, "deploy/du")[0] == 3
    assert cluster.asked[1].query["labelSelector"] == "app=du"


def test_nodes_that_are_not_named_are_left_out(cluster: FakeApi, capfd: pytest.CaptureFixture[str]) -> None:
    """Also where the list could not be cut down by the server."""
    cluster.objects[PODS] = [pod({"name": "a"}, name=f"p-{n}", node=n) for n in ("n1", "n2", "n3")]
    _, out, _ = run(capfd, "--node", "n1", "--node", "n3", "-o", "json")
    assert [row["pod"] for row in json.loads(out)["rows"]] == ["p-n1", "p-n3"]


def test_nothing_that_matches_is_an_error(cluster: FakeApi, capfd: pytest.CaptureFixture[str]) -> None:
    """A misspelt selector must not pass for a clean check."""
    cluster.objects[PODS] = []
    status, out, err = run(capfd, "-l", "app=dx", "--node", "n1")
    assert (status, out) == (1, "")
    assert err.splitlines() == [
        "error: no pod matches -l app=dx --node n1 in namespace ran",
        "[target] more: oc nsexec --explain target",
    ]


@pytest.mark.parametrize(
    ("made", "status"),
    [
        (pod(container(), runtimeClassName="plain"), 4),
        (pod({"name": "web"}), 0),
        (pod(LOOP, runtimeClassName=CLASS), 3),
    ],
)
def test_without_more_rights_than_to_list_pods(
    cluster: FakeApi, capfd: pytest.CaptureFixture[str], made: Json, status: int
) -> None:
    """Nodes, classes and profiles are refused: what is found is found, the rest is said not to be known."""
    for path in ("/api/v1/nodes/n1", CLASS_PATH, PROFILES):
        del cluster.objects[path]
    cluster.objects[PODS] = [made]
    exit_status, out, _ = run(capfd, "-o", "json")
    assert exit_status == status
    unknown = [row["notLookedAt"] for row in json.loads(out)["rows"]]
    assert all(("node n1 could not be read" in text) == (status != 0) for text in unknown)


def test_pods_that_may_not_be_listed_are_the_servers_answer(
    cluster: FakeApi, capfd: pytest.CaptureFixture[str]
) -> None:
    """1, as ever."""
    del cluster.objects[ALL_PODS]
    status, out, err = run(capfd, "-A")
    assert (status, out) == (1, "")
    assert err.startswith("Error from server (Forbidden)")


def test_an_annotation_without_a_reason_is_warned_about(cluster: FakeApi, capfd: pytest.CaptureFixture[str]) -> None:
    """On stderr, whatever the form."""
    cluster.objects[f"{PODS}/du-0"] = pod(LOOP, annotations={"nsexec.io/ignore-NSX001": ""})
    _, out, err = run(capfd, "du-0", "-o", "json")
    assert err.startswith("warning: pod/du-0: annotation nsexec.io/ignore-NSX001 has no reason")
    assert json.loads(out)["summary"]["suppressed"] == 0


@pytest.mark.parametrize(("form", "said"), [("json", False), ("yaml", False), ("junit", True), ("wide", True)])
def test_a_quiet_report_that_has_the_warnings_is_alone(
    cluster: FakeApi,
    capfd: pytest.CaptureFixture[str],
    form: str,
    said: bool,  # noqa: FBT001 - as above
) -> None:
    """Where stdout and stderr are one, as in a pod's log, lines of both are mixed; no warning is lost by that."""
    cluster.objects[f"{PODS}/du-0"] = pod(LOOP, annotations={"nsexec.io/ignore-NSX001": ""})
    _, out, err = run(capfd, "du-0", "-q", "-o", form)
    warning = "pod/du-0: annotation nsexec.io/ignore-NSX001 has no reason, or no rule of that id: it is not heeded"
    assert err == (f"warning: {warning}\n" if said else "")
    assert said or yaml.safe_load(out)["warnings"] == [warning]
