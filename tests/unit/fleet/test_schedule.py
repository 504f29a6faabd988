"""Which target is next, and when none is any more."""

from __future__ import annotations

import pytest

from kubectl_nsexec.fleet.schedule import Schedule

NODES = ["a", "a", "b", "a", "c", "b"]


def begun(schedule: Schedule) -> list[int]:
    """All that may start now."""
    numbers = []
    while (number := schedule.next()) is not None:
        numbers.append(number)
    return numbers


@pytest.mark.parametrize(
    ("fanout", "per_node", "expected"),
    [
        (32, 1, [0, 2, 4]),
        (2, 1, [0, 2]),
        (1, 1, [0]),
        (32, 2, [0, 1, 2, 5, 4]),
        (32, 9, [0, 1, 3, 2, 5, 4]),
        (3, 9, [0, 1, 3]),
    ],
)
def test_so_many_at_once(fanout: int, per_node: int, expected: list[int]) -> None:
    """In all, and on a node."""
    assert begun(Schedule(NODES, fanout=fanout, per_node=per_node, max_fail=None)) == expected


def test_one_that_ended_makes_room_on_its_node_first() -> None:
    """So no helper pod waits while others are made."""
    schedule = Schedule(NODES, fanout=2, per_node=1, max_fail=None)
    assert begun(schedule) == [0, 2]
    assert not schedule.ended(0, failed=False)
    assert begun(schedule) == [1]
    assert not schedule.ended(2, failed=False)
    assert begun(schedule) == [5]
    assert schedule.ended(5, failed=False)
    assert begun(schedule) == [4]


def test_a_node_is_done_with_after_its_last_target() -> None:
    """Then its helper pod may go."""
    schedule = Schedule(["a", "a", "b"], fanout=3, per_node=2, max_fail=None)
    assert begun(schedule) == [0, 1, 2]
    assert [schedule.ended(number, failed=False) for number in (0, 2, 1)] == [False, True, True]
    assert (begun(schedule), schedule.left()) == ([], [])


@pytest.mark.parametrize(("max_fail", "starts"), [(0, 1), (1, 2), (2, 3), (5, 6), (None, 6)])
def test_more_than_so_many_failures_start_no_more(max_fail: int | None, starts: int) -> None:
    """One after the other, all fail: as many as may, and the one that is too much."""
    schedule = Schedule(NODES, fanout=1, per_node=1, max_fail=max_fail)
    count = 0
    while (number := schedule.next()) is not None:
        count += 1
        schedule.ended(number, failed=True)
    assert count == starts
    assert len(schedule.left()) == len(NODES) - starts
    assert (schedule.stopped is None) == (starts == len(NODES) and max_fail != 5)


def test_those_that_run_then_end_by_themselves() -> None:
    """Nothing takes their place, and their nodes are done with."""
    schedule = Schedule(NODES, fanout=3, per_node=1, max_fail=0)
    assert begun(schedule) == [0, 2, 4]
    assert schedule.ended(2, failed=True)
    assert (schedule.next(), schedule.running) == (None, {0, 4})
    assert schedule.ended(0, failed=False)
    assert schedule.ended(4, failed=False)
    assert schedule.left() == [1, 3, 5]
    assert schedule.stopped == "not started after 1 failure (--max-fail 0)"


def test_successes_are_no_failures() -> None:
    """However many there are."""
    schedule = Schedule(NODES, fanout=1, per_node=1, max_fail=0)
    for _ in NODES:
        number = schedule.next()
        assert number is not None
        schedule.ended(number, failed=False)
    assert schedule.stopped is None


def test_the_first_reason_to_stop_stays() -> None:
    """It is what those that were not started are told with."""
    schedule = Schedule(["a"], fanout=1, per_node=1, max_fail=None)
    schedule.stop("first")
    schedule.stop("second")
    assert (schedule.next(), schedule.stopped) == (None, "first")
