"""A line that is read without the option parser means what it would mean to the option parser."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubectl_nsexec.cli import parser, plain_line
from kubectl_nsexec.cli.options import FIELDS, SHORT, VARIABLES, Given, long_flag
from kubectl_nsexec.errors import UsageError

OPTIONS = {option.name: option for option in parser.parser().params if option.param_type_name == "option"}
WORDS = st.one_of(
    st.sampled_from(
        [*(long_flag(field) for field in FIELDS if field != "pod"), *SHORT, "-it", "-ti", "-qn", "-", "--"]
    ),
    st.sampled_from(["--keep=5m", "--stdin=true", "-n=ran", "-nran", "--v=6", "--as=", "--help", "-h", "--no-such"]),
    st.sampled_from(["p", "ran", "deploy/du", "", "5m", "0", "1000:5", "admin", "json", "-1", "a=b", "ü", "a b"]),
)


def by_parser(words: list[str]) -> dict[str, object] | None:
    """What the option parser makes of WORDS; None: it refuses them."""
    try:
        found = parser.read(words, "oc nsexec")
    except UsageError:
        return None
    return values(found) if found else None


def values(found: Given) -> dict[str, object]:
    """What a line gives, field by field."""
    return {field: getattr(found, field) for field in FIELDS}


@settings(max_examples=1500, deadline=None)
@given(st.lists(WORDS, max_size=7))
def test_both_read_alike_what_is_plain(words: list[str]) -> None:
    """And whatever the option parser refuses is left to it, for it has the words to say why."""
    quick = plain_line.read(words, {})
    if quick is not None:
        assert values(quick) == by_parser(words)


@pytest.mark.parametrize(
    "words",
    [
        ["du-0"],
        ["-n", "ran", "-it", "deploy/du", "-c", "dpdk"],
        ["du-0", "--keep=5m", "-q", "--user", "1000", "--user=admin"],
        ["--namespace", "ran", "--verify", "du-0", "-o", "json"],
        [],
    ],
)
def test_what_most_people_type_is_plain(words: list[str]) -> None:
    """Else there would be no use in it."""
    quick = plain_line.read(words, {})
    assert quick is not None
    assert values(quick) == by_parser(words)


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["-h"],
        ["-n"],
        ["-n", "-x"],
        ["-n", "a", "-n", "b"],
        ["--stdin=true"],
        ["--no-such"],
        ["-nran"],
        ["-"],
    ],
)
def test_what_is_not_is_left_to_the_option_parser(words: list[str]) -> None:
    """Mistakes, help, and forms that only kubectl's own parser has."""
    assert plain_line.read(words, {}) is None


@pytest.mark.parametrize(("field", "variable"), VARIABLES.items())
def test_variables_stand_in_for_flags(monkeypatch: pytest.MonkeyPatch, field: str, variable: str) -> None:
    """As the option parser has it: an empty one is none, and the flag wins."""
    for value in ("of-variable", ""):
        monkeypatch.setenv(variable, value)
        for words in (["p"], ["p", f"{long_flag(field)}=of-flag"]):
            quick = plain_line.read(words, {variable: value})
            assert quick is not None
            assert values(quick) == by_parser(words)


def test_every_flag_is_of_the_same_kind_for_both() -> None:
    """Its words, its variable, whether it takes a value, and whether it may be given several times."""
    assert {*OPTIONS} == {*FIELDS} - {"pod"}
    for field, option in OPTIONS.items():
        default = getattr(Given, field)
        assert {*option.opts} == {long_flag(field), *(short for short, named in SHORT.items() if named == field)}
        assert (option.is_flag, option.multiple) == (default is False, default == ())
        assert option.envvar == VARIABLES.get(field)


def test_a_plain_line_does_without_the_option_parser() -> None:
    """Which is what it is for."""
    script = (
        "import sys; from kubectl_nsexec.cli import app; app.main(['oc-nsexec', '-n', 'a', 'p']); print(*sys.modules)"
    )
    environment = {"KUBECONFIG": "/nowhere", "HOME": "/nowhere", "PATH": "/usr/bin:/bin"}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment)
    assert "typer" not in done.stdout.splitlines()[-1].split()
    assert "no API server is known" in done.stderr
