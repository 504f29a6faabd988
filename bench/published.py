"""What oslat saw, as the documentation has it: oslat.json, and oslat.svg, which is drawn from it."""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from bench.picture import drawn
from bench.verdicts import GAP_US, LONG_GAP_US, Phase, of
from testbed.oslat import BUCKETS, total
from testbed.progress import say

DATA: Final = Path(__file__).resolve().parent.parent / "docs" / "oslat.json"
PICTURE: Final = DATA.with_suffix(".svg")

Json = dict[str, Any]


def write(phases: Sequence[Phase]) -> None:
    """Write both files."""
    data = document(phases, time.strftime("%Y-%m-%d"))
    DATA.write_text(written(data), encoding="utf-8")
    PICTURE.write_text(drawn(data), encoding="utf-8")
    say(f"written: {DATA.name} and {PICTURE.name}")


def written(data: Json) -> str:
    """The text of the data's file: a line for each kind of phase, for each has hundreds of buckets."""
    head = {key: value for key, value in data.items() if key != "phases"}
    lines = ",\n".join(f"  {json.dumps(phase)}" for phase in data["phases"])
    return f'{json.dumps(head)[:-1]}, "phases": [\n{lines}\n]}}\n'


def document(phases: Sequence[Phase], measured: str) -> Json:
    """The phases of each kind added up, in the order in which they take turns, MEASURED on that day.

    ``histogram``: how many times between two looks at the clock took so many microseconds, rounded up.
    """
    names = dict.fromkeys(phase.name for phase in phases)
    return {
        "meter": "oslat --bucket-size 1024 (rt-tests)",
        "measured": measured,
        "policy": sorted({phase.policy for phase in phases}),
        "buckets": f"µs, rounded up; {BUCKETS} has what is longer, too",
        "phases": [_added_up(name, of(phases, name)) for name in names],
    }


def _added_up(name: str, phases: Sequence[Phase]) -> Json:
    seen = total(phase.seen for phase in phases)
    return {
        "name": name,
        "rounds": len(phases),
        "seconds": round(seen.seconds, 3),
        "commands": sum(phase.commands for phase in phases),
        f"gaps_over_{GAP_US}_us": seen.number(GAP_US),
        f"gaps_over_{LONG_GAP_US}_us": seen.number(LONG_GAP_US),
        "lost_ms": round(sum(phase.lost_ms for phase in phases), 1),
        "longest_us": seen.longest_us,
        "histogram": {str(us): seen.counts[us] for us in sorted(seen.counts)},
    }
