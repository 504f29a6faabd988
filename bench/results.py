"""What was measured, against what it should be."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from statistics import median

from tabulate import tabulate


class Verdict(Enum):
    """What a number says about its target."""

    REACHED = "reached"
    MISSED = "MISSED"
    UNKNOWN = "TOO NOISY"
    """The rounds of this run differ too much to tell: as good as not measured."""
    NONE = ""
    """The number has no target of its own."""


@dataclass(frozen=True)
class Result:
    """One number: ours, what it is compared with, and what was to be reached; text to show but for the verdict."""

    what: str
    ours: str
    other: str
    ratio: str
    target: str
    verdict: Verdict

    def line(self) -> str:
        """The result as one line, for the moment when it is known."""
        words = f"{self.what}: {self.ours}{f' against {self.other}' if self.other else ''}"
        if self.ratio:
            words += f", ratio {self.ratio}"
        return f"{words}; target {self.target}: {self.verdict.value}" if self.target else words


def verdict(*, reached: bool) -> Verdict:
    """The verdict on a number that is what it is."""
    return Verdict.REACHED if reached else Verdict.MISSED


def table(results: Sequence[Result]) -> str:
    """All results, one a row."""
    rows = [(r.what, r.ours, r.other, r.ratio, r.target, r.verdict.value) for r in results]
    return tabulate(rows, ["what", "oc nsexec", "against", "ratio", "target", ""], disable_numparse=True)


def ratio_of_pairs(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Return the median of the ratios, each of two numbers of one round: the machine changes."""
    return median(mine / other for mine, other in zip(ours, theirs, strict=True))


def seconds(values: Sequence[float]) -> str:
    """Median and range of some durations (s), as `1.15 s (1.08 to 1.31)`."""
    return f"{median(values):.2f} s ({min(values):.2f} to {max(values):.2f})"
