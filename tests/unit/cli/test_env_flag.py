"""``--env`` from the command line to the record that the node is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.cli.test_privileges_flags import asked as asked  # noqa: PLC0414 - a fixture
from tests.unit.cli.test_privileges_flags import call

if TYPE_CHECKING:
    from pathlib import Path

    from kubectl_nsexec.model.request import Request


@pytest.mark.parametrize(
    ("flags", "env"),
    [
        ([], ()),
        (["--env", "A=1", "--env=B=2=3"], (b"A=1", b"B=2=3")),
        (["--env=A="], (b"A=",)),
        (["--env", "A=x y,z"], (b"A=x y,z",)),
    ],
)
def test_each_env_is_a_variable(tmp_path: Path, asked: list[Request], flags: list[str], env: tuple[bytes, ...]) -> None:
    """One a flag, whatever is in it: commas and blanks part nothing."""
    assert call(tmp_path, "p", *flags, "--", "id") == (0, "")
    assert asked[0].env == env


def test_env_behind_the_dashes_is_the_commands(tmp_path: Path, asked: list[Request]) -> None:
    """It is never looked at."""
    assert call(tmp_path, "p", "--", "id", "--env", "A")[0] == 0
    assert (asked[0].env, asked[0].command) == ((), (b"id", b"--env", b"A"))


def test_a_name_alone_is_refused(tmp_path: Path, asked: list[Request]) -> None:
    """Exit status 1 before anything is asked; the variable of our own environment is not taken for it."""
    status, said = call(tmp_path, "p", "--env", "HOME", "--", "id")
    assert (status, said.splitlines()[0]) == (1, 'error: --env: "HOME" is not NAME=VALUE')
    assert not asked
