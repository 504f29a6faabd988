"""Whether names have a colour: --color over NO_COLOR over FORCE_COLOR over the terminal."""

from __future__ import annotations

import os

import pytest

from kubectl_nsexec.fleet.show.colour import coloured, in_colour


@pytest.mark.parametrize(
    ("asked", "environment", "on_terminal", "elsewhere"),
    [
        (None, {}, True, False),
        ("auto", {}, True, False),
        ("always", {"NO_COLOR": "1", "TERM": "dumb"}, True, True),
        ("never", {"FORCE_COLOR": "1"}, False, False),
        (None, {"NO_COLOR": "1"}, False, False),
        (None, {"NO_COLOR": "0"}, False, False),
        (None, {"NO_COLOR": ""}, True, False),
        (None, {"FORCE_COLOR": "1"}, True, True),
        (None, {"FORCE_COLOR": ""}, True, False),
        (None, {"NO_COLOR": "1", "FORCE_COLOR": "1"}, False, False),
        (None, {"TERM": "dumb"}, False, False),
        (None, {"TERM": "dumb", "FORCE_COLOR": "1"}, True, True),
    ],
)
def test_the_first_that_says_something_decides(
    asked: str | None,
    environment: dict[str, str],
    *,
    on_terminal: bool,
    elsewhere: bool,
) -> None:
    """Variables count when they are not empty."""
    ours, terminal = os.openpty()
    reader, pipe = os.pipe()
    assert coloured(asked, terminal, environment) is on_terminal
    assert coloured(asked, pipe, environment) is elsewhere
    for fd in (ours, terminal, reader, pipe):
        os.close(fd)


def test_the_old_console_of_windows_is_not_asked_for_what_it_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would show the sequences; Windows Terminal says its name."""
    ours, terminal = os.openpty()
    monkeypatch.setattr("sys.platform", "win32")
    assert not coloured(None, terminal, {})
    assert coloured(None, terminal, {"WT_SESSION": "1"})
    os.close(ours)
    os.close(terminal)


def test_a_closed_stdout_is_no_terminal() -> None:
    """Nothing fails before something is written."""
    assert not coloured(None, 1_000_000, {})


def test_a_name_has_its_colour_in_every_run() -> None:
    """And names have several."""
    assert in_colour("ran/du-0") == "\x1b[32mran/du-0\x1b[0m"
    assert len({in_colour(f"du-{number:02}")[:5] for number in range(50)}) > 5
