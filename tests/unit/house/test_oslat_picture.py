"""What oslat saw as data and as a picture: the same numbers, in words too, and nothing fetched from elsewhere."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest

from bench import picture, published
from bench.verdicts import IDLE, KEPT, KUBECTL, NSEXEC, SSH, Phase
from testbed.oslat import Histogram

if TYPE_CHECKING:
    from pathlib import Path

SVG = "{http://www.w3.org/2000/svg}"


def phase(name: str, commands: int, counts: dict[int, int], longest_us: int, beyond_us: float = 0.0) -> Phase:
    """A phase of 10 s."""
    seen = Histogram(10.0, counts, longest_us, beyond_us)
    return Phase(name, commands, 9.0, seen, "SCHED_OTHER", 10.0, 0, 0, None)


PHASES = [
    phase(IDLE, 0, {1: 4 * 10**8, 12: 30}, 12),
    phase(KUBECTL, 60, {1: 10**8, 12: 30, 1001: 20, 1024: 7}, 95_856, 300_000.0),
    phase(IDLE, 0, {1: 4 * 10**8, 11: 20}, 11),
    phase(KUBECTL, 50, {1: 10**8}, 1),
]


@pytest.fixture
def data() -> dict[str, Any]:
    """The document."""
    return published.document(PHASES, "2026-01-31")


def test_the_phases_of_a_kind_are_added_up(data: dict[str, Any]) -> None:
    """In the order in which they take turns."""
    idle, kubectl = data["phases"]
    assert idle == {
        "name": "idle",
        "rounds": 2,
        "seconds": 20.0,
        "commands": 0,
        "gaps_over_10_us": 50,
        "gaps_over_1000_us": 0,
        "lost_ms": 0.6,  # 30 times 11.5 µs, 20 times 10.5 µs
        "longest_us": 12,
        "histogram": {"1": 8 * 10**8, "11": 20, "12": 30},
    }
    assert (kubectl["commands"], kubectl["gaps_over_1000_us"], kubectl["longest_us"]) == (110, 27, 95_856)
    assert (data["measured"], data["policy"]) == ("2026-01-31", ["SCHED_OTHER"])


def test_the_data_is_json_with_a_line_for_each_kind(data: dict[str, Any]) -> None:
    """So that a difference can be read."""
    text = published.written(data)
    assert json.loads(text) == data
    assert [line.strip()[:16] for line in text.splitlines()[1:3]] == ['{"name": "idle",', '{"name": "kubect']


def test_a_time_is_in_the_bar_that_it_belongs_to() -> None:
    """The bucket of 2 µs has the times from 1 to 2 µs, that of 3 those from 2 on; the last bar everything from 1 ms."""
    counts = {"1": 100, "2": 20, "3": 5, "5": 1, "6": 1, "1000": 3, "1001": 4, "1024": 5}
    rates = picture.rates({"seconds": 2.0, "histogram": counts})
    assert dict(zip(picture.EDGES_US, rates, strict=True)) == {
        0: 60.0, 2: 3.0, 5: 0.5, 10: 0, 20: 0, 50: 0, 100: 0, 200: 0, 500: 1.5, 1000: 4.5,
    }  # fmt: skip


def test_the_picture_says_all_of_it_in_words(data: dict[str, Any]) -> None:
    """For whoever does not see the bars, who are named by title and description."""
    svg = picture.drawn(data)
    root = ET.fromstring(svg)  # noqa: S314 - ours
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-labelledby"].split() == [root[0].attrib["id"], root[1].attrib["id"]]
    words = "110 commands in 20 s; lost 16.38 ms/s, 1.35 gaps/s over 1 ms, the longest 95.86 ms"
    assert f"kubectl exec: {words}." in (root[1].text or "")
    assert words in [text.text for text in root.iter(f"{SVG}text")]
    assert not re.search(r"(href|src|url)[^>]*https?:", svg)


def test_each_row_has_its_bars_to_one_scale(data: dict[str, Any]) -> None:
    """More often is higher; 1 ms and longer has a colour of its own; everything is within the picture."""
    root = ET.fromstring(picture.drawn(data))  # noqa: S314 - ours
    ground, *bars = [
        {key: node.get(key, "") for key in ("x", "y", "width", "height", "fill")} for node in root.iter(f"{SVG}rect")
    ]
    assert len(bars) == 2 + 3
    heights = [float(bar["height"]) for bar in bars]
    assert heights[0] > heights[2] > heights[1]  # 40 million, 5 million, and 2 a second
    assert [bar["fill"] == bars[0]["fill"] for bar in bars] == [True, True, True, True, False]
    assert all(float(bar["y"]) + float(bar["height"]) <= float(ground["height"]) for bar in bars)
    assert all(float(bar["x"]) + float(bar["width"]) <= float(ground["width"]) for bar in bars)


def test_a_picture_of_nothing_can_be_drawn() -> None:
    """A kind of which nothing was counted has no bar."""
    ET.fromstring(picture.drawn(published.document([phase(NSEXEC, 1, {}, 0)], "2026-01-31")))  # noqa: S314 - ours


def test_the_documentations_picture_is_drawn_from_its_data() -> None:
    """And the data is of what the bench measures."""
    data = json.loads(published.DATA.read_text())
    assert published.PICTURE.read_text() == picture.drawn(data)
    assert published.DATA.read_text() == published.written(data)
    assert [kind["name"] for kind in data["phases"]] == [IDLE, KUBECTL, NSEXEC, KEPT, SSH]


def test_both_files_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By one call, the picture from what is in the data."""
    monkeypatch.setattr(published, "DATA", tmp_path / "oslat.json")
    monkeypatch.setattr(published, "PICTURE", tmp_path / "oslat.svg")
    published.write(PHASES)
    assert (tmp_path / "oslat.svg").read_text() == picture.drawn(json.loads((tmp_path / "oslat.json").read_text()))
