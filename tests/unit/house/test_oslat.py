"""What oslat says in JSON: read as it is, added up, and never taken for what it is not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from testbed import oslat
from testbed.oslat import Histogram

SAMPLE = """{
  "file_version": 1,
  "cmdline:": "oslat -c 1 -C 1 -D 10 -q -z -b 1024 --json=/bench/part",
  "rt_test_version:": "2.40",
  "start_time": "Sun, 29 Nov 2026 11:27:01 +0000",
  "end_time": "Sun, 29 Nov 2026 11:27:04 +0000",
  "return_code": 0,
  "sysinfo": {"sysname": "Linux", "release": "6.1.0-rt", "machine": "x86_64", "realtime": 1},
  "num_threads": 1,
  "thread": {
    "0": {
      "cpu": 1, "freq": 2597, "min": 1, "avg": 1.080000, "max": 2024, "duration": 2.018,
      "histogram": {"1": 99996, "2": 1, "11": 1, "1001": 1, "1024": 1}
    }
  }
}
"""
"""As Debian's rt-tests 2.4 has it, the many lines of a thread made few."""


def changed(**fields: Any) -> str:  # noqa: ANN401 - any JSON
    """The sample with other fields of its thread."""
    document = json.loads(SAMPLE)
    document["thread"]["0"].update(fields)
    return json.dumps(document)


def test_a_run_is_read() -> None:
    """What is beyond the last bucket is in the average alone: 108,000 less what the buckets hold."""
    seen = oslat.parse(SAMPLE)
    assert (seen.seconds, seen.longest_us) == (2.018, 2024)
    assert seen.counts == {1: 99996, 2: 1, 11: 1, 1001: 1, 1024: 1}
    assert seen.beyond_us == pytest.approx(108_000 - (99_996 + 2 + 11 + 1001 + 1024))


@pytest.mark.parametrize("average", [1.02034, 1.0203404, 1.020339])
def test_the_rounding_of_the_average_is_no_time_that_was_lost(average: float) -> None:
    """It has six digits behind the point, which are a tenth of a millisecond in 15 s."""
    assert oslat.parse(changed(avg=average)).beyond_us == 0


def test_what_is_over_a_limit_is_counted_and_added_up() -> None:
    """The bucket of 11 µs has the times from 10 µs on; each counts as its middle, what is beyond in full."""
    seen = Histogram(1.0, {1: 10**7, 10: 5, 11: 2, 1001: 3}, 1001, 50.0)
    assert (seen.number(10), seen.number(1000)) == (5, 3)
    assert seen.sum_us(10) == pytest.approx(2 * 10.5 + 3 * 1000.5 + 50.0)


def test_runs_are_added_up() -> None:
    """As if they had been one."""
    first, second = Histogram(1.5, {1: 7, 11: 2}, 11, 0.0), Histogram(2.5, {1: 5, 1024: 1}, 3000, 1976.0)
    assert oslat.total([first, second]) == Histogram(4.0, {1: 12, 11: 2, 1024: 1}, 3000, 1976.0)
    assert oslat.total([]) == oslat.NOTHING


@pytest.mark.parametrize(
    "text",
    [
        "",
        "oslat V 2.40\n",
        "{}",
        "[]",
        json.dumps({"thread": {}}),
        json.dumps({"thread": {"0": json.loads(SAMPLE)["thread"]["0"], "1": json.loads(SAMPLE)["thread"]["0"]}}),
        changed(histogram={}),
        changed(histogram={"x": 1}),
        changed(histogram={"0": 1}),
        changed(histogram={"1025": 1}),
        changed(avg="many"),
        changed(max=None),
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    """Two CPUs, too: their numbers would not be one loop's."""
    with pytest.raises(ValueError, match="oslat"):
        oslat.parse(text)


def test_what_is_copied_between_two_looks_is_an_argument_of_its_own() -> None:
    """And nothing of it is there where nothing is copied."""
    looks = oslat.options("2", "/part", fifo="-f 1", seconds="10")
    assert looks == "-c 2 -C 2 -f 1 -D 10 -q -z -b 1024 --json=/part"
    copies = oslat.options("2", "/part", fifo="-f 1", seconds="10", copies="64K")
    assert set(copies.split()) - set(looks.split()) == {"-w", "memmove", "-m", "64K"}
