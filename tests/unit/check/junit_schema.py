"""What a document of JUnit's has to be for the strictest who reads it: Jenkins' xUnit plugin, junit-10.xsd."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from xml.etree.ElementTree import Element


class Kind(NamedTuple):
    """An element: what it must have, what it may have, what may be in it; whether there may be text."""

    required: frozenset[str] = frozenset()
    optional: frozenset[str] = frozenset()
    children: frozenset[str] = frozenset()
    text: bool = False


_SAID: Final = Kind(optional=frozenset({"type", "message"}), text=True)
KINDS: Final = {
    "testsuites": Kind(
        optional=frozenset({"name", "time", "tests", "failures", "errors"}), children=frozenset({"testsuite"})
    ),
    "testsuite": Kind(
        required=frozenset({"name", "tests", "failures", "errors"}),
        optional=frozenset(
            {"skipped", "time", "timestamp", "hostname", "id", "package", "file", "group", "log", "url"}
        ),
        children=frozenset({"testsuite", "properties", "testcase", "system-out", "system-err"}),
    ),
    "testcase": Kind(
        required=frozenset({"name"}),
        optional=frozenset({"time", "classname", "group"}),
        children=frozenset({"skipped", "error", "failure", "system-out", "system-err"}),
    ),
    "failure": _SAID,
    "skipped": _SAID,
    "system-out": Kind(text=True),
}


def problems(element: Element) -> Iterator[str]:
    """What is wrong with it, and with whatever is in it."""
    kind, there = KINDS[element.tag], {*element.attrib}
    yield from (f"{element.tag} lacks {name}" for name in kind.required - there)
    yield from (f"{element.tag} has {name}" for name in there - kind.required - kind.optional)
    yield from (f"{element.tag} contains {child.tag}" for child in element if child.tag not in kind.children)
    if not kind.text and (element.text or "").strip():
        yield f"{element.tag} has text"
    for child in element:
        yield from problems(child)
