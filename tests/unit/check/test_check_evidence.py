"""What lives where an exec lands, in JUnit and SARIF, which have no list of all threads; both are still valid."""

from __future__ import annotations

import json
from typing import Final

import jsonschema
import pytest

from kubectl_nsexec.check.report import Report
from kubectl_nsexec.cpus.survey import BY_FOLDER, Survey
from kubectl_nsexec.model.cpuset import CpuSet
from tests.unit.check import test_on_node as nodes
from tests.unit.check.builders import CLASS, container, facts, pod
from tests.unit.check.junit_schema import problems
from tests.unit.check.sarif_schema import SARIF
from tests.unit.check.test_forms import on_node, parsed, report, shown
from tests.unit.check.test_on_node import thread


@pytest.mark.parametrize("fail_on", ["danger", "any"])
def test_junit_is_what_the_strictest_reader_takes(fail_on: str) -> None:
    """Jenkins' xUnit refuses the whole file for one attribute."""
    for made in (report(), report(known=False), on_node(), Report(facts())):
        assert [*problems(parsed(shown(made, "junit", fail_on=fail_on)))] == []
    broken = parsed('<testsuites skipped="1"><testsuite name="n" tests="0" failures="0">x</testsuite></testsuites>')
    assert {*problems(broken)} == {"testsuites has skipped", "testsuite lacks errors", "testsuite has text"}


LIVES: Final = [
    "what lives there, in pod du-0 on node n1:",
    'SCHED_FIFO 1 "lcore-worker-2" (process main, pid 77, tid 78) on CPU 2, 100% of a CPU',
    'SCHED_OTHER "slow" (process main, pid 77, tid 80) on CPUs 2-3, 75% of a CPU',
    "runc:[2:INIT] (pid 77): on its way in, can run and does not",
]


def starved() -> Report:
    """A loop, who takes a CPU beside it and an exec that is stuck, on the CPU where an exec lands; others elsewhere."""
    stuck = thread("runc:[2:INIT]", "SCHED_OTHER", "2-3", starving=True, tid=99, share=0.0)
    busy, idle = (
        thread("slow", "SCHED_OTHER", "2-3", tid=80, share=0.75),
        thread("log", "SCHED_OTHER", "2-3", tid=81, share=0.1),
    )
    other = thread("lcore-worker-3", cpus="3", tid=79)
    return nodes.report(nodes.Nodes(nodes.seen(thread(cpus="2"), other, busy, idle, stuck, on="2", by=BY_FOLDER)))


def test_a_failing_case_of_junit_has_the_threads_that_live_there() -> None:
    """With what is lesser than a failure before them; a case where nothing is found has none."""
    cases = {case.get("name"): case for case in parsed(shown(starved(), "junit")).iter("testcase")}
    assert (cases["dpdk oc exec"].findtext("system-out") or "").splitlines() == LIVES
    assert (cases["dpdk livenessProbe"].findtext("system-out") or "").splitlines()[-len(LIVES) :] == LIVES
    safe = nodes.seen(thread(), on="4", by=BY_FOLDER, allowed=CpuSet.parse("2-4"))
    alone = nodes.running(pod(container(), runtimeClassName=CLASS))
    (case,) = parsed(shown(nodes.report(nodes.Nodes(safe), alone), "junit")).iter("testcase")
    assert case.find("system-out") is None


def test_a_result_of_sarif_has_them_in_its_message_and_as_data() -> None:
    """For people and for scripts; which result it is does not depend on them."""
    made = starved()
    results = json.loads(shown(made, "sarif"))["runs"][0]["results"]
    jsonschema.validate(json.loads(shown(made, "sarif")), SARIF, cls=jsonschema.Draft202012Validator)
    for result in results:
        assert result["message"]["text"].splitlines()[1:] == LIVES
        seen = result["properties"]["evidence"]
        assert (seen["pod"], seen["node"], seen["more"]) == ("du-0", "n1", 0)
        assert [each["thread"] for each in seen["threads"]] == ["lcore-worker-2", "slow"]
        assert seen["stuck"] == [{"pid": 77, "tid": 99, "thread": "runc:[2:INIT]"}]
    quiet = json.loads(shown(on_node(), "sarif"))["runs"][0]["results"]
    prints = [{each["ruleId"]: each["partialFingerprints"] for each in found} for found in (results, quiet)]
    both = {*prints[0]} & {*prints[1]}
    assert both
    assert [prints[0][rule] for rule in both] == [prints[1][rule] for rule in both]


def test_the_wide_table_says_what_the_node_says_of_itself() -> None:
    """What makes it worse or better there; a node that could not be looked at has nothing to say."""
    ours = (CpuSet.of(0), CpuSet.of(2))
    survey = Survey("6.1.0-rt", "v2", -1, stalld=True, containers={}, siblings=ours)
    made = nodes.report(nodes.Nodes(nodes.seen(thread()), survey=survey))
    row, node = shown(made, "wide").split("\n\n")
    assert "nothing keeps an exec on one of them; cri-o 1.35.1; SCHED_FIFO 1" in row
    assert node.splitlines()[0].endswith("SEEN")
    words = "kernel 6.1.0-rt, cgroup v2, sched_rt_runtime_us -1, stalld runs, CPUs 0 share cores with somebody's CPUs 2"
    assert node.splitlines()[1].endswith(words)
    lost = shown(nodes.report(nodes.Nodes(survey="it did not answer")), "wide").split("\n\n")[1]
    assert lost.splitlines()[1].endswith("  -")
    assert "SEEN" not in shown(report(), "wide")


def test_many_threads_are_cut_short() -> None:
    """A worker on each of a hundred CPUs says the same."""
    workers = [thread(f"w{number}", tid=100 + number, cpus="2-3") for number in range(30)]
    made = nodes.report(nodes.Nodes(nodes.seen(*workers)))
    result = json.loads(shown(made, "sarif"))["runs"][0]["results"][0]
    assert len(result["properties"]["evidence"]["threads"]) == 20
    assert result["message"]["text"].splitlines()[-1] == "and 10 more"
