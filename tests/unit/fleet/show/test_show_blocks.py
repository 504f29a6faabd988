"""A block a pod, and equal outputs as one block."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from kubectl_nsexec.fleet.show import ShowOptions, gather, presenter
from tests.unit.fleet.show.screen import Screen, ended, not_started, pods

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kubectl_nsexec.fleet.result import Place, Result

PODS = pods(12)
RULE = "-" * 15
Run = tuple["Result", bytes, bytes]


def head(words: str) -> str:
    """A heading as it is printed."""
    return f"{RULE}\n{words}\n{RULE}\n"


def show(screen: Screen, runs: Sequence[Run], places: Sequence[Place] = PODS, **options: Any) -> None:  # noqa: ANN401
    """Runs that print and end, one after the other."""
    with presenter(ShowOptions(**options), places, screen.console) as shown:
        for result, out, err in runs:
            shown.stdout(result.place, out)
            shown.stderr(result.place, err)
            shown.ended(result)
        shown.finish([result for result, _, _ in runs])


def test_a_pods_block_comes_when_it_ends(screen: Screen) -> None:
    """Not before, and without the lines of others in it; how it ended is in the heading."""
    first, second = PODS[:2]
    with presenter(ShowOptions(mode="group"), PODS, screen.console) as shown:
        shown.stdout(first, b"one\n")
        shown.stdout(second, b"three")
        shown.stdout(first, b"two\n")
        shown.ended(ended(second, 2))
        assert screen.out.decode() == head("ran/du-1, exit 2") + "three\n"
        shown.ended(ended(first))
    assert screen.out.decode() == head("ran/du-1, exit 2") + "three\n" + head("ran/du-0") + "one\ntwo\n"
    assert screen.err == b""


def test_stderr_of_a_block_has_the_heading_too(screen: Screen) -> None:
    """Where it is another file; else nobody could tell whose it is."""
    show(screen, [(ended(PODS[0]), b"out\n", b"err"), (ended(PODS[1]), b"", b"")], mode="group")
    assert screen.out.decode() == head("ran/du-0") + "out\n" + head("ran/du-1")
    assert screen.err.decode() == head("ran/du-0") + "err\n"


def test_on_a_terminal_a_block_has_one_heading(terminal: Screen) -> None:
    """Stdout first."""
    show(terminal, [(ended(PODS[0]), b"out\n", b"err\n")], mode="group")
    assert terminal.out.decode() == head("ran/du-0") + "out\nerr\n"


def test_blocks_in_order_wait_for_those_before_them(screen: Screen) -> None:
    """And come as soon as they may; one that never started holds nobody up."""
    zero, one, two, three = PODS[:4]
    with presenter(ShowOptions(mode="group", keep_order=True), PODS[:4], screen.console) as shown:
        for place in (two, zero, three):
            shown.stdout(place, f"{place.pod}\n".encode())
        shown.ended(ended(two))
        assert screen.out == b""
        shown.ended(ended(zero))
        assert screen.out.decode() == head("ran/du-0") + "du-0\n"
        shown.ended(not_started(one))
        assert screen.out.decode().endswith(head("ran/du-2") + "du-2\n")
        shown.ended(ended(three))
        shown.finish([])
    assert screen.out.decode().endswith(head("ran/du-2") + "du-2\n" + head("ran/du-3") + "du-3\n")


def test_what_waits_is_shown_at_the_end(screen: Screen) -> None:
    """Also where the one before it was never heard of again."""
    with presenter(ShowOptions(mode="group", keep_order=True), PODS, screen.console) as shown:
        shown.stdout(PODS[3], b"x\n")
        shown.ended(ended(PODS[3]))
        shown.finish([])
    assert screen.out.decode() == head("ran/du-3") + "x\n"


def test_equal_outputs_are_one_block_the_largest_first(screen: Screen) -> None:
    """Equal in stdout, in stderr and in how they ended."""
    runs = [(ended(place), b"6.1\n", b"") for place in PODS[5:]]
    runs += [(ended(PODS[0]), b"5.14\n", b""), (ended(PODS[1], 2), b"5.14\n", b""), (ended(PODS[2]), b"5.14\n", b"!")]
    runs += [(ended(PODS[3], None, "lost"), b"", b""), (not_started(PODS[4]), b"", b"")]
    show(screen, runs, mode="gather")
    blocks = [head("ran/du-[5-11] (7)") + "6.1\n", head("ran/du-0 (1)") + "5.14\n"]
    blocks += [head("ran/du-1 (1), exit 2") + "5.14\n", head("ran/du-2 (1)") + "5.14\n"]
    blocks += [head("ran/du-3 (1), its end is unknown")]
    assert screen.out.decode() == "".join(blocks)
    assert screen.err.decode() == head("ran/du-2 (1)") + "!\n"


@pytest.mark.parametrize(("mode", "words"), [("group", "ran/du-0"), ("gather", "ran/du-0 (1)")])
def test_what_was_printed_is_shown_whatever_is_known_of_the_start(screen: Screen, mode: str, words: str) -> None:
    """Of a run that the user ended, say."""
    show(screen, [(not_started(PODS[0], "ended by Ctrl-C"), b"half", b""), (not_started(PODS[1]), b"", b"")], mode=mode)
    assert screen.out.decode() == head(f"{words}, its end is unknown") + "half\n"


@pytest.mark.parametrize(
    ("result", "words"),
    [(ended(PODS[0], 137, "x", timed_out=True), "timed out"), (ended(PODS[0], 1), "exit 1")],
)
def test_a_heading_says_how_the_commands_ended(screen: Screen, result: Result, words: str) -> None:
    """Where that is not well."""
    show(screen, [(result, b"", b"")], mode="gather")
    assert screen.out.decode() == head(f"ran/du-0 (1), {words}")


def test_gathered_outputs_are_kept_once(screen: Screen) -> None:
    """Of 5,000 pods with one output there is one in memory."""
    shown = gather.Gather(ShowOptions(), PODS, screen.console)
    for place in PODS:
        shown.stdout(place, b"x" * 1000)
        shown.ended(ended(place))
    assert shown.store.memory_bytes == 1000
    shown.close()


def test_other_blocks_are_shown_as_what_differs_from_the_largest(screen: Screen) -> None:
    """As diff -u says it, also of a last line without an end; one that only ended otherwise says so."""
    text = b"a\nb\nc\n"
    runs = [(ended(place), text, b"") for place in PODS[:10]]
    runs += [(ended(PODS[10]), b"a\r\nb\nc", b"oh\n"), (ended(PODS[11], 1), text, b"")]
    show(screen, runs, mode="gather", diff=True)
    names = "--- ran/du-[0-9] (10)\n+++ ran/du-10 (1)\n"
    difference = names + "@@ -1,3 +1,3 @@\n-a\n+a\r\n b\n-c\n+c\n\\ No newline at end of file\n"
    assert screen.out.decode() == (
        head("ran/du-[0-9] (10)")
        + "a\nb\nc\n"
        + head("ran/du-10 (1)")
        + difference
        + head("ran/du-11 (1), exit 1, same output")
    )
    assert screen.err.decode() == head("ran/du-10 (1)") + names + "@@ -0,0 +1 @@\n+oh\n"


@pytest.mark.parametrize(("limit", "most"), [("MOST_COMPARED_BYTES", 10), ("MOST_COMPARED_LINES", 5)])
def test_outputs_that_are_too_large_to_compare_are_shown_whole(
    screen: Screen, limit: str, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the heading says so."""
    monkeypatch.setattr(gather, limit, most)
    runs = [(ended(place), b"a\n", b"") for place in PODS[:2]]
    show(screen, [*runs, (ended(PODS[2]), b"a\n" * 6, b"")], mode="gather", diff=True)
    assert (
        screen.out.decode() == head("ran/du-[0-1] (2)") + "a\n" + head("ran/du-2 (1), too large to compare") + "a\n" * 6
    )
