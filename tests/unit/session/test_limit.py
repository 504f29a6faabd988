"""``--max-duration`` on the client's side: what the helper pod may live, and what the user is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kubectl_nsexec.cpus.policy import CpuPolicy
from kubectl_nsexec.model.cpuset import CpuSet
from kubectl_nsexec.model.deadline import Deadline
from kubectl_nsexec.model.request import Request
from kubectl_nsexec.session import plan, telling
from kubectl_nsexec.session.handshake import StartedCommand
from kubectl_nsexec.transport.channels import ExitStatus, RemoteStream
from kubectl_nsexec.ui.console import Console
from tests.unit.fakes import FakeConnection
from tests.unit.ui.test_output import PROOF

if TYPE_CHECKING:
    from pathlib import Path

OVER = 124
TIMED_OUT = "[timed-out] more: kubectl nsexec --explain timed-out\n"


@pytest.mark.parametrize(
    ("limit", "seconds"), [(None, 24 * 3600), (10.5, 5 + 11 + 60), (48 * 3600, 5 + 48 * 3600 + 60)]
)
def test_the_helper_outlives_its_command(limit: float | None, seconds: int) -> None:
    """activeDeadlineSeconds is a net under the supervisor's own clock: a day, or what was asked for and some more."""
    request = Request(pod="p", command=(b"id",), timeout_seconds=5, max_duration_seconds=limit)
    assert plan._life_seconds(request) == seconds


@pytest.mark.parametrize(
    ("limit_seconds", "code", "said"),
    [
        (
            0.0,
            OVER,
            f"error: the command was ended after 0s (--max-duration)\n{TIMED_OUT}",
        ),
        (60.0, OVER, "command terminated with exit code 124\n"),
        (None, OVER, "command terminated with exit code 124\n"),
        (0.0, 7, "command terminated with exit code 7\n"),
        (0.0, 0, ""),
    ],
)
def test_only_an_end_by_the_limit_is_called_one(
    tmp_path: Path, limit_seconds: float | None, code: int, said: str
) -> None:
    """A command may well end with 124 by itself."""
    limit = None if limit_seconds is None else Deadline.after(limit_seconds)
    started = StartedCommand(RemoteStream(FakeConnection()), CpuPolicy(CpuSet.of(0), "--cpus"), PROOF, "", limit)
    with (tmp_path / "said").open("wb") as err:
        assert telling.ended(ExitStatus(code), started, Console(0, 1, err.fileno()), "kubectl nsexec") == code
    assert (tmp_path / "said").read_text() == said
