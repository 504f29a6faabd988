"""What oslat(8) of rt-tests says in JSON: how long a busy loop was kept from looking at the clock, and how often.

The loop looks again and again. Each time between two looks is counted in the bucket of its microseconds, rounded up;
the last bucket takes everything longer, of which the sum is in the average. A second before the test is its own
pre-heat, which is not counted. Seen in its source, src/oslat/oslat.c (``insert_bucket``, ``calculate``).
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

BUCKETS: Final = 1024
"""The most that it has."""
MAIN_PRIORITY: Final = 2
"""Of its main thread, where the loop runs at SCHED_FIFO 1 on the same CPU: else it would never hear the end of time."""
PREHEAT_SECONDS: Final = 1
OWN_CPU: Final = 'while read -r name cpu; do [ "$name" != Cpus_allowed_list: ] || break; done </proc/self/status'
"""In sh: sets $cpu, of a container that owns one."""
_ROUNDING_US: Final = 1e-6


@dataclass(frozen=True)
class Histogram:
    """What one loop saw, or several added up."""

    seconds: float
    counts: Mapping[int, int]
    """By microseconds, rounded up, 1 to BUCKETS; the last one with everything longer."""
    longest_us: int
    beyond_us: float
    """What was longer than the last bucket, the sum of the excess."""

    def __add__(self, other: Histogram) -> Histogram:
        """Both, as if they had been one run."""
        return Histogram(
            self.seconds + other.seconds,
            Counter(self.counts) + Counter(other.counts),
            max(self.longest_us, other.longest_us),
            self.beyond_us + other.beyond_us,
        )

    def number(self, over_us: int) -> int:
        """How many times between two looks were longer than OVER_US (below BUCKETS)."""
        return sum(count for us, count in self.counts.items() if us > over_us)

    def sum_us(self, over_us: int) -> float:
        """Those times added up, each as the middle of its bucket."""
        return sum(count * (us - 0.5) for us, count in self.counts.items() if us > over_us) + self.beyond_us


NOTHING: Final = Histogram(0.0, {}, 0, 0.0)


def total(histograms: Iterable[Histogram]) -> Histogram:
    """All of them added up."""
    return sum(histograms, NOTHING)


def parse(text: str) -> Histogram:
    """What is in the file of ``oslat --json`` with one CPU and BUCKETS buckets. Raises ValueError for anything else."""
    try:
        (thread,) = json.loads(text)["thread"].values()
        counts = {int(us): int(count) for us, count in thread["histogram"].items()}
        seconds, longest, average = float(thread["duration"]), int(thread["max"]), float(thread["avg"])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"this is not what oslat --json says of one CPU: {text[:80]!r}") from error
    if not counts or min(counts) < 1 or max(counts) > BUCKETS:
        raise ValueError(
            f"oslat has other buckets than 1 to {BUCKETS} µs: {sorted(counts)[:1]} to {sorted(counts)[-1:]}"
        )
    number = sum(counts.values())
    excess = average * number - sum(us * count for us, count in counts.items())
    # The average has six digits behind the point: an excess that is not above their rounding is none.
    return Histogram(seconds, counts, longest, excess if excess > number * _ROUNDING_US else 0.0)


def options(cpu: str, file: str, *, fifo: str, seconds: str, copies: str = "") -> str:
    """The arguments, in sh's syntax, of a loop on CPU whose main thread is there too; the JSON goes into FILE.

    ``copies``: between two looks it copies so much memory (``64K``), and the time of that counts.
    """
    workload = f" -w memmove -m {copies}" if copies else ""
    return f"-c {cpu} -C {cpu} {fifo} -D {seconds} -q -z -b {BUCKETS}{workload} --json={file}"
