"""What the bench says of many pods: its verdicts, and that it can be measured at all."""

from __future__ import annotations

import pytest

from bench import many, scale
from bench.results import Result, Verdict
from bench.scale import Cost

FEW, SOME, MANY = (Cost(count, 3 * count, 0.5 + count / 100, 0.5 + count / 100, 100) for count in scale.COUNTS)
CHECK = Cost(5000, 50, 1.0, 1.0, 100)


def verdicts(*costs: Cost, check: Cost = CHECK) -> dict[str, Verdict]:
    """Of the rows that have a target."""
    return {row.what.removeprefix("scale: "): row.verdict for row in scale.results([*costs], check) if row.target}


def test_what_grows_with_the_pods_and_no_faster_is_well() -> None:
    """Also where the start weighs most of what 50 cost."""
    assert set(verdicts(FEW, SOME, MANY).values()) == {Verdict.REACHED}


@pytest.mark.parametrize(
    ("cost", "missed"),
    [
        (MANY._replace(requests=15_001), {"5,000 pods, requests a pod"}),
        (MANY._replace(peak_mb=300.0), {"5,000 pods, peak memory"}),
        (MANY._replace(cpu_seconds=0.5 + 80), {"client CPU of a pod more, 500 to 5,000"}),
        (MANY._replace(wall_seconds=0.5 + 80), {"wall of a pod more, 500 to 5,000"}),
    ],
)
def test_what_is_too_much_is_missed(cost: Cost, missed: set[str]) -> None:
    """Each number by itself."""
    assert {what for what, found in verdicts(FEW, SOME, cost).items() if found is Verdict.MISSED} == missed


def test_a_check_that_asks_for_more_than_pages_is_missed() -> None:
    """A request for every hundredth pod at the most."""
    assert verdicts(FEW, SOME, MANY, check=CHECK._replace(requests=51))["--check of 5,000 pods"] is Verdict.MISSED


def test_many_pods_are_compared_with_xargs_and_with_single_runs() -> None:
    """By the ratio of each round, and by sixty times one run."""

    def found(ours: float) -> list[Verdict]:
        rows: list[Result] = many.results([ours] * 3, [8.0] * 3, [1.0] * 6)
        return [row.verdict for row in rows]

    assert found(15.0) == [Verdict.REACHED, Verdict.REACHED]
    assert found(15.1) == [Verdict.REACHED, Verdict.MISSED]
    assert found(16.1) == [Verdict.MISSED, Verdict.MISSED]


def test_a_run_is_measured() -> None:
    """Of ten pods on two nodes: an exec and an Event each, and a little more."""
    cost = scale.run_in(10)
    assert 2 < cost.requests / cost.pods < 6
    assert cost.cpu_seconds > 0
    assert cost.peak_mb > 10
