"""The agent's functions return by globals, for POSIX sh has nothing else: what each takes and returns stands above it.

``in: $a $b`` are the globals that a function takes beside its arguments, ``out: $c`` those that it returns by; every
other variable is its own, and nobody may read what it left there.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import pytest

from kubectl_nsexec.node import agent_script

OF_ALL = {"nonce", "patience", "unread", "newline", "agent", "base", "own_pod", "pool", "sources"}
"""Set before any function is called, for all of them (agent/base.sh)."""
NAME = r"[a-z_][a-z_0-9]*"
FUNCTION = re.compile(
    rf"^(?P<header>(?:#.*\n)*)(?P<name>{NAME})\(\) (?P<body>\{{ .*\}}|\{{.*\n(?:.*\n)*?\}})$", re.MULTILINE
)


class Function(NamedTuple):
    """``taken``, ``returned``: what its header says. ``body``: its code, see ``code_of``."""

    name: str
    taken: frozenset[str]
    returned: frozenset[str]
    body: str

    def sets(self) -> dict[str, int]:
        """Each variable that it sets itself, and where that is first done."""
        found: dict[str, int] = {}
        ways = rf"(?<![\w$\"'/=:.-])({NAME})=[^\s;]*|\bfor ({NAME})\b|\bread (?:-r )?({NAME}(?: {NAME})*)"
        for match in re.finditer(ways, self.body):
            for name in (match[1] or match[2] or match[3]).split():
                found.setdefault(name, match.end())
        return found

    def reads(self) -> dict[str, int]:
        """Each variable that it reads, and where that is first done."""
        found: dict[str, int] = {}
        for match in re.finditer(rf"\$\{{?({NAME})|\$\(\(([^()]*)\)\)", self.body):
            for name in [match[1]] if match[1] else re.findall(rf"\b{NAME}", match[2]):
                found.setdefault(name, match.start())
        return found

    def calls(self, others: dict[str, Function]) -> list[tuple[int, Function]]:
        """The functions that it calls, and where first."""
        words = ((name, re.search(rf"(?<![\w$/.{{-]){name}(?![\w/.=-])", self.body)) for name in others)
        return [(match.start(), others[name]) for name, match in words if match and name != self.name]


def code_of(text: str) -> str:
    """The text without comments, and without what is in single quotes."""
    text = re.sub(r"(?m)(^|\s)# .*$", r"\1", text)
    kept, quote = [], ""
    for part in re.split(r"(\\.|'|\")", text):
        if part == quote:
            quote = ""
        elif not quote and part in ("'", '"'):
            quote = part
        elif quote != "'":
            kept.append(part)
    return "".join(kept)


def parse(script: str) -> dict[str, Function]:
    """Every function of the agent, by its name."""

    def said(header: str, word: str) -> frozenset[str]:
        text = " ".join(line.lstrip("# ") for line in header.splitlines())
        parts = re.findall(rf"\b{word}: (\$[^;]*)", text)
        return frozenset(name for part in parts for name in re.findall(rf"\$({NAME})", part))

    found: dict[str, Function] = {}
    for match in FUNCTION.finditer(script):
        taken, returned = said(match["header"], "in"), said(match["header"], "out")
        found[match["name"]] = Function(match["name"], taken, returned, code_of(match["body"]))
    return found


def undocumented(function: Function, others: dict[str, Function]) -> set[str]:
    """What it, or what it calls, reads, and it has not set, been promised by its header, or got from a call before."""
    sets, calls = function.sets(), function.calls(others)
    wanted = [*function.reads().items(), *((name, at) for at, other in calls for name in other.taken)]
    found = set()
    for name, at in wanted:
        got = {returned for where, other in calls if where < at for returned in other.returned}
        if name not in OF_ALL | function.taken | got and sets.get(name, at + 1) > at:
            found.add(name)
    return found


FUNCTIONS = parse(agent_script())


def test_every_function_is_understood() -> None:
    """A function that this file cannot read would never fail its tests."""
    assert len(FUNCTIONS) > 60
    assert sorted(FUNCTIONS) == sorted(re.findall(rf"(?m)^({NAME})\(\)", agent_script()))


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=list(FUNCTIONS))
def test_no_function_takes_or_returns_what_its_header_does_not_say(function: Function) -> None:
    """Whatever it reads it has set, or is said to take, or was said to be returned by what it has called."""
    assert undocumented(function, FUNCTIONS) == set()


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=list(FUNCTIONS))
def test_what_a_header_promises_is_set(function: Function) -> None:
    """By the function, or by one that it calls."""
    by_others = {name for _, other in function.calls(FUNCTIONS) for name in other.returned}
    assert function.returned <= {*function.sets(), *by_others}


@pytest.mark.parametrize(
    ("script", "found"),
    [
        ("one() {\n  met=1\n}\n# out: $sum\ntwo() {\n  one\n  sum=$met\n}\n", {"met"}),
        ("# out: $met\none() {\n  met=1\n}\n# out: $sum\ntwo() {\n  one\n  sum=$met\n}\n", set()),
        ("# in: $left\none() { say $left; }\n# ends\ntwo() {\n  one\n}\n", {"left"}),
        ("# in: $n\ntwo() {\n  m=$((n + 1)) n=$m\n}\n", set()),
        ("two() {\n  # $comment\n  say '$text' \"$shown\"\n}\n", {"shown"}),
    ],
    ids=["left behind", "returned", "passed on", "taken", "text"],
)
def test_what_is_not_said_is_found(script: str, found: set[str]) -> None:
    """The check itself, on small scripts."""
    functions = parse(script)
    assert undocumented(functions["two"], functions) == found
