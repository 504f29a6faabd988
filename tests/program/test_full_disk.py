"""A disk that is full below stdout or stderr: a file that lacks its end must not pass for a whole one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.unit.fake_session import fake_session

_ROOT: Final = Path(__file__).parents[2]
_FULL: Final = Path("/dev/full")  # full(4)
TARGET: Final = ("-n", "ran", "--cpus", "0-1", "du-0")


def run(words: str) -> subprocess.CompletedProcess[str]:
    """In a shell that sends the client's output where WORDS say; SERVER in them is a fake's."""
    with fake_session() as session:
        line = words.replace("CLIENT", f"{sys.executable} -m kubectl_nsexec").replace("SERVER", session.url)
        argv = ["bash", "-c", line]
        return subprocess.run(argv, cwd=_ROOT, input="", capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("words", ["--help", "--options", f"--server SERVER {' '.join(TARGET)} -- true"])
def test_it_is_told_and_no_success(words: str) -> None:
    """Our own words, typer's, and what a command says."""
    done = run(f"CLIENT {words} > {_FULL}")
    assert (done.returncode, done.stderr.splitlines()) == (
        125,
        [
            "error: the output is not complete, it cannot be written: No space left on device",
            "[output-file] more: oc nsexec --explain output-file",
        ],
    )


def test_a_message_that_cannot_be_written_keeps_its_status() -> None:
    """There is nobody who could be told."""
    assert run(f"CLIENT --no-such-flag 2> {_FULL}").returncode == 1


@pytest.mark.parametrize("words", ["--options", f"--server SERVER {' '.join(TARGET)} -- true"])
def test_a_reader_that_went_away_is_no_full_disk(words: str) -> None:
    """As ``| head -1`` does: no word, and the status of a broken pipe."""
    done = run(f"exec 3> >(exec true); wait $!; CLIENT {words} >&3")
    assert (done.returncode, done.stderr) == (141, "")
