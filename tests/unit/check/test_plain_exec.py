"""The words about plain ``oc exec`` in a proof, for each place where it may land."""

from __future__ import annotations

import pytest

from kubectl_nsexec.check import plain_exec
from kubectl_nsexec.cpus.survey import BY_FOLDER, BY_SPEC, Container
from kubectl_nsexec.model.cpuset import CpuSet
from tests.unit.check.test_on_node import seen, thread

ONE = CpuSet.of(2)
MIXED = CpuSet.parse("2-4")


@pytest.mark.parametrize(
    ("container", "words", "safe"),
    [
        (
            seen(thread(cpus="2"), on="2", by=BY_FOLDER),
            'CPU 2 (its first exclusive): SCHED_FIFO 1 "lcore-worker-2" lives there',
            False,
        ),
        (
            seen(thread(cpus="3"), on="2", by=BY_FOLDER),
            "CPU 2 (its first exclusive): no real-time thread lives there now",
            False,
        ),
        (
            seen(thread(), thread("b", tid=79)),
            'any of CPUs 2-3 (its own): SCHED_FIFO 1 "lcore-worker-2", SCHED_FIFO 1 "b" live there',
            False,
        ),
        (
            seen(*(thread(f"t{tid}", tid=tid) for tid in range(5))),
            'any of CPUs 2-3 (its own): SCHED_FIFO 1 "t0", SCHED_FIFO 1 "t1", SCHED_FIFO 1 "t2" and 2 more live there',
            False,
        ),
        (seen(own=ONE, on="2"), "CPU 2 (its only exclusive): no real-time thread lives there now", False),
        (
            seen(thread(), on="4", by=BY_FOLDER, allowed=MIXED),
            "CPU 4 (a shared one): no real-time thread lives there: oc exec is safe here",
            True,
        ),
        (
            seen(own=CpuSet(), on="0-7"),
            "CPUs 0-7 (the shared pool): no real-time thread lives there: oc exec is safe here",
            True,
        ),
    ],
)
def test_it_says_where_beside_whom_and_whether_that_is_safe(container: Container, words: str, *, safe: bool) -> None:
    """The honest advice may be plain oc exec."""
    plain = plain_exec.told(container, "v2", "cri-o://1.35.1")
    assert (plain.message, plain.safe) == (f"would land on {words}", safe)


FOURTH = "CPU 4 (a shared one; under {} it may fail with EINVAL or slip to its others): "
FIRST = "CPU 2 (its first exclusive; under {} it may fail with EINVAL or slip to its others): "
LIVES = 'SCHED_FIFO 1 "lcore-worker-2" lives there'


@pytest.mark.parametrize(
    ("cgroup", "runtime", "under"),
    [
        ("v1", "cri-o://1.35.1", "cgroup v1"),
        ("v1", "", "cgroup v1"),
        ("v2", "cri-o://1.34.0-3.rhaos4.21.gitabc.el9", "cri-o 1.34.0"),
        ("v2", "cri-o://1.34.3", "cri-o 1.34.3"),
    ],
)
def test_an_affinity_that_is_left_to_the_runtime_may_slip(cgroup: str, runtime: str, under: str) -> None:
    """Then a shared CPU does not help, and the loop on the container's own counts."""
    for on, words in (("4", FOURTH), ("2", FIRST)):
        plain = plain_exec.told(seen(thread(), on=on, by=BY_SPEC, allowed=MIXED), cgroup, runtime)
        assert plain.message == f"would land on {words.format(under)}{LIVES}"
        assert (plain.safe, plain.cpus) == (False, MIXED)


@pytest.mark.parametrize("runtime", ["cri-o://1.34.4", "cri-o://1.35.0", "containerd://1.34.1", ""])
def test_other_releases_keep_it_there(runtime: str) -> None:
    """On cgroup v2; so do all where there is a folder."""
    for by in (BY_SPEC, BY_FOLDER):
        assert plain_exec.told(seen(thread(), on="4", by=by, allowed=MIXED), "v2", runtime).safe
    assert plain_exec.told(seen(thread(), on="4", by=BY_FOLDER, allowed=MIXED), "v2", "cri-o://1.34.1").safe
