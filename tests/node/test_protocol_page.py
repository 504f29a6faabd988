"""docs/reference/protocol.md has every word that client and node say to each other, as the sources have them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from kubectl_nsexec import node
from kubectl_nsexec.protocol import commands, events
from kubectl_nsexec.target.container_choice import Target
from tests.node.shim_lab import PLAIN

_PAGE: Final = (Path(__file__).parents[2] / "docs/reference/protocol.md").read_text()
_AGENT: Final = node.agent_script()
_SHIM: Final = "".join(path.read_text() for path in sorted((Path(node.__file__).parent / "shim").glob("*.[ch]")))

TARGET: Final = Target("ran", "du-0", "u-1", "u-1", "n1", "main", "c", "cri-o", "i", False, "", None)  # noqa: FBT003 - a record


def _section(title: str) -> str:
    return _PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def _column(section: str, heading: str) -> set[str]:
    """The names in the first column of the table with that heading."""
    rows = section.partition(f"| {heading} |")[2].partition("\n\n")[0].splitlines()[2:]
    return {name for row in rows for name in re.findall(r"`([^`]+)`", re.split(r"(?<!\\)\|", row)[1])}


def test_events_are_those_of_the_sources() -> None:
    """What the agent and the shim say, and what the client decodes; the exit marker alone says ``ended``."""
    said = set(re.findall(r'\\"event\\":\\"(\w+)', _AGENT + _SHIM))
    assert _column(_section("Lines of the agent and the shim, on stdout"), "event") == said
    assert said == {*events._DECODERS, "ended"}


@pytest.mark.parametrize("event", ["node", "target", "survey", "container", "threads"])
def test_fields_of_long_events_are_named(event: str) -> None:
    """Every field that the agent puts into them."""
    text = _AGENT.partition(f'\\"event\\":\\"{event}\\"')[2].partition("\n}")[0]
    fields = set(re.findall(r'\\"(\w+)\\":', text)) | set(
        re.findall(r'\\"(\w+)\\":', _AGENT.partition("find_owners() {")[2])
    )
    section = _section("Lines of the agent and the shim, on stdout")
    assert {field for field in fields - {"event", event} if f"`{field}`" not in section} == set()


def test_codes_are_those_of_the_sources() -> None:
    """Every code of a failure has a row."""
    codes = set(re.findall(r"(?m)^[^#\n]*\bfail ([a-z-]+) [\"']", _AGENT))
    codes |= set(re.findall(r'fail\("([a-z-]+)"', _SHIM)) | set(
        re.findall(r'#define \w+ "([a-z-]+)"\n', _report_codes())
    )
    assert _column(_section("Lines of the agent and the shim, on stdout"), "code") == codes
    assert {*commands._KINDS, *commands._NEXT_STEPS} <= codes


def _report_codes() -> str:
    """The lines of report.h that name codes."""
    return "".join(re.findall(r'#define (?:SHIM|IDENTITY|USER_NAMESPACE) "[a-z-]+"\n', _SHIM))


def test_subcommands_are_those_of_the_usage() -> None:
    """As the shim itself says them."""
    usage = re.findall(r'"(?:usage:| {6}) (shim [^"]+)\\n"', _SHIM)
    shown = {line.replace("\\|", "|") for line in _column_words(_section("Subcommands of the shim"))}
    assert shown == set(usage)
    assert {line.split()[1] for line in usage} == set(re.findall(r'!strcmp\(words\[1\], "(\w+)"\)', _SHIM))


def _column_words(section: str) -> list[str]:
    return re.findall(r"(?m)^\| `(shim .+?)` \|", section)


def test_keys_of_an_identity_are_all_there() -> None:
    """Those that the shim knows, and the tests' own identity has."""
    table = _SHIM.partition("static const char *const names[] = {")[2].partition("}")[0]
    known = set(re.findall(r'"(\w+)"', table))
    section = _section("The identity and the command")
    assert _column(section, "key") | _column(section, "key, any number of times") == known
    assert known == {*PLAIN, "rlimit"}


def test_lines_to_the_agent_are_those_of_the_client() -> None:
    """The client's words, and those that the agent compares with."""
    shown = {line.split()[0] for line in _column(_section("Lines to the agent, on stdin"), "line")}
    assert shown == {"look", "place", "hold", "narrow", "threads", "of", "end", "go"}
    for word in shown:
        assert re.search(rf"= {word} \]", _AGENT), word
    sent = (
        commands.LOOK,
        commands.HOLD,
        commands.THREADS,
        commands.go_line(1),
        *commands.survey_lines([TARGET]).splitlines(),
    )
    assert {line.split()[0].decode() for line in sent} <= shown


def test_variables_are_those_of_the_sources() -> None:
    """Every variable of the environment that one part leaves to another."""
    used = set(re.findall(r"\bNSEXEC_[A-Z_]+\b", _AGENT)) | set(re.findall(r'"(NSEXEC_[A-Z_]+)"', _SHIM))
    assert _column(_section("What lies in the cluster"), "variable") == used
