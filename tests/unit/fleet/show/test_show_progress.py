"""The line that says how far many commands are: on a terminal only, and never in anybody's line."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import pytest

from kubectl_nsexec.fleet.show import ShowOptions, presenter, progress
from kubectl_nsexec.fleet.show.progress import Progress
from kubectl_nsexec.ui.console import Console, with_quiet
from kubectl_nsexec.ui.line import Line
from tests.unit.fake_terminal import Terminal
from tests.unit.fleet.show.screen import Screen, ended, not_started, pods

if TYPE_CHECKING:
    from collections.abc import Callable

PODS = pods(4)


def test_the_words_count_what_runs_and_what_ended(screen: Screen) -> None:
    """What never started has ended as well."""
    shown = Progress(PODS, screen.console)
    assert shown.words() == "0 of 4 done, 0 running, on 2 nodes"
    for place in PODS[:3]:
        shown.running(place)
    shown.ended(ended(PODS[0]))
    shown.ended(ended(PODS[1], 2))
    shown.ended(not_started(PODS[3]))
    assert shown.words() == "3 of 4 done (2 failed), 1 running, on 2 nodes"
    assert Progress(PODS[:1], screen.console).words() == "0 of 1 done, 0 running, on 1 node"


def test_nothing_is_shown_where_it_is_no_terminal_or_quiet(
    screen: Screen, tty: Terminal, new_threads: Callable[[], list[threading.Thread]]
) -> None:
    """No thread is there for it; the console is the one that was given."""
    for console in (screen.console, with_quiet(tty.console, quiet=True)):
        with Progress(PODS, console) as shown:
            assert new_threads() == []
            assert shown.console is console
            shown.running(PODS[0])
    assert screen.err == b""
    assert tty.seen() == [""]


def test_a_short_run_shows_nothing(tty: Terminal) -> None:
    """The first two seconds are nobody's concern."""
    with Progress(PODS, tty.console) as shown:
        shown.running(PODS[0])
    assert tty.seen() == [""]


def test_the_line_comes_changes_and_goes(
    tty: Terminal, monkeypatch: pytest.MonkeyPatch, new_threads: Callable[[], list[threading.Thread]]
) -> None:
    """And does not come back after the end."""
    monkeypatch.setattr(progress, "AFTER_SECONDS", 0)
    monkeypatch.setattr(progress, "_EVERY_SECONDS", 0.001)
    with Progress(PODS, tty.console) as shown:
        tty.read_until(b"0 of 4 done, 0 running, on 2 nodes")
        shown.ended(ended(PODS[0], 1))
        tty.read_until(b"1 of 4 done (1 failed), 0 running, on 2 nodes")
    assert new_threads() == []
    assert tty.seen() == [""]


def test_lines_of_commands_are_never_mixed_with_it(tty: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is gone before anything is written, and what is written begins in the first column."""
    monkeypatch.setattr(progress, "AFTER_SECONDS", 0)
    monkeypatch.setattr(progress, "_EVERY_SECONDS", 0)
    with Progress(PODS, tty.console) as shown, presenter(ShowOptions(color="never"), PODS, shown.console) as lines:
        for number in range(200):
            lines.stdout(PODS[0], f"line {number}\n".encode())
            lines.stderr(PODS[1], f"error {number}\n".encode())
            tty.read_until(f"error {number}\n".encode())
            shown.ended(ended(PODS[0]))
            shown.console.notice("notice")
    lines_seen = [line for number in range(200) for line in (f"ran/du-0: line {number}", f"ran/du-1: error {number}")]
    seen = tty.seen()
    assert [line for line in seen if line != "notice"] == [*lines_seen, ""]
    assert seen.count("notice") == 200


def test_a_pipe_on_stdout_leaves_the_line_alone(tty: Terminal, screen: Screen) -> None:
    """Nor is stderr held up by a reader that pauses: no lock is taken."""
    console = Console(0, screen.console.stdout_fd, tty.fd)
    shown = Progress(PODS, console)
    line = shown._line
    assert line is not None
    line.show("how far")
    holds, ends = threading.Event(), threading.Event()

    def hold() -> None:
        with line._lock:
            holds.set()
            ends.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    holds.wait()
    try:
        shown.console.write_stdout(b"data\n")
    finally:
        ends.set()
        holder.join()
    assert screen.out == b"data\n"
    assert tty.seen() == ["how far"]


@pytest.mark.parametrize(("columns", "words"), [(80, "0 of 4 done"), (8, "0 of 4"), (0, "0 of 4 done")])
def test_the_line_is_no_wider_than_the_terminal(columns: int, words: str) -> None:
    """Else what is overwritten would be only its last row."""
    tty = Terminal(columns)
    line = Line(tty.console)
    line.show("0 of 4 done")
    line.show("0 of 4 done")
    assert tty.seen() == [words]
    assert tty.written.count(b"0 of 4") == 1
    tty.close()


def test_a_terminal_that_went_away_ends_it_quietly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever writes next is told; an ordinary way to end is closing the window."""
    monkeypatch.setattr(progress, "AFTER_SECONDS", 0)
    monkeypatch.setattr(progress, "_EVERY_SECONDS", 0)
    reader, writer = os.pipe()
    os.close(reader)
    with Progress(PODS, Console(0, writer, writer), terminal=True) as shown:
        assert shown._thread is not None
        shown._thread.join()
    os.close(writer)
