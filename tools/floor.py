"""Whether branch coverage is where it has to be: not below its floor, and the floor neither far below it nor lowered.

``make coverage`` runs it after the hermetic tests. What is measured is coverage.py's total: lines and branches that
were taken, in per cent of all, by tests/unit and tests/program and by the tool where they start it. The floor is
``fail_under`` of pyproject.toml, which coverage.py itself would hold too; but it does not say when a floor can rise.
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import coverage

if TYPE_CHECKING:
    from collections.abc import Iterable

_ROOT: Final = Path(__file__).parents[1]
SLACK_POINTS: Final = 1.0
"""How far below a measurement the floor belongs: property tests and races do not take the same branches every time."""
LAG_POINTS: Final = 2.0
"""How far below it may stay."""


def doubt(measured: float, floor: float, earlier: Iterable[float]) -> str | None:
    """What is wrong with MEASURED or with FLOOR, a sentence; None when nothing is. All in per cent.

    ``earlier`` are the floors that commits before had.
    """
    highest = max(earlier, default=floor)
    if floor < highest:
        return f"the floor of branch coverage is {floor:g} %, and was {highest:g} %: it may only rise"
    if measured < floor:
        return f"branch coverage is {measured:.1f} %, below its floor of {floor:g} %: what is new wants tests"
    if measured > floor + LAG_POINTS:
        return (
            f"branch coverage is {measured:.1f} %, its floor {floor:g} %: "
            f"put fail_under = {measured - SLACK_POINTS:.1f} into pyproject.toml"
        )
    return None


def earlier_floors(root: Path) -> list[float]:
    """Those that the commits of the checkout ROOT have written, as far as its history is there."""
    log = ["git", "-C", str(root), "log", "--patch", "--format=", "-G^fail_under = ", "--", "pyproject.toml"]
    written = subprocess.run(log, capture_output=True, text=True, check=False).stdout
    return [float(number) for number in re.findall(r"^\+fail_under = ([\d.]+)", written, re.MULTILINE)]


def main() -> int:
    """The exit status: 1 when there is a doubt."""
    data = coverage.Coverage(config_file=str(_ROOT / "pyproject.toml"))
    data.load()
    measured = data.report(file=io.StringIO())
    floor = float(data.get_option("report:fail_under") or 0)  # type: ignore[arg-type]
    found = doubt(measured, floor, earlier_floors(_ROOT))
    print(found or f"branch coverage: {measured:.1f} %, floor {floor:g} %", file=sys.stderr if found else sys.stdout)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
