"""The code at the end of an error, and --explain, which leads from it to its page."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from kubectl_nsexec import __main__ as entry
from kubectl_nsexec.cli import app
from kubectl_nsexec.cli.error_pages import GROUPS, PAGES
from kubectl_nsexec.errors import EXIT_OWN_FAILURE, ApiError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

COLUMNS = 80
PAGE = """\
no-target (exit status 1)

The container, or its first process, is not on the node any more. Nothing was
started.

What usually causes it:
  - It has just ended or been restarted.

What to do next:
  - See its state, then try again: kubectl get pod POD.
"""


def told(capfd: pytest.CaptureFixture[str], *words: str, program: str = "oc-nsexec") -> tuple[int, str, str]:
    """Status, stdout and stderr of a line."""
    status = app.main([program, *words])
    return status, *capfd.readouterr()


def test_an_error_ends_with_its_code_on_a_line_of_its_own(capfd: pytest.CaptureFixture[str]) -> None:
    """So what kubectl says stays a whole line; the last one is what to type."""
    assert told(capfd, "--via=boat", "p", "--", "id") == (
        1,
        "",
        'error: --via: "boat" is neither pod, ssh nor local\n[usage] more: oc nsexec --explain usage\n',
    )


def test_what_is_to_be_pasted_stays_as_it_is() -> None:
    """The code comes behind all lines of a message, and behind the server's own words."""
    error = ApiError("pods is forbidden\n  oc create role x", reason="Forbidden", status=403)
    assert error.told("kubectl nsexec") == (
        "Error from server (Forbidden): pods is forbidden\n  oc create role x\n"
        "[forbidden] more: kubectl nsexec --explain forbidden"
    )


def test_the_line_leads_to_the_page(capfd: pytest.CaptureFixture[str]) -> None:
    """What an error says is to be typed works, as the user called us."""
    line = UsageError("x").told("kubectl nsexec").splitlines()[-1]
    words = line.partition("kubectl nsexec ")[2].split()
    assert told(capfd, *words, program="kubectl-nsexec")[1].startswith("usage (exit status 1)\n")


def test_a_page_says_what_it_means_what_causes_it_and_what_to_do(capfd: pytest.CaptureFixture[str]) -> None:
    """On stdout, with the user's own program in the commands."""
    assert told(capfd, "--explain", "no-target", program="kubectl-nsexec") == (0, PAGE, "")
    assert told(capfd, "--explain=no-target")[1] == PAGE.replace("kubectl", "oc")


@pytest.mark.parametrize("word", ["[no-target]", "No-Target", "[NO-TARGET] "])
def test_a_code_may_be_typed_as_it_is_shown(capfd: pytest.CaptureFixture[str], word: str) -> None:
    """With its brackets, in capitals."""
    assert told(capfd, "--explain", word, program="kubectl-nsexec") == (0, PAGE, "")


@pytest.mark.parametrize("words", [("--explain",), ("--explain", "list"), ("--explain", "-q"), ("-q", "--explain")])
def test_without_a_code_all_are_listed(capfd: pytest.CaptureFixture[str], words: tuple[str, ...]) -> None:
    """Below what they are about, each with what it means."""
    status, out, err = told(capfd, *words)
    lines = out.splitlines()
    assert (status, err) == (0, "")
    assert [line for line in lines if line.endswith(":") and line[0] != " "] == [f"{title}:" for title in GROUPS]
    assert [line.split()[0] for line in lines if line[:2] == "  " and line[2] != " "] == [*PAGES]
    assert "oc nsexec --explain CODE" in lines[-1]


@pytest.mark.parametrize("program", ["oc-nsexec", "kubectl-nsexec"])
@pytest.mark.parametrize("code", ["list", *PAGES])
def test_it_fits_a_terminal(capfd: pytest.CaptureFixture[str], code: str, program: str) -> None:
    """Of 80 columns; nothing is left of how the source marks what is typed."""
    out = told(capfd, "--explain", code, program=program)[1]
    assert max(map(len, out.splitlines())) <= COLUMNS
    assert "`" not in out
    assert out.isascii()


@pytest.mark.parametrize("code", ["list", *PAGES])
def test_it_fits_a_narrow_terminal(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    """The same words, in lines of 40 columns; but a command stays whole."""
    wide = told(capfd, "--explain", code)[1]
    monkeypatch.setattr(os, "get_terminal_size", lambda _: os.terminal_size((40, 24)))
    text = told(capfd, "--explain", code)[1]
    assert text.split() == wide.split()
    assert all(len(line) <= 40 or "--" in line or "oc " in line for line in text.splitlines())


def test_commands_are_not_broken_over_lines(capfd: pytest.CaptureFixture[str]) -> None:
    """They can be copied."""
    assert "oc get performanceprofile -o yaml" in told(capfd, "--explain", "cpu-policy")[1]


@pytest.mark.parametrize(
    ("word", "close"), [("cpupolicy", "cpu-policy"), ("conection-lost", "connection-lost"), ("zzz", None), ("", None)]
)
def test_a_code_that_there_is_not_names_those_that_are_like_it(
    capfd: pytest.CaptureFixture[str], word: str, close: str | None
) -> None:
    """And where all are."""
    status, out, err = told(capfd, "--explain", word)
    assert (status, out) == (1, "")
    assert err.startswith(f'error: --explain: no error has the code "{word}"')
    assert (f"did you mean {close}" in err) is (close is not None)
    assert "\noc nsexec --explain lists them\n" in err


def test_a_defect_has_a_code_as_well(tmp_path: Path) -> None:
    """Its page says what to report."""
    from kubectl_nsexec.ui.console import Console  # noqa: PLC0415 - of this test alone

    with (tmp_path / "said").open("wb") as err:
        status = entry._defect(ValueError("odd"), Console(0, 1, err.fileno()), "oc nsexec")
    assert status == EXIT_OWN_FAILURE
    lines = (tmp_path / "said").read_text().splitlines()
    assert lines[0].startswith("error: nsexec has a defect (ValueError: odd); please report it")
    assert lines[1:] == ["[defect] more: oc nsexec --explain defect"]
