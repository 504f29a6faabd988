"""What was measured, against what it should be."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from tabulate import tabulate


@dataclass(frozen=True)
class Result:
    """One number: ours, what it is compared with, and what was to be reached. All but ``reached`` is text to show."""

    what: str
    ours: str
    other: str
    ratio: str
    target: str
    reached: bool | None
    """None: the number has no target of its own."""

    @property
    def verdict(self) -> str:
        """The last column."""
        return {True: "reached", False: "MISSED", None: ""}[self.reached]

    def line(self) -> str:
        """The result as one line, for the moment when it is known."""
        words = f"{self.what}: {self.ours}"
        if self.other:
            words += f" against {self.other}"
        if self.ratio:
            words += f", ratio {self.ratio}"
        return f"{words}; target {self.target}: {self.verdict}" if self.target else words


def table(results: Sequence[Result]) -> str:
    """All results, one a row."""
    rows = [(r.what, r.ours, r.other, r.ratio, r.target, r.verdict) for r in results]
    return tabulate(rows, ["what", "oc nsexec", "against", "ratio", "target", ""], disable_numparse=True)


def seconds(values: Sequence[float]) -> str:
    """Median and range of some durations (s), as `1.15 s (1.08 to 1.31)`."""
    return f"{median(values):.2f} s ({min(values):.2f} to {max(values):.2f})"
