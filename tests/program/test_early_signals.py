"""Ctrl-C and its like at any moment of a run, from its first import to its end: a status, and never a traceback."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Final

import pytest

from tests.unit.fake_session import fake_session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.unit.fake_session import FakeSession

# Python 3.11 enters no function in a thread that is traced while a signal waits for the main thread. Where that one
# waits for the thread's import, as it may here, neither goes on.
pytestmark = pytest.mark.usefixtures("no_cover")

_COUNTED: Final = """
import importlib, os, sys
at, number, program = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
del sys.argv[1:4]
main, seen = importlib.import_module(program).main, 0
def hook(event, _):
    global seen
    if event != "import":
        return
    seen += 1
    if seen == at:
        os.kill(os.getpid(), number)
    if at == 0:
        os.write(9, b"\\0")
sys.addaudithook(hook)
main()
"""
"""A run that is sent the signal NUMBER at its import number AT; with 0 each import is a zero byte on descriptor 9."""
_POINTS: Final = 16
_PROGRAMS: Final = {
    "run": ("kubectl_nsexec.__main__", "du-0", "--cpus", "0-1", "--", "true"),
    "help": ("kubectl_nsexec.__main__", "--help"),
    "refusal": ("kubectl_nsexec.__main__", "--no-such-flag"),
    "completion": ("kubectl_nsexec.cli.completion.main", "du"),
}


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSession]:
    """What KUBECONFIG leads to."""
    with fake_session() as made:
        context = {"cluster": "k", "user": "u", "namespace": "ran"}
        config = {
            "current-context": "c",
            "clusters": [{"name": "k", "cluster": {"server": made.url}}],
            "users": [{"name": "u", "user": {}}],
            "contexts": [{"name": "c", "context": context}],
        }
        (tmp_path / "config").write_text(json.dumps(config))
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
        yield made


def run(words: tuple[str, ...], at: int, number: int = signal.SIGINT) -> subprocess.CompletedProcess[bytes]:
    """The program, sent the signal at that import."""
    argv = ["sh", "-c", 'exec "$@" 9>&2', "sh", sys.executable, "-c", _COUNTED, str(at), str(int(number)), *words]
    return subprocess.run(argv, capture_output=True, check=False, stdin=subprocess.DEVNULL, timeout=60)


@pytest.mark.parametrize("words", _PROGRAMS.values(), ids=_PROGRAMS)
def test_an_interrupt_at_any_import_is_130_and_no_word(session: FakeSession, words: tuple[str, ...]) -> None:
    """A start is mostly imports; what the command has said by then is all that is on stdout, and no pod stays."""
    imports = run(words, 0).stderr.count(b"\0")
    assert imports > _POINTS
    said = run(words, imports + 1).stderr  # all that it says, when no signal comes
    for at in range(1, imports + 1, max(1, imports // _POINTS)):
        done = run(words, at)
        # The first is early_signals itself: until it is there, the signal's own way to end a process has to do.
        expected = -signal.SIGINT if at == 1 else 130
        assert done.returncode == expected, f"at import {at} of {imports}"
        assert done.stderr in (b"", said), f"at import {at} of {imports}"
    assert len(session.deleted) >= len(session.helpers) - 1  # of the run that was only counted


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_other_signals_have_their_own_status(session: FakeSession, number: int) -> None:
    """128+n from the beginning on."""
    assert session
    done = run(_PROGRAMS["run"], 5, number)
    assert (done.returncode, done.stderr) == (128 + number, b"")


def test_what_is_ignored_from_the_start_stays_so(session: FakeSession) -> None:
    """A background job of a script lives on when its shell is interrupted."""
    ignoring = (
        "import signal, os, sys; signal.signal(signal.SIGINT, signal.SIG_IGN); os.execv(sys.argv[1], sys.argv[1:])"
    )
    words = [sys.executable, "-c", _COUNTED, "5", str(int(signal.SIGINT)), *_PROGRAMS["run"]]
    done = subprocess.run([sys.executable, "-c", ignoring, *words], capture_output=True, check=False, timeout=60)
    assert session.helpers
    assert done.returncode == 0


@pytest.mark.parametrize("program", ["__main__", "cli.completion.main"])
def test_a_program_imports_nothing_before_it_heeds_signals(program: str) -> None:
    """Until then an interrupt is Python's to answer, with a traceback."""
    code = f"""
import sys, kubectl_nsexec
before = {{*sys.modules}}
import kubectl_nsexec.ui.early_signals, kubectl_nsexec.{program}
print(*({{*sys.modules}} - before))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    ours = {"kubectl_nsexec.ui.early_signals", f"kubectl_nsexec.{program}"}
    packages = {"kubectl_nsexec.ui", "kubectl_nsexec.cli", "kubectl_nsexec.cli.completion"}  # a docstring each
    assert {*done.stdout.split()} <= ours | packages | {"_signal", "atexit", "gc"}


def test_what_was_to_be_done_at_exit_is_done() -> None:
    """Key files and the user's terminal, should it come when our own handlers are gone already."""
    code = """
import atexit, os, signal
from kubectl_nsexec.ui import early_signals
early_signals.end_the_process()
atexit.register(os.write, 1, b"done")
os.kill(os.getpid(), signal.SIGINT)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, b"done", b"")
