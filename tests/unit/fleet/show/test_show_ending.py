"""What is told at the end on stderr: a table of failures only, and one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kubectl_nsexec.fleet.show import ending, summary
from kubectl_nsexec.ui.console import with_quiet
from tests.unit.fake_terminal import Terminal
from tests.unit.fleet.show.screen import Screen, ended, not_started, place, pods

if TYPE_CHECKING:
    from kubectl_nsexec.fleet.result import Result

PODS = pods(14)
WELL = [ended(where) for where in PODS]
MIXED = [*WELL[:12], ended(PODS[12], 2), not_started(PODS[13])]


def test_where_all_is_well_one_line_says_so(screen: Screen) -> None:
    """No table."""
    summary(WELL, screen.console, "oc nsexec")
    assert screen.err.decode() == "14 of 14 ok.\n"
    assert screen.out == b""


def test_failures_are_a_table_and_the_line_counts_them(screen: Screen) -> None:
    """The words of the specification; an error has its code, and the way to its page."""
    summary(MIXED, screen.console, "kubectl nsexec")
    assert screen.err.decode().splitlines() == [
        "OUTCOME      REASON                       COUNT    TARGETS",
        "failed       exit 2                       1        ran/du-12",
        "not started  node not Ready [helper-pod]  1        ran/du-13",
        "more: kubectl nsexec --explain helper-pod",
        "12 of 14 ok, 1 failed (exit 2), 1 not started (node not Ready)",
    ]


@pytest.mark.parametrize(
    ("columns", "seen"),
    [
        (
            60,
            [
                "OUTCOME      REASON                       COUNT    TARGETS",
                "failed       exit 2                       1        ran/du-12",
                "not started  node not Ready [helper-pod]  1        ran/du-13",
            ],
        ),
        (
            43,
            [
                "failed, 1: exit 2",
                "    ran/du-12",
                "not started, 1: node not Ready [helper-pod]",
                "    ran/du-13",
            ],
        ),
        (
            20,
            [
                "failed, 1: exit 2",
                "    ran/du-12",
                "not started, 1: node",
                "  not Ready",
                "  [helper-pod]",
                "    ran/du-13",
            ],
        ),
    ],
)
def test_a_terminal_that_is_too_narrow_for_the_table_gets_lines(columns: int, seen: list[str]) -> None:
    """The same words; a table whose rows are folded cannot be read, and no screen reader makes sense of it."""
    tty = Terminal(columns)
    summary(MIXED, tty.console, "oc nsexec")
    assert tty.seen()[: len(seen)] == seen
    tty.close()


def test_quiet_leaves_only_failures(screen: Screen) -> None:
    """That all is well says the exit status."""
    quiet = with_quiet(screen.console, quiet=True)
    summary(WELL, quiet, "oc nsexec")
    assert screen.err == b""
    summary(MIXED, quiet, "oc nsexec")
    assert screen.err.decode().splitlines()[-1] == ending.line(MIXED)


@pytest.mark.parametrize(
    ("results", "words"),
    [
        ([], "0 of 0 ok."),
        ([ended(PODS[0], 1)], "0 of 1 ok, 1 failed (exit 1)"),
        (
            [*(ended(where, 3) for where in PODS[:3]), ended(PODS[3], 1)],
            "0 of 4 ok, 4 failed (exit 3, exit 1)",
        ),
        (
            [ended(where, number + 1) for number, where in enumerate(PODS[:5])],
            "0 of 5 ok, 5 failed (exit 1, exit 2, exit 3, …)",
        ),
        ([ended(PODS[0], None, "the connection\nwas lost")], "0 of 1 ok, 1 end unknown (the connection was lost)"),
        ([ended(PODS[0], 137, "--max-duration", timed_out=True)], "0 of 1 ok, 1 timed out (--max-duration)"),
        ([not_started(PODS[0], "")], "0 of 1 ok, 1 not started"),
        ([not_started(PODS[0], "x" * 500)], f"0 of 1 ok, 1 not started ({'x' * 199}…)"),
    ],
)
def test_the_line(results: list[Result], words: str) -> None:
    """The most frequent reasons first, and not all where they are many."""
    assert ending.line(results) == words


def test_equal_causes_are_one_row_with_folded_names() -> None:
    """The most frequent first; names that do not fold are not all told."""
    others = [place(f"web-{letter}") for letter in "abcdefghij"]
    results = [ended(PODS[0], 9), *(ended(where, 2) for where in PODS[1:4]), *(not_started(where) for where in others)]
    assert ending.failures([*results, *WELL[5:]]) == [
        ("failed", "exit 2", "3", "ran/du-[1-3]"),
        ("failed", "exit 9", "1", "ran/du-0"),
        (
            "not started",
            "node not Ready [helper-pod]",
            "10",
            f"{','.join(f'ran/web-{letter}' for letter in 'abcdefgh')} and 2 more",
        ),
    ]


def test_each_code_has_its_page_named_once(screen: Screen) -> None:
    """Of an exit status there is none; a long reason does not hide the code behind it."""
    results = [ended(PODS[0], 9), not_started(PODS[1], "gone", "no-target"), not_started(PODS[2], "x" * 500, "gone")]
    summary([*results, not_started(PODS[3], "gone too", "no-target")], screen.console, "oc nsexec")
    more = [line for line in screen.err.decode().splitlines() if line.startswith("more: ")]
    assert more == ["more: oc nsexec --explain no-target", "more: oc nsexec --explain gone"]
    assert b"x\xe2\x80\xa6 [gone]" in screen.err


def test_causes_of_others_do_not_move_the_cursor(screen: Screen) -> None:
    """They are somebody else's words."""
    summary([not_started(PODS[0], "\x1b[2J")], screen.console, "oc nsexec")
    assert b"\\x1b[2J" in screen.err
    assert b"\x1b" not in screen.err
