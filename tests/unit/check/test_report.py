"""All rows together: replicas, sums by node, suppressions, the exit status."""

from __future__ import annotations

import pytest

from kubectl_nsexec.check.owners import owner_of
from kubectl_nsexec.check.report import Report
from tests.unit.check.builders import CLASS, CRI_O, SYS_NICE, Json, container, facts, pod, probe

DANGEROUS = CRI_O._replace(kernel="5.14.0+rt", version=(1, 33, 0))
CLEAN = pod({"name": "a"}, name="web-0")
PINNED = pod(container(), name="pinned", runtimeClassName="plain")
REAL_TIME = pod(container(securityContext=SYS_NICE), name="loop", runtimeClassName=CLASS)


def report(*pods: Json, lines: bool = False) -> Report:
    """On a node where all of it is dangerous."""
    made = Report(facts(DANGEROUS))
    for number, each in enumerate(pods, 1):
        made.add(each, number if lines else 0)
    return made


@pytest.mark.parametrize(
    ("owner", "fields", "expected"),
    [
        (None, {}, "pod/du-0"),
        ({"kind": "ReplicaSet", "name": "web-5d4f"}, {"labels": {"pod-template-hash": "5d4f"}}, "deployment/web"),
        ({"kind": "ReplicaSet", "name": "web-5d4f"}, {"labels": {"pod-template-hash": "other"}}, "replicaset/web-5d4f"),
        ({"kind": "ReplicaSet", "name": "alone"}, {}, "replicaset/alone"),
        ({"kind": "StatefulSet", "name": "db"}, {}, "statefulset/db"),
        ({"kind": "DaemonSet", "name": "ds"}, {}, "daemonset/ds"),
        ({"kind": "Job", "name": "once"}, {}, "job/once"),
        (
            {"kind": "ReplicationController", "name": "dc-7"},
            {"annotations": {"openshift.io/deployment-config.name": "dc"}},
            "deploymentconfig/dc",
        ),
        ({"kind": "Node", "name": "n1"}, {}, "pod/du-0"),
    ],
)
def test_the_owner_is_known_by_the_pod_alone(owner: Json | None, fields: Json, expected: str) -> None:
    """A ReplicaSet's Deployment by the template's hash at the end of its name; a static pod is its own."""
    assert str(owner_of(pod(container(), owner=owner, **fields))) == expected


def test_replicas_are_one_row_with_a_count_and_their_nodes() -> None:
    """As long as they are alike."""
    owner = {"kind": "StatefulSet", "name": "du"}
    same = [pod(container(), name=f"du-{n}", node=f"n{n % 2}", owner=owner) for n in range(5)]
    other = pod(container(cpu="500m"), name="du-5", owner=owner)
    made = Report(facts()._replace(nodes={"n0": CRI_O, "n1": CRI_O}))
    for each in (*same, other):
        made.add(each)
    assert [(each.pods, dict(each.nodes), each.example) for each in made.replicas] == [
        (5, {"n0": 3, "n1": 2}, "du-0"),
        (1, {"n1": 1}, "du-5"),
    ]


def test_the_worst_comes_first() -> None:
    """Whatever order the API server lists them in."""
    assert [each.row.severity for each in report(CLEAN, PINNED, REAL_TIME).replicas] == ["danger", "latency", ""]


@pytest.mark.parametrize(
    ("pods", "statuses"),
    [
        ([CLEAN], (0, 0, 0)),
        ([CLEAN, PINNED], (0, 3, 3)),
        ([CLEAN, PINNED, REAL_TIME], (3, 3, 3)),
        ([pod({"name": "a", "livenessProbe": probe(periodSeconds=1)})], (0, 0, 3)),
    ],
)
def test_the_exit_status_is_that_of_the_threshold(pods: list[Json], statuses: tuple[int, ...]) -> None:
    """3 for a finding as bad as danger, latency, any."""
    made = report(*pods)
    assert tuple(made.exit_status(fail_on) for fail_on in ("danger", "latency", "any")) == statuses


def test_what_could_not_be_looked_at_is_not_clean() -> None:
    """4, unless something is found anyway."""
    made = Report(facts(DANGEROUS._replace(why_unknown="node n1 could not be read: no")))
    made.add(PINNED)
    assert made.counts()["notLookedAt"] == 1
    assert [made.exit_status(fail_on) for fail_on in ("danger", "latency")] == [4, 3]
    made = Report(facts(DANGEROUS._replace(why_unknown="node n1 could not be read: no")))
    made.add(CLEAN)
    assert made.exit_status("danger") == 0  # of the shared pool nothing more is to be known


def test_pods_that_have_ended_and_those_of_windows_start_nothing() -> None:
    """They are counted, not silently dropped."""
    ended = [pod(container(), status={"phase": phase}) for phase in ("Succeeded", "Failed")]
    made = report(*ended, pod(container(), os={"name": "windows"}))
    assert (made.pods, made.finished, made.replicas) == (0, 3, [])


def test_a_reason_suppresses_a_rule_for_a_pod() -> None:
    """The finding stays, with the reason, and is counted as suppressed."""
    reason = {"nsexec.io/ignore-NSX001": "measured: nothing real-time there"}
    made = report(pod(container(securityContext=SYS_NICE), runtimeClassName=CLASS, annotations=reason))
    assert made.exit_status("any") == 0
    assert made.counts() == {"danger": 0, "latency": 0, "info": 0, "suppressed": 1, "notLookedAt": 0}
    assert made.replicas[0].row.findings[0].suppressed == "measured: nothing real-time there"
    assert made.notes == []


def test_another_rule_is_not_suppressed() -> None:
    """Only the one that is named."""
    made = report(pod(container(livenessProbe=probe()), annotations={"nsexec.io/ignore-NSX005": "x"}))
    assert made.exit_status("latency") == 3
    assert made.counts()["suppressed"] == 1


@pytest.mark.parametrize("annotation", [{"nsexec.io/ignore-NSX001": " "}, {"nsexec.io/ignore-NSX999": "x"}])
def test_no_reason_and_no_such_rule_count_for_nothing(annotation: Json) -> None:
    """And are said once, whatever the number of replicas."""
    owner = {"kind": "DaemonSet", "name": "ds"}
    pods = [
        pod(container(securityContext=SYS_NICE), runtimeClassName=CLASS, annotations=annotation, owner=owner)
        for _ in range(2)
    ]
    made = report(*pods)
    assert made.exit_status("danger") == 3
    assert len(made.notes) == 1
    assert next(iter(annotation)) in made.notes[0]


def test_exec_probes_are_summed_by_node() -> None:
    """Liveness and readiness, with how often; ten are too many, nine are not; each node by itself."""
    one = {"name": "a", "livenessProbe": probe(), "startupProbe": probe()}
    nine = [pod(one, name=f"a-{n}") for n in range(9)]
    sums = report(*nine, pod(one, name="b", node="n2")).node_sums()
    assert [(each.name, each.exec_probes, each.per_minute, each.findings) for each in sums] == [
        ("n1", 9, 54.0, ()),
        ("n2", 1, 6.0, ()),
    ]
    ten = report(*nine, pod(one, name="a-9"))
    assert [finding.rule.id for finding in ten.node_sums()[0].findings] == ["NSX008"]
    assert ten.exit_status("any") == 3


def test_a_pod_can_leave_its_probes_out_of_the_nodes_sum() -> None:
    """With a reason; where too many are left all the same it is no help."""
    one = {"name": "a", "livenessProbe": probe()}
    ignoring = pod(one, name="ours", annotations={"nsexec.io/ignore-NSX008": "once an hour"})
    nine = [pod(one, name=f"a-{n}") for n in range(9)]
    (finding,) = report(*nine, ignoring).node_sums()[0].findings
    assert finding.suppressed == "pod/ours: once an hour"
    assert report(*nine, ignoring).exit_status("any") == 0
    (finding,) = report(*nine, pod(one, name="a-9"), ignoring).node_sums()[0].findings
    assert finding.suppressed == ""


def test_a_containers_own_sum_is_in_each_of_its_rows() -> None:
    """By all of its probes."""
    made = pod({"name": "a", "livenessProbe": probe(), "readinessProbe": probe(periodSeconds=5)})
    assert {each.row.per_minute for each in report(made).replicas} == {18.0}
