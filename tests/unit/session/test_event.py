"""An Event that cannot be published is no failure of the command."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from kubectl_nsexec.errors import ApiError
from kubectl_nsexec.session import run
from kubectl_nsexec.ui.console import Console
from tests.unit.fakes import FakeCluster, forbidden

if TYPE_CHECKING:
    from pathlib import Path

_EVENT: dict[str, Any] = {"metadata": {"namespace": "ran"}}
_EVENTS = "POST /api/v1/namespaces/ran/events"


def _said(answer: Any, folder: Path, *, verbosity: int, quiet: bool = False) -> str:  # noqa: ANN401 - JSON or an error
    said = folder / "stderr"
    fd = os.open(said, os.O_WRONLY | os.O_CREAT)
    fake = FakeCluster({_EVENTS: answer})
    with run._published(fake, _EVENT, Console(stderr_fd=fd, quiet=quiet), verbosity):
        pass
    os.close(fd)
    assert (fake.calls, fake.bodies) == ([_EVENTS], [_EVENT])
    return said.read_text()


def test_it_is_published_beside_the_command(tmp_path: Path) -> None:
    """Without a word."""
    assert _said({}, tmp_path, verbosity=9) == ""


@pytest.mark.parametrize("error", [forbidden("events is forbidden: no"), ApiError("timed out")])
def test_one_that_is_refused_is_told_only_to_those_who_look(error: ApiError, tmp_path: Path) -> None:
    """With -v; the command goes on in any case."""
    assert _said(error, tmp_path, verbosity=0) == ""
    assert _said(error, tmp_path, verbosity=1) == f"no Event says that the command ran: {error.message}\n"
