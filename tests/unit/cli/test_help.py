"""--help, --options and --version, as the user gets them."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from typing import Any

import pytest

from kubectl_nsexec import __version__
from kubectl_nsexec.cli import app, help_text, parser
from kubectl_nsexec.cli.completion import unfinished

COLUMNS, LINES = 80, 24
COMMAND = parser.parser()
OPTIONS: list[Any] = [each for each in COMMAND.parameters() if each.param_type_name == "option"]


def printed(capfd: pytest.CaptureFixture[str], flag: str, program: str = "oc-nsexec") -> str:
    """What FLAG prints on stdout; nothing else is printed, and it is no failure."""
    assert app.main([program, flag]) == 0
    out, err = capfd.readouterr()
    assert err == ""
    return out


def flags_of(text: str) -> list[str]:
    """The long flags that begin a row of a table."""
    return re.findall(r"^ {2}(?:-\w, | {4})(--[\w-]+)", text, re.MULTILINE)


@pytest.mark.parametrize("program", ["oc-nsexec", "kubectl-nsexec"])
def test_help_fits_a_terminal(capfd: pytest.CaptureFixture[str], program: str) -> None:
    """Of 80 columns and 24 lines, whoever calls us; rarer flags belong into --options."""
    lines = printed(capfd, "--help", program).splitlines()
    assert len(lines) <= LINES
    assert max(map(len, lines)) <= COLUMNS
    assert program.replace("-", " ") in lines[0]


def test_help_names_the_way_to_the_rest(capfd: pytest.CaptureFixture[str]) -> None:
    """It has just the common flags, --options and --help among them."""
    shown = flags_of(printed(capfd, "--help"))
    assert shown == [*help_text.COMMON]
    assert {"--options", "--help"} < {*shown}


def test_options_has_every_flag_once(capfd: pytest.CaptureFixture[str]) -> None:
    """Each below a title, and none is hidden."""
    text = printed(capfd, "--options")
    assert sorted(flags_of(text)) == sorted(next(w for w in o.opts if w.startswith("--")) for o in OPTIONS)
    assert max(map(len, text.splitlines())) <= COLUMNS


@pytest.mark.parametrize("program", ["oc-nsexec", "kubectl-nsexec"])
@pytest.mark.parametrize("flag", ["--help", "--options"])
@pytest.mark.parametrize("columns", [40, 59, 60, 80, 200])
def test_help_is_as_wide_as_the_terminal_and_no_wider_than_eighty(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: int, flag: str, program: str
) -> None:
    """The same words; only the examples, which are to be pasted, are not broken."""
    wide = printed(capfd, flag, program)
    monkeypatch.setattr(os, "get_terminal_size", lambda _: os.terminal_size((columns, LINES)))
    text = printed(capfd, flag, program)
    assert text.split() == wide.split()
    assert max(map(len, text.partition("Examples:")[0].splitlines())) <= min(columns, COLUMNS)
    assert wide.partition("Examples:")[2] == text.partition("Examples:")[2]


def test_every_flag_stands_with_its_kind() -> None:
    """Where nobody put it, it would stand with those about the tool."""
    groups = dict(help_text.grouped(OPTIONS))
    assert all(groups.values())
    assert [option.name for option in [*groups.values()][-1]] == ["explain", "options", "version", "help"]


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_every_flag_is_explained(option: Any) -> None:  # noqa: ANN401 - typer's copy of click is private
    """In sentences; a value has a name in capitals, or the words that it may be."""
    assert option.help[0].isupper() or option.help.startswith("client:") or option.help[0].isdigit()
    assert option.help.endswith(".")
    assert option.is_flag or option.metavar


@pytest.mark.parametrize(("before", "after"), help_text.EXAMPLES)
def test_examples_can_be_run(before: str, after: str) -> None:
    """The option parser knows all that is in them."""
    assert before == "" or before.endswith("| ")
    words = shlex.split(after)
    read = unfinished.read(COMMAND, [*words, ""])
    assert read.of_command == ("--" in words)


def test_version_names_what_a_report_should(capfd: pytest.CaptureFixture[str]) -> None:
    """The client, Python and the kubernetes library, one a line."""
    first, python, client = printed(capfd, "--version", "kubectl-nsexec").splitlines()
    assert first == f"kubectl nsexec {__version__}"
    assert python.startswith(f"Python {sys.version_info.major}.{sys.version_info.minor}.")
    assert re.fullmatch(r"kubernetes \d+\.\d\S* \(the Python client\)", client)


def test_version_does_not_import_the_kubernetes_library() -> None:
    """It is asked of the package's metadata."""
    script = "import sys; from kubectl_nsexec.cli import app; app.main(['oc-nsexec', '--version']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not {"kubernetes", "urllib3"} & {*done.stdout.splitlines()[-1].split()}
