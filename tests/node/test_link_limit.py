"""How long a command may run, by the node's own clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.node.link_lab import Session, Target, gone, identity

if TYPE_CHECKING:
    from pathlib import Path

OVER = 124
"""What timeout(1) says."""


@pytest.mark.parametrize(
    "script", ["exec sleep 1000", "trap 'exit 0' TERM; sleep 1000 & wait", "kill -STOP $$", "sleep 1000 & sleep 1000"]
)
def test_a_command_whose_time_is_over_is_told_to_end(
    link: Path, shared_target: Target, tmp_path: Path, script: str
) -> None:
    """SIGTERM to its group, also where it is stopped; the status is 124 however it ends."""
    session = Session(link, shared_target, identity("sh", "-c", script, limit_ms="200"), run=tmp_path)
    pid = session.started()
    assert session.ended() == OVER
    assert gone(pid)


def test_a_command_that_will_not_end_is_killed(link: Path, shared_target: Target, tmp_path: Path) -> None:
    """After a grace, with everything in its group."""
    script = "trap '' TERM; sleep 1000 & echo $!; wait; sleep 1000"
    session = Session(link, shared_target, identity("sh", "-c", script, limit_ms="1"), run=tmp_path)
    pid = session.started()
    assert session.end()[0] == OVER
    assert gone(pid)


@pytest.mark.parametrize("code", [0, 37, OVER])
def test_a_command_that_ends_in_time_has_its_own_status(
    link: Path, shared_target: Target, tmp_path: Path, code: int
) -> None:
    """The limit is seen by nobody who keeps it."""
    session = Session(link, shared_target, identity("sh", "-c", f"exit {code}", limit_ms="60000"), run=tmp_path)
    session.started()
    assert session.end() == (code, b"", b"")


def test_a_terminal_nobody_reads_does_not_hold_the_end_up(link: Path, shared_target: Target, tmp_path: Path) -> None:
    """A client that is stopped takes nothing more: its command ends all the same."""
    blob = identity("sh", "-c", "exec yes", limit_ms="200", tty="1", rows="24", columns="80")
    session = Session(link, shared_target, blob, run=tmp_path)
    pid = session.started("container")
    assert session.process.wait(timeout=20) == OVER
    assert gone(pid)
    session.end()
