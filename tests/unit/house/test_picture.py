"""The README's picture of a session: made of what was printed, and of nothing that has to be fetched."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from demo import picture

SVG = "{http://www.w3.org/2000/svg}"


def lines(svg: str) -> list[str]:
    """The lines of text that a picture shows, from the top."""
    texts = [node for node in ET.fromstring(svg).iter(f"{SVG}text") if "clip-path" in node.attrib]  # noqa: S314 - ours
    rows: dict[float, str] = {}
    for node in texts:
        row = float(node.attrib["y"])
        rows[row] = rows.get(row, "") + "".join(node.itertext())
    return [rows[row].replace("\xa0", " ").rstrip() for row in sorted(rows)]


def test_picture_shows_what_was_printed() -> None:
    """Commands after a prompt, output as it was, colours and all."""
    svg = picture.drawn([("oc nsexec p -- a", "one  <two> & three\n\x1b[31mred\x1b[0m\n"), ("oc nsexec q", "")])
    assert [line for line in lines(svg) if line] == ["$ oc nsexec p -- a", "one  <two> & three", "red", "$ oc nsexec q"]


def test_long_lines_are_shown_whole() -> None:
    """They go on in the next line, as on a terminal."""
    assert "".join(lines(picture.drawn([("x", "y" * 200)]))) == "$ x" + "y" * 200


def test_the_readmes_picture_is_of_the_commands_that_are_run() -> None:
    """`make picture` draws it anew; nothing in it is fetched from elsewhere."""
    svg = picture.PICTURE.read_text()
    shown = lines(svg)
    assert [line[2:] for line in shown if line.startswith("$ ")] == [command for command, _ in picture.COMMANDS]
    assert "/proc/1/status:Cpus_allowed_list:       1" in shown
    assert "/proc/self/status:Cpus_allowed_list:    0" in shown
    assert not re.search(r"(href|src|url)[^>]*https?:", svg)
