"""``--verify`` says what plain ``oc exec`` would have done in the same container."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.unit.fake_session import fake_session

_ROOT: Final = Path(__file__).parents[2]
DANGER: Final = 'would land on CPU 2 (its only exclusive): SCHED_FIFO 1 "loop" lives there'


def run(*words: str) -> subprocess.CompletedProcess[bytes]:
    """A client's run, which has to end well."""
    with fake_session() as session:
        argv = [sys.executable, "-m", "kubectl_nsexec", "--server", session.url, "-n", "ran", "--cpus", "0-1", "du-0"]
        done = subprocess.run([*argv, *words], cwd=_ROOT, input=b"", capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    return done


def test_a_check_without_a_command_has_the_line() -> None:
    """The thread that a look at the first process alone would have missed."""
    lines = {
        line[:15].strip(): line[15:].strip() for line in run("--verify").stdout.decode(errors="replace").splitlines()
    }
    assert lines["PLAIN EXEC"].startswith("would land on CPU 2 (its only exclusive):")


@pytest.mark.parametrize("command", [(), ("--", "id")])
def test_it_is_in_the_proof_for_scripts(command: tuple[str, ...]) -> None:
    """On stdout without a command, else on stderr."""
    done = run("--verify", "-o", "json", *command)
    text = done.stderr.decode() if command else done.stdout.decode(errors="replace")
    plain = json.loads(text[text.index("{") : text.rindex("}") + 1])["plainExec"]
    assert plain == {
        "lands": {"on": "AnyExclusiveCPU", "cpus": "2"},
        "realTime": ['SCHED_FIFO 1 "loop"'],
        "safe": False,
        "message": DANGER,
    }
