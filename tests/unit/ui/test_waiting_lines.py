"""Lines that stay: what is waited for on a terminal that cannot go back in a line, and for those who have it read."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from kubectl_nsexec.ui import waiting, waiting_line
from kubectl_nsexec.ui.waiting_line import WaitingLines

if TYPE_CHECKING:
    from tests.unit.fake_terminal import Terminal
    from tests.unit.ui.conftest import Clock


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("environment", [{"TERM": "dumb"}, {"TERM": "dumb", "NO_COLOR": ""}])
def test_a_terminal_that_cannot_go_back_gets_a_line_for_each_long_wait(
    tty: Terminal, clock: Clock, environment: dict[str, str]
) -> None:
    """Once, and without seconds that change: a screen reader would read each of them out."""
    with waiting.on_terminal(tty.console, environment, clock) as waits:
        assert (type(waits), waits.console) == (WaitingLines, tty.console)
        waits.on("the sandbox")
        clock.now += waiting_line.STAYS_AFTER_SECONDS
        tty.read_until(b"waiting for the sandbox\n")
        clock.now += 1000
        waits.on("what is soon there")
        clock.now += waiting_line.STAYS_AFTER_SECONDS - 0.01
        waits.on("the agent")
        clock.now += waiting_line.STAYS_AFTER_SECONDS
        tty.read_until(b"waiting for the agent\n")
    assert tty.seen() == ["waiting for the sandbox", "waiting for the agent", ""]
    assert b"\r" not in tty.written


def test_a_long_wait_in_the_background_is_not_told(
    tty: Terminal, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until the user has it in front again."""
    waits = WaitingLines(tty.console, clock)
    waits.on("the agent")
    clock.now += 1000
    monkeypatch.setattr(os, "tcgetpgrp", lambda _: os.getpgrp() + 1)
    waits.tell()
    tty.console.write_stderr(b"in front: ")
    monkeypatch.setattr(os, "tcgetpgrp", lambda _: os.getpgrp())
    waits.tell()
    waits.tell()
    assert tty.seen() == ["in front: waiting for the agent", ""]
