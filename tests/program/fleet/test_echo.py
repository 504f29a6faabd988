"""The user's Ctrl-C on a terminal, which shows it itself."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from tests.program.fleet.fake_fleet import ROOT
from tests.program.fleet.test_ends import _DU, _WAIT_SECONDS, Waiting
from tests.unit.fake_terminal import opened_for_ctrl_c, shown

if TYPE_CHECKING:
    from tests.program.fleet.fake_fleet import Fleet


def test_what_a_terminal_shows_of_ctrl_c_is_no_part_of_what_is_said(fleet: Fleet) -> None:
    """Behind its ``^C`` the head of the table would stand two columns off."""
    waiting = Waiting(fleet, 2)
    ours, theirs = opened_for_ctrl_c()
    argv = ["setsid", "--ctty", *fleet.argv(*_DU, "--", "sleep", "inf")]
    environment = {**os.environ, **fleet.environment, "TERM": "dumb"}
    with subprocess.Popen(argv, cwd=ROOT, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as running:
        os.close(theirs)
        waiting.all_begun(2)
        written = b""
        while written.count(b": begun") < 2:  # else they are said behind a ^C
            written += os.read(ours, 65536)
        for end in (b"ends everything", b"2 end unknown (ended by Ctrl-C)"):
            os.write(ours, b"\x03")
            while end not in written:
                written += os.read(ours, 65536)
        assert running.wait(_WAIT_SECONDS) == 130
    os.close(ours)
    lines = shown(written)
    assert "^C" in lines
    assert any(line.startswith("2 still running: ") for line in lines)
    assert any(line.startswith("OUTCOME ") for line in lines)
