"""The line that says what is waited for: on a terminal, after a second, and gone before anything else is written."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pytest

from kubectl_nsexec.ui import waiting, waiting_line
from kubectl_nsexec.ui.console import Console, with_quiet
from kubectl_nsexec.ui.waiting_line import WaitingLine
from tests.unit.fake_terminal import Terminal

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.ui.conftest import Clock

COLOURFUL = {"TERM": "xterm"}


def line(tty: Terminal, clock: Clock) -> WaitingLine:
    """What TTY gets."""
    made = waiting.on_terminal(tty.console, COLOURFUL, clock)
    assert isinstance(made, WaitingLine)
    return made


def test_nothing_is_said_in_the_first_second(tty: Terminal, clock: Clock) -> None:
    """Of the run, not of what is waited for just then; and nothing where nothing is waited for."""
    with line(tty, clock) as waits:
        waits.on("the agent")
        clock.now += waiting_line.AFTER_SECONDS - 0.01
        assert "".join(waits.words()) == ""
        waits.on("the image")
        clock.now += 0.01
        assert "".join(waits.words()) == "waiting for the image"
    assert tty.seen() == [""]


def test_it_says_for_how_long(tty: Terminal, clock: Clock) -> None:
    """In whole seconds; the same said twice is one wait, another begins anew."""
    with line(tty, clock) as waits:
        waits.on("the sandbox")
        clock.now += 2.9
        assert "".join(waits.words()) == "waiting for the sandbox, 2 s"
        waits.on("the sandbox")
        clock.now += 60
        assert "".join(waits.words()) == "waiting for the sandbox, 62 s"
        waits.on("the image")
        assert "".join(waits.words()) == "waiting for the image"


@pytest.mark.usefixtures("often")
def test_the_line_comes_changes_and_is_gone_when_it_is_over(tty: Terminal, clock: Clock) -> None:
    """And does not come back, whatever is said then."""
    with line(tty, clock) as waits:
        waits.on("the sandbox")
        clock.now += 1
        tty.read_until(b"waiting for the sandbox, 1 s")
        waits.on("the agent on node n")
        tty.read_until(b"waiting for the agent on node n")
        waits.over()
        tty.console.write_stdout(b"first")
        waits.on("what nobody waits for")
        clock.now += 10
    assert tty.seen() == ["first"]


@pytest.mark.usefixtures("often")
def test_an_exception_clears_it(tty: Terminal, clock: Clock) -> None:
    """Before whoever catches it says why."""

    def fails() -> None:
        with line(tty, clock) as waits:
            waits.on("the image")
            clock.now += 1
            tty.read_until(b"waiting for the image, 1 s")
            raise ValueError("why")

    with pytest.raises(ValueError, match="why"):
        fails()
    assert tty.seen() == [""]


@pytest.mark.usefixtures("often")
def test_ctrl_c_leaves_nothing_of_it(tty: Terminal, clock: Clock) -> None:
    """Neither what the terminal itself shows behind it."""
    with line(tty, clock) as waits:
        waits.on("x")
        clock.now += 1
        tty.read_until(b"waiting for x, 1 s")
        tty.console.write_stderr(b"^C")
    assert tty.seen() == [""]


@pytest.mark.usefixtures("often")
def test_notices_are_never_mixed_with_it(tty: Terminal, clock: Clock) -> None:
    """Each begins in the first column, and the line comes back below."""
    with line(tty, clock) as waits:
        clock.now += 1
        for number in range(50):
            waits.on(f"number {number}")
            tty.read_until(f"waiting for number {number}".encode())
            waits.console.notice(f"notice {number}")
            waits.console.print(f"printed {number}")
    assert tty.seen() == [*(f"{what} {number}" for number in range(50) for what in ("notice", "printed")), ""]


@pytest.mark.parametrize("environment", [COLOURFUL, {}, {**COLOURFUL, "NO_COLOR": "1"}])
def test_it_has_no_colour(environment: dict[str, str], tty: Terminal, clock: Clock) -> None:
    """So NO_COLOR and terminals without escape sequences have nothing to say about it."""
    waits = waiting.on_terminal(tty.console, environment, clock)
    assert isinstance(waits, WaitingLine)
    waits.on("a name \x1b[31m of another's")
    clock.now += 1000
    waits._line.show(*waits.words())
    waits.over()
    assert tty.seen() == [""]
    assert b"\x1b" not in tty.written


def test_a_pipe_gets_nothing(tmp_path: Path) -> None:
    """Nor a file: only a terminal on stderr, whatever stdout is."""
    reader, writer = os.pipe()
    with (tmp_path / "file").open("wb") as file:
        for console in (Console(0, 1, writer), Console(0, 1, file.fileno())):
            with waiting.on_terminal(console, COLOURFUL) as waits:
                waits.on("the agent")
            assert type(waits) is waiting.Waiting
    os.close(writer)
    assert os.read(reader, 1) == b""
    os.close(reader)


def test_quiet_gets_nothing(tty: Terminal) -> None:
    """``-q``."""
    waits = waiting.on_terminal(with_quiet(tty.console, quiet=True), COLOURFUL)
    assert type(waits) is waiting.Waiting


def test_a_pipe_on_stdout_is_not_in_its_way(tty: Terminal, clock: Clock) -> None:
    """``oc nsexec du-0 -- ps | grep x`` waits as well."""
    reader, writer = os.pipe()
    made = waiting.on_terminal(Console(0, writer, tty.fd), COLOURFUL, clock)
    assert isinstance(made, WaitingLine)
    os.close(reader)
    os.close(writer)


def test_in_the_background_nothing_is_shown(tty: Terminal, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """The terminal is the shell's prompt's then."""
    waits = line(tty, clock)
    waits.on("the agent")
    clock.now += 1000
    monkeypatch.setattr(os, "tcgetpgrp", lambda _: os.getpgrp() + 1)
    assert "".join(waits.words()) == ""
    monkeypatch.setattr(os, "tcgetpgrp", lambda _: os.getpgrp())
    assert "".join(waits.words()) == "waiting for the agent, 1000 s"


@pytest.mark.parametrize(
    ("columns", "seen"),
    [
        (60, "waiting for the helper pod's sandbox on node worker-3, 42 s"),
        (59, "waiting for the helper pod's sandbox on node work..., 42 s"),
        (40, "waiting for the helper pod's s..., 42 s"),
        (11, "w..., 42 s"),
        (10, "waiting f"),
    ],
)
def test_how_long_it_has_been_is_seen_on_a_narrow_terminal(clock: Clock, columns: int, seen: str) -> None:
    """A line in which nothing changes would look as if it hung."""
    tty = Terminal(columns)
    with line(tty, clock) as waits:
        waits.on("the helper pod's sandbox on node worker-3")
        clock.now += 42
        waits._line.show(*waits.words())
        assert tty.seen() == [seen]
    tty.close()


def test_it_is_cut_and_not_wrapped(clock: Clock) -> None:
    """Also where the window has become narrower since."""
    tty = Terminal(31)
    waits = line(tty, clock)
    waits.on("the helper pod's sandbox on node worker-3")
    clock.now += 2
    waits._line.show(*waits.words())
    assert tty.seen() == ["waiting for the helper..., 2 s"]
    tty.resize(12)
    before = len(tty.written)
    waits.on("the agent")
    waits._line.show(*waits.words())
    waits._line.clear()
    tty.console.write_stderr(b"!")
    later = tty.read_until(b"!")[before:].removesuffix(b"!")
    assert b"waiting for" in later
    assert max(map(len, re.split(rb"\r", later))) <= 11
    tty.close()


@pytest.mark.usefixtures("often")
def test_a_terminal_that_went_away_ends_it_quietly(clock: Clock) -> None:
    """Whoever writes next is told; closing the window is an ordinary end."""
    reader, writer = os.pipe()
    os.close(reader)
    waits = WaitingLine(Console(0, writer, writer), clock)
    with waits:
        waits.on("x")
        clock.now += 5
        assert waits._thread is not None
        waits._thread.join()
    os.close(writer)
