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
            "CPU 4, a shared one: no real-time thread lives there: oc exec is safe here",
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
    plain = plain_exec.told(container, "v2")
    assert (plain.message, plain.safe) == (f"would land on {words}", safe)


def test_on_cgroup_v1_an_affinity_may_slip() -> None:
    """Then a shared CPU does not help, and the loop on the container's own counts."""
    plain = plain_exec.told(seen(thread(), on="4", by=BY_SPEC, allowed=MIXED), "v1")
    assert plain.message.startswith("would land on CPU 4, a shared one, or may slip to others of its own: SCHED_FIFO 1")
    assert not plain.safe
