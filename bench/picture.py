"""oslat.svg of the documentation: how long the loop was kept from the clock, in a row for each kind of phase.

Drawn by hand, for a bar chart is no reason for another dependency. On a ground of its own, so that it can be read on a
light page and on a dark one; every row has its numbers in words as well.
"""

from collections.abc import Mapping, Sequence
from html import escape
from math import ceil, floor, log10
from typing import Any, Final

Json = Mapping[str, Any]

EDGES_US: Final = (0, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
"""Each bar is from one to the next; the last one is everything from there on."""
_WIDTH: Final = 760
_LEFT: Final = 24
_BAR_WIDTH: Final = 71
_ROW_HEIGHT: Final = 118
_BAR_HEIGHT: Final = 64
_TOP: Final = 64
_SVG: Final = (
    f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {{height}}" role="img" '
    'aria-labelledby="title words" font-family="sans-serif">'
)
_INK, _GROUND, _FAINT, _BAR, _LONG_BAR = "#1f2328", "#ffffff", "#59636e", "#0969da", "#a40e26"


def drawn(data: Json) -> str:
    """The document of published.document as SVG."""
    phases: Sequence[Json] = data["phases"]
    rows = [rates(phase) for phase in phases]
    scale = _scale(rows)
    height = _TOP + _ROW_HEIGHT * len(rows) + 28
    title = "Time between two looks at the clock of a busy loop (oslat), by what runs beside it"
    words = " ".join(f"{phase['name']}: {summary(phase)}." for phase in phases)
    parts = [
        _SVG.format(height=height),
        f'<title id="title">{escape(title)}</title>',
        f'<desc id="words">{escape(words)}</desc>',
        f'<rect width="{_WIDTH}" height="{height}" rx="8" fill="{_GROUND}" stroke="{_FAINT}"/>',
        _text(_LEFT, 26, title, weight="bold"),
        _text(_LEFT, 46, "How often in a second, on a logarithmic scale; red: 1 ms and longer.", fill=_FAINT),
        *(
            part
            for place, (phase, row) in enumerate(zip(phases, rows, strict=True))
            for part in _row(phase, row, scale, _TOP + _ROW_HEIGHT * place)
        ),
        *_axis(_TOP + _ROW_HEIGHT * len(rows)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def rates(phase: Json) -> list[float]:
    """How often in a second, by EDGES_US. A bucket has the times below its microsecond, from one less on."""
    found = [0.0] * len(EDGES_US)
    for us, count in phase["histogram"].items():
        place = max(place for place, edge in enumerate(EDGES_US) if edge < int(us))
        found[place] += count / phase["seconds"]
    return found


def summary(phase: Json) -> str:
    """A row in words."""
    commands = f"{phase['commands']:,} commands in " if phase["commands"] else ""
    lost = phase["lost_ms"] / phase["seconds"]
    long = phase["gaps_over_1000_us"] / phase["seconds"]
    return (
        f"{commands}{phase['seconds']:.0f} s; lost {lost:.2f} ms/s, {long:.2f} gaps/s over 1 ms, "
        f"the longest {phase['longest_us'] / 1e3:.2f} ms"
    )


def _scale(rows: Sequence[Sequence[float]]) -> tuple[int, int]:
    """The powers of ten that every bar is between."""
    found = [rate for row in rows for rate in row if rate > 0]
    least = floor(log10(min(found, default=1.0)))
    return least, max(ceil(log10(max(found, default=10.0))), least + 1)


def _row(phase: Json, row: Sequence[float], scale: tuple[int, int], top: int) -> list[str]:
    low, high = scale
    foot = top + 28 + 18 + _BAR_HEIGHT
    parts = [
        _text(_LEFT, top + 24, str(phase["name"]), weight="bold"),
        _text(_LEFT + 150, top + 24, summary(phase), fill=_FAINT),
        f'<line x1="{_LEFT}" y1="{foot}" x2="{_LEFT + _BAR_WIDTH * len(row)}" y2="{foot}" stroke="{_FAINT}"/>',
    ]
    for place, rate in enumerate(row):
        if rate <= 0:
            continue
        height = max(1.0, (log10(rate) - low) / (high - low) * _BAR_HEIGHT)
        left, colour = _LEFT + _BAR_WIDTH * place, _LONG_BAR if EDGES_US[place] >= EDGES_US[-1] else _BAR
        box = f'x="{left + 4}" y="{foot - height:.1f}" width="{_BAR_WIDTH - 8}" height="{height:.1f}"'
        parts += [
            f'<rect {box} fill="{colour}"/>',
            _text(left + _BAR_WIDTH / 2, foot - height - 4, _short(rate), anchor="middle", size=11),
        ]
    return parts


def _axis(top: int) -> list[str]:
    names = [f"from {edge} µs" if edge < EDGES_US[-1] else "from 1 ms" for edge in EDGES_US]
    return [
        _text(_LEFT + _BAR_WIDTH * place + 4, top + 14, name, fill=_FAINT, size=11) for place, name in enumerate(names)
    ]


def _short(rate: float) -> str:
    """A rate in at most six characters."""
    for unit, factor in (("M", 1e6), ("k", 1e3)):
        if rate >= factor:
            return f"{rate / factor:.3g} {unit}"
    return f"{rate:.0f}" if rate >= 10 else f"{rate:.2g}"  # noqa: PLR2004 - two digits of anything


def _text(
    x: float, y: float, words: str, *, fill: str = _INK, weight: str = "normal", anchor: str = "start", size: int = 13
) -> str:
    return (
        f'<text x="{x:g}" y="{y:.1f}" fill="{fill}" font-weight="{weight}" text-anchor="{anchor}" '
        f'font-size="{size}">{escape(words)}</text>'
    )
