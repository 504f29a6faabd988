"""What nodes say of containers stands where the API's word stood, and is certain."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from kubectl_nsexec.check import show
from kubectl_nsexec.check.on_node import OnNodes
from kubectl_nsexec.check.report import Report
from kubectl_nsexec.cpus.survey import BY_FOLDER, BY_SPEC, Container, Survey
from kubectl_nsexec.cpus.threads import Thread
from kubectl_nsexec.model.cpuset import CpuSet
from kubectl_nsexec.model.request import CheckRequest, ClusterOptions
from tests.unit.check.builders import CLASS, CRI_O, Json, container, facts, found, pod, probe

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kubectl_nsexec.check.facts import NodeFacts
    from kubectl_nsexec.check.rows import Row
    from kubectl_nsexec.target.container_choice import Target

OWN = CpuSet.parse("2-3")
ALL = CpuSet.parse("0-7")


class Nodes:
    """What each node answers."""

    def __init__(self, *answers: Container | str, survey: Survey | str | None = None) -> None:
        self.answers = answers
        self.survey = survey
        self.asked: list[Target] = []

    def look(self, targets: Sequence[Target]) -> Mapping[str, Survey | str]:
        """Of each node the same: the answers by the order of the containers."""
        self.asked = [*targets]
        if isinstance(self.survey, str):
            return {target.node: self.survey for target in targets}
        containers = {target.container_id: answer for target, answer in zip(targets, self.answers, strict=False)}
        survey = self.survey or Survey("6.1.0-rt", "v2", -1, stalld=False, containers={})
        return {target.node: survey._replace(containers=containers) for target in targets}


def thread(
    name: str = "lcore-worker-2",
    policy: str = "SCHED_FIFO",
    cpus: str = "3",
    *,
    share: float = 1.0,
    starving: bool = False,
    tid: int = 78,
) -> Thread:
    """One of process 77, at priority 1."""
    affinity = CpuSet.parse(cpus)
    priority = int(policy in ("SCHED_FIFO", "SCHED_RR"))
    return Thread(77, tid, "main", name, "R", policy, priority, min(affinity), affinity, share, starving)


def seen(
    *threads: Thread, own: CpuSet = OWN, on: str = "2-3", by: str = "", allowed: CpuSet | None = None
) -> Container:
    """A container with two CPUs of its own."""
    return Container(allowed or own or ALL, own, CpuSet.parse(on), by, threads)


def running(made: Json, *, name: str = "dpdk", uid: str = "u-1") -> Json:
    """That pod with its container running."""
    state: Json = {"name": name, "state": {"running": {}}, "containerID": f"cri-o://c-{uid}"}
    return {
        **made,
        "metadata": {**made["metadata"], "uid": uid},
        "status": {**made["status"], "containerStatuses": [state]},
    }


PROBED = running(pod(container(livenessProbe=probe(periodSeconds=10)), runtimeClassName=CLASS))


def report(nodes: Nodes, *pods: Json, node: NodeFacts = CRI_O) -> Report:
    """With these pods, or one that is probed."""
    pods = pods or (PROBED,)
    made = Report(facts(node), OnNodes(pods, nodes))
    for each in pods:
        made.add(each)
    return made


def rows(nodes: Nodes, *pods: Json, node: NodeFacts = CRI_O) -> dict[str, Row]:
    """By their way in."""
    return {each.row.way.kind: each.row for each in report(nodes, *pods, node=node).replicas}


def test_any_cpu_with_a_real_time_thread_anywhere_is_dangerous() -> None:
    """Not only the first thread of a process: the ordinary one hides a worker from chrt -p."""
    worker = thread()
    by_way = rows(Nodes(seen(thread("main", "SCHED_OTHER", "2-3", tid=77), worker)))
    assert found(by_way["oc exec"]) == {"NSX001": ("danger", "certain")}
    assert found(by_way["livenessProbe"]) == {"NSX001": ("danger", "certain"), "NSX005": ("latency", "certain")}
    assert by_way["oc exec"].tenants.why == ("SCHED_FIFO 1",)
    assert by_way["oc exec"].tenants.harm == (
        "Linux 6.1: it never runs while the loop does, and may hold locks that others wait for"
    )


@pytest.mark.parametrize(
    ("cpus", "rules"),
    [("3", {"NSX003": ("info", "certain")}), ("2-3", {"NSX001": ("danger", "certain")})],
)
@pytest.mark.parametrize("by", [BY_FOLDER, BY_SPEC])
def test_the_first_cpu_is_dangerous_beside_a_real_time_thread_and_tolerable_without(
    cpus: str, rules: dict[str, tuple[str, str]], by: str
) -> None:
    """By what the runtime does, not by its release."""
    row = rows(Nodes(seen(thread(cpus=cpus), on="2", by=by)))["oc exec"]
    assert (row.landing.words, row.landing.verdict) == ("first exclusive CPU", "certain")
    assert found(row) == rules


def test_an_affinity_of_the_file_slips_on_old_releases_and_cgroup_v1() -> None:
    """A folder does not."""
    v1 = Survey("4.18.0", "v1", -1, stalld=True, containers={})
    old = CRI_O._replace(version=(1, 34, 1))
    spec, folder = seen(thread(), on="2", by=BY_SPEC), seen(thread(), on="2", by=BY_FOLDER)
    remedies = []
    for row in (rows(Nodes(spec, survey=v1))["oc exec"], rows(Nodes(spec), node=old)["oc exec"]):
        assert found(row) == {"NSX001": ("danger", "possible"), "NSX004": ("latency", "certain")}
        remedies.append(next(each.remedy for each in row.findings if each.rule.id == "NSX004"))
    assert remedies == ["cgroup v2, with CRI-O 1.34.4 or 1.35", "CRI-O 1.34.4 or 1.35"]
    assert found(rows(Nodes(folder), node=old)["oc exec"]) == {"NSX003": ("info", "certain")}


def test_a_release_counts_without_a_profile_too() -> None:
    """The API alone could not say that there is an affinity; the node does."""
    bare = CRI_O._replace(version=(1, 34, 1), profile=None)
    row = rows(Nodes(seen(thread(), on="2", by=BY_SPEC)), node=bare)["oc exec"]
    assert row.landing.unreliable == "cri-o 1.34.1"


def test_on_a_shared_cpu_plain_exec_is_safe() -> None:
    """Beside a loop on the container's own ones."""
    row = rows(Nodes(seen(thread(), on="4", by=BY_FOLDER, allowed=CpuSet.parse("2-4"))))["oc exec"]
    assert (row.landing.words, row.findings, row.unknown) == ("shared CPU 4", (), "")


def test_a_real_time_thread_on_the_shared_cpu_is_found_all_the_same() -> None:
    """What it asked for is not what it has."""
    row = rows(Nodes(seen(thread(cpus="4"), on="4", by=BY_FOLDER, allowed=CpuSet.parse("2-4"))))["oc exec"]
    assert found(row) == {"NSX001": ("danger", "certain")}


@pytest.mark.parametrize(("share", "dangerous"), [(0.01, False), (0.9, True)])
def test_in_the_shared_pool_a_loop_counts_and_a_thread_that_waits_does_not(share: float, *, dangerous: bool) -> None:
    """A driver's threads are real-time, too; a loop that pinned itself there is not known to the API."""
    made = running(pod(container(cpu="500m")))
    row = rows(Nodes(seen(thread(share=share), own=CpuSet(), on="0-7")), made)["oc exec"]
    assert row.landing.kind == "SharedPool"
    assert found(row) == ({"NSX001": ("danger", "certain")} if dangerous else {})


def test_what_the_pod_asked_for_does_not_count_where_the_node_says_otherwise() -> None:
    """Whole CPUs under the policy none are the pool; CPUs of a driver are its own, whatever the pod asked for."""
    row = rows(Nodes(seen(own=CpuSet(), on="0-7")))["oc exec"]
    assert (row.landing.kind, row.findings) == ("SharedPool", ())
    given = rows(Nodes(seen(thread())), running(pod(container(cpu="500m"))))["oc exec"]
    assert (given.landing.kind, given.landing.cpus) == ("AnyExclusiveCPU", 2)
    assert found(given) == {"NSX001": ("danger", "certain")}


@pytest.mark.parametrize("name", ["runc:[2:INIT]", "crun", "conmon"])
def test_a_runtimes_process_that_starves_is_evidence(name: str) -> None:
    """In one row, for who started it cannot be told."""
    by_way = rows(Nodes(seen(thread(), thread(name, "SCHED_OTHER", "2-3", starving=True, tid=99))))
    assert found(by_way["oc exec"])["NSX009"] == ("danger", "certain")
    assert "NSX009" not in found(by_way["livenessProbe"])


def test_others_that_starve_and_runtimes_that_wait_are_none() -> None:
    """By a name that only begins so, too."""
    quiet = [thread("runc:[2:INIT]", "SCHED_OTHER"), thread("worker", "SCHED_OTHER", starving=True)]
    named = thread("runcible", "SCHED_OTHER", starving=True)
    assert "NSX009" not in found(rows(Nodes(seen(*quiet, named)))["oc exec"])


@pytest.mark.parametrize(
    ("nodes", "why"),
    [
        (Nodes(survey="the helper pod did not run within 60s"), "node n1: the helper pod did not run within 60s"),
        (Nodes("it has no cgroup folder"), "on node n1: it has no cgroup folder"),
        (Nodes(), "on node n1: the node did not answer for it"),
    ],
)
def test_what_could_not_be_looked_at_is_a_row_with_the_reason(nodes: Nodes, why: str) -> None:
    """The API's verdict stays beside it; in the shared pool, too, for nothing is certain there."""
    assert {row.unknown for row in rows(nodes).values()} == {why}
    quiet = report(nodes, running(pod({"name": "web"}), name="web"))
    assert quiet.exit_status("danger") == 4
    assert f"not looked at: {why}" in show.report(quiet, CheckRequest(ClusterOptions()))


def test_a_container_that_does_not_run_is_not_asked_for_and_said() -> None:
    """Nor a pod that is on no node yet."""
    nodes = Nodes(seen())
    waiting = pod(container(), status={"containerStatuses": [{"name": "dpdk", "state": {"waiting": {}}}]})
    assert "is not running" in rows(nodes, waiting)["oc exec"].unknown
    assert rows(nodes, pod(container(), node=""))["oc exec"].unknown == "it is on no node yet"
    assert nodes.asked == []


def test_replicas_on_other_cpus_are_one_row_and_each_has_its_threads_in_json() -> None:
    """The numbers of CPUs and threads are not what a row is about."""
    made = [
        running(
            pod(container(), runtimeClassName=CLASS, name=f"du-{n}", owner={"kind": "X", "name": "du"}), uid=f"u{n}"
        )
        for n in (0, 1)
    ]
    other = seen(thread(cpus="5"), own=CpuSet.parse("4-5"), on="4-5")
    two = report(
        Nodes(seen(thread(), thread("runc:[2:INIT]", "SCHED_OTHER", "2-3", starving=True, tid=99)), other), *made
    )
    assert len(two.replicas) == 2  # an exec is stuck in one of them
    alike = report(Nodes(seen(thread()), other), *made)
    assert [each.pods for each in alike.replicas] == [2]
    document = json.loads(show.report(two, CheckRequest(ClusterOptions(), output="json")))
    first, second = document["containers"]
    assert (first["pod"], first["cpus"], first["exclusiveCPUs"], first["execCPUs"]) == ("du-0", "2-3", "2-3", "2-3")
    assert first["threads"][0] == {
        "pid": 77,
        "tid": 78,
        "process": "main",
        "thread": "lcore-worker-2",
        "affinity": "3",
        "policy": "SCHED_FIFO",
        "priority": 1,
        "cpu": 3,
        "state": "R",
        "share": 1.0,
    }
    assert (first["stuck"], second["stuck"]) == ([{"pid": 77, "tid": 99, "thread": "runc:[2:INIT]"}], [])
    assert document["nodes"][0]["seen"]["kernel"] == "6.1.0-rt"


@pytest.mark.parametrize(
    ("release", "runtime_us", "stalld", "words"),
    [
        ("6.12.1", -1, False, "up to 50 ms of each second"),
        ("6.1.0", 950000, True, "takes 50000 µs of each second"),
        ("6.1.0", -1, True, "until stalld runs it"),
        ("6.1.0", None, False, "it never runs while the loop does"),
        ("", -1, False, ""),
    ],
)
def test_the_harm_goes_by_the_node(release: str, runtime_us: int | None, *, stalld: bool, words: str) -> None:
    """What lets a starving process run, and at whose cost."""
    survey = Survey(release, "v2", runtime_us, stalld=stalld, containers={})
    assert words in rows(Nodes(seen(thread()), survey=survey))["oc exec"].tenants.harm
