"""The words before ``--``, read by the option parser."""

from __future__ import annotations

import pytest

from kubectl_nsexec.cli import parser
from kubectl_nsexec.cli.options import FIELDS, SHORT, VARIABLES, Options, long_flag
from kubectl_nsexec.errors import UsageError

OPTIONS = {option.name: option for option in parser.parser().params if option.param_type_name == "option"}


def read(*words: str) -> dict[str, object]:
    """What WORDS give beyond the defaults."""
    found = parser.read([*words], "oc nsexec")
    assert found is not None
    defaults = {field: getattr(Options, field) for field in FIELDS}
    return {field: value for field in FIELDS if (value := getattr(found, field)) != defaults[field]}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], {}),
        (["du-0"], {"pod": ("du-0",)}),
        (
            ["-n", "ran", "-it", "deploy/du", "-c", "dpdk"],
            {"pod": ("deploy/du",), "namespace": "ran", "stdin": True, "tty": True, "container": ("dpdk",)},
        ),
        (
            ["du-0", "--keep=5m", "-q", "--user", "1000", "--user=admin"],
            {"pod": ("du-0",), "keep": "5m", "quiet": True, "user": ("1000", "admin")},
        ),
        (["--stdin=true", "-i=false", "-nran", "--v=6"], {"stdin": True, "namespace": "ran", "v": "6"}),
        (["-n", "a", "-n", "b"], {"namespace": "b"}),
        (["--namespace", "", "p", "a b", "ü"], {"namespace": "", "pod": ("p", "a b", "ü")}),
        (["--explain"], {"explain": "list"}),
        (["--explain", "-n", "a"], {"explain": "list", "namespace": "a"}),
        (["--explain", "target"], {"explain": "target"}),
        (["--explain=target", "p"], {"explain": "target", "pod": ("p",)}),
    ],
)
def test_what_a_line_gives(words: list[str], expected: dict[str, object]) -> None:
    """Flags before and after the pod, letters together, pflag's own forms; of several values the last wins."""
    assert read(*words) == expected


@pytest.mark.parametrize("words", [["-n"], ["--no-such"], ["--stdin=perhaps"], ["-x", "p"]])
def test_a_mistake_says_where_help_is(words: list[str]) -> None:
    """Or that a value is no truth."""
    with pytest.raises(UsageError, match="--help|neither true nor false"):
        parser.read(words, "oc nsexec")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("--namespce", "No such option: --namespce; did you mean --namespace"),
        ("--verfiy=true", "No such option: --verfiy; did you mean --verify"),
        ("--wholly-other", "No such option: --wholly-other\n"),
        ("-x", "No such option: -x\n"),
    ],
)
def test_a_misspelt_flag_leads_to_those_that_are_like_it(typed: str, said: str) -> None:
    """The likest first; where there are none, to --help alone."""
    with pytest.raises(UsageError) as error:
        parser.read(["du-0", typed], "oc nsexec")
    assert error.value.message.startswith(said)


@pytest.mark.parametrize(("field", "variable"), VARIABLES.items())
def test_variables_stand_in_for_flags(monkeypatch: pytest.MonkeyPatch, field: str, variable: str) -> None:
    """An empty one is none, and the flag wins."""
    monkeypatch.setenv(variable, "of-variable")
    assert read("p")[field] == "of-variable"
    assert read("p", f"{long_flag(field)}=of-flag")[field] == "of-flag"
    monkeypatch.setenv(variable, "")
    assert field not in read("p")


def test_every_flag_is_what_the_table_says() -> None:
    """Its words, its variable, whether it takes a value, and whether it may be given several times."""
    assert {*OPTIONS} == {*FIELDS} - {"pod"}
    for field, option in OPTIONS.items():
        default = getattr(Options, field)
        assert {*option.opts} == {long_flag(field), *(short for short, named in SHORT.items() if named == field)}
        assert (option.is_flag, option.multiple) == (default is False, default == ())
        assert option.envvar == VARIABLES.get(field)
