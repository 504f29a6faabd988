"""From words to what is asked for: the flags beyond ``oc exec`` through the whole command line."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from kubectl_nsexec.cli import app
from kubectl_nsexec.model.privileges import AS_EXEC, Privileges, User
from kubectl_nsexec.session import plan, run
from kubectl_nsexec.ui.console import Console

if TYPE_CHECKING:
    from pathlib import Path

    from kubectl_nsexec.model.request import Request


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Request]:
    """The requests that would have been run."""
    made: list[Request] = []

    monkeypatch.setattr(app, "_cluster", lambda *_: None)
    monkeypatch.setattr(plan, "make", lambda request, *_: made.append(request))
    monkeypatch.setattr(run, "run", lambda *_: 0)
    return made


def call(folder: Path, *words: str) -> tuple[int, str]:
    """(exit status, what was said)."""
    path = folder / "said"
    said = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    null = os.open("/dev/null", os.O_RDWR)
    try:
        status = app.main(["oc-nsexec", *words], Console(null, null, said))
    finally:
        os.close(said)
        os.close(null)
    return status, path.read_text()


@pytest.mark.parametrize(
    ("flags", "privileges"),
    [
        ([], AS_EXEC),
        (["--privileged"], Privileges(privileged=True)),
        (["--host-tools=true"], Privileges(host_tools=True)),
        (["--user", "1000:5"], Privileges(user=User(1000, 5))),
        (["--user=0"], Privileges(user=User(0))),
        (["--process", "7", "--privileged"], Privileges(privileged=True, process=7)),
        (["--process=du one"], Privileges(process="du one")),
    ],
)
def test_flags_become_powers(tmp_path: Path, asked: list[Request], flags: list[str], privileges: Privileges) -> None:
    """The parser's words, and nothing else, decide; the connection stays as it is."""
    assert call(tmp_path, "p", *flags, "--", "id") == (0, "")
    assert (asked[0].privileges, asked[0].connection.user) == (privileges, None)


def test_user_may_be_given_for_each(tmp_path: Path, asked: list[Request]) -> None:
    """A name for the connection, digits for the command, and the digits are looked for in the kubeconfig."""
    assert call(tmp_path, "p", "--user", "admin", "--user", "1000", "--", "id") == (0, "")
    assert asked[0].privileges == Privileges(user=User(1000))
    assert (asked[0].connection.user, asked[0].connection.not_a_user) == ("admin", "1000")


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--privileged", "--user", "0"], "you may not specify --privileged and --user UID together"),
        (["--user", "4294967295"], "is no user of Linux"),
        (["--process", ""], "--process: a process is named"),
        (["--process", "0"], "is no PID"),
    ],
)
def test_mistakes_are_usage_errors(tmp_path: Path, asked: list[Request], flags: list[str], words: str) -> None:
    """Exit status 1, a sentence, and nothing is run."""
    status, said = call(tmp_path, "p", *flags, "--", "id")
    assert status == 1
    assert said.startswith("error: ")
    assert words in said
    assert asked == []
