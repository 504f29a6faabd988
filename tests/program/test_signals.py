"""The tests' own run: the same in the background, under nohup and by any supervisor, and over in any case."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tools import signals

if TYPE_CHECKING:
    from collections.abc import Sequence

_REPOSITORY: Final = Path(__file__).parents[2]
_SECONDS: Final = 100
_STARTER: Final = """
import ctypes, os, signal, struct, sys
handling, numbers, *command = sys.argv[1:]
for number in map(int, filter(None, numbers.split(","))):
    if handling == "ignored" and number in signal.valid_signals():
        signal.signal(number, signal.SIG_IGN)
    elif handling == "ignored":
        call = {"x86_64": 13, "aarch64": 134}[os.uname().machine]  # rt_sigaction(2), past the C library
        assert ctypes.CDLL(None).syscall(call, number, struct.pack("4Q", 1, 0, 0, 0), None, ctypes.c_size_t(8)) == 0
    else:
        signal.pthread_sigmask(signal.SIG_BLOCK, [number])
if handling == "closed":
    os.close(0)
os.execv(sys.executable, [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *command])
"""
_ALL: Final = sorted(signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP})
_OF_THE_C_LIBRARY: Final = [32, 33]
"""glibc's own, which no program can set by it (signal(7)); a supervisor that calls the kernel itself can."""
_PYTHONS_OWN: Final = {signal.SIGPIPE, signal.SIGXFSZ}


def inner(handling: str, numbers: Sequence[int], *arguments: str) -> subprocess.CompletedProcess[str]:
    """A run of pytest that was started with these signals ``ignored`` or ``blocked``, or with stdin ``closed``."""
    argv = [sys.executable, "-c", _STARTER, handling, ",".join(str(int(number)) for number in numbers), *arguments]
    return subprocess.run(argv, cwd=_REPOSITORY, capture_output=True, text=True, check=False, timeout=_SECONDS)


def ignored_and_blocked(status: str) -> tuple[set[int], set[int]]:
    """The signals of SigIgn and SigBlk in proc_pid_status(5), but for those that the C library keeps to itself."""
    ignored, blocked = (signals.of_mask(re.findall(rf"{name}:\t(\S+)", status)[0]) for name in ("SigIgn", "SigBlk"))
    return ignored, blocked


def of_process(pid: int | str) -> tuple[set[int], set[int]]:
    """Those that a process ignores and blocks."""
    return ignored_and_blocked(Path(f"/proc/{pid}/status").read_text())


def test_no_signal_is_ignored_or_blocked() -> None:
    """Neither here nor in what a test starts, by fork(2) alone or by execve(2) too."""
    ignored, blocked = of_process("self")
    assert (ignored - _PYTHONS_OWN, blocked) == (set(), set())
    child = subprocess.run(["cat", "/proc/self/status"], capture_output=True, text=True, check=True, timeout=_SECONDS)
    assert ignored_and_blocked(child.stdout) == (set(), set())


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM])
def test_a_child_that_was_only_forked_ends_by_a_signal(number: signal.Signals) -> None:
    """As it would at a terminal; of SIGINT Python makes an exception, here as there."""
    pid = os.fork()
    if not pid:
        try:
            signal.raise_signal(number)
        except KeyboardInterrupt:
            os._exit(int(number == signal.SIGINT))
        finally:
            os._exit(2)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert status == (1 if number == signal.SIGINT else -number)


@pytest.mark.parametrize(
    ("handling", "numbers"),
    [
        ("ignored", [signal.SIGHUP]),
        ("ignored", [signal.SIGINT, signal.SIGQUIT]),
        ("ignored", _ALL),
        ("ignored", _OF_THE_C_LIBRARY),
        ("blocked", _ALL),
        ("closed", []),
    ],
    ids=["by nohup", "in the background", "all ignored", "the C library's", "all blocked", "without stdin"],
)
def test_the_outcome_is_the_same_however_the_tests_are_started(handling: str, numbers: Sequence[int]) -> None:
    """The two above in such a run, and the test that waits for a SIGQUIT."""
    own = [f"{__file__}::{test.__name__}" for test in _ABOVE]
    done = inner(handling, numbers, *own, "tests/unit/ui/test_terminal.py", "-k", "SIGQUIT or ignored or forked")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^[0-9]+ passed", done.stdout, re.MULTILINE), done.stdout


_ABOVE: Final = (test_no_signal_is_ignored_or_blocked, test_a_child_that_was_only_forked_ends_by_a_signal)


def test_a_test_that_hangs_fails_and_the_others_go_on(tmp_path: Path) -> None:
    """With the stacks of its threads; SIGALRM is how its time is told, so it must not be ignored."""
    (tmp_path / "test_two.py").write_text(
        "import threading\n\ndef test_hangs():\n    threading.Event().wait()\n\ndef test_other():\n    pass\n"
    )
    options = ["-c", str(_REPOSITORY / "pyproject.toml"), "-p", "tests.conftest", "-o", "timeout=1"]
    done = inner("ignored", _ALL, *options, str(tmp_path))
    assert "1 failed, 1 passed" in done.stdout, done.stdout + done.stderr
    assert "Timeout" in done.stdout
    assert "threading.Event().wait()" in done.stdout


@pytest.mark.parametrize(
    ("minutes", "script", "status"),
    [
        ("1", "exit 7", 7),
        ("1", "kill -9 $$", 137),
        ("0.005", "exec sleep 60", 124),
        ("0.005", "trap : TERM; read x", 124),
    ],
)
def test_no_part_of_make_test_can_hang(minutes: str, script: str, status: int, tmp_path: Path) -> None:
    """It has its own status, or 124 when its time is over."""
    quick = tmp_path / "bounded"
    quick.write_text((_REPOSITORY / "tools/bounded").read_text().replace("_GRACE_SECONDS = 60", "_GRACE_SECONDS = 0.1"))
    argv = [sys.executable, str(quick), minutes, "bash", "-c", script]
    reads, writes = os.pipe()
    try:
        done = subprocess.run(argv, stdin=reads, capture_output=True, text=True, check=False, timeout=_SECONDS)
    finally:
        os.close(reads)
        os.close(writes)
    assert done.returncode == status, done.stderr
    assert ("had not finished" in done.stderr) is (status == 124)


def test_a_part_of_make_test_has_the_signals_of_the_whole() -> None:
    """timeout(1) would have a hangup end it under nohup(1)."""
    ignoring = "import os, signal; signal.signal(signal.SIGHUP, signal.SIG_IGN); os.execv('tools/bounded', {})"
    words = ["bounded", "1", "cat", "/proc/self/status"]
    argv = [sys.executable, "-c", ignoring.format(words)]
    done = subprocess.run(argv, cwd=_REPOSITORY, capture_output=True, text=True, check=True, timeout=_SECONDS)
    assert ignored_and_blocked(done.stdout) == ({signal.SIGHUP}, set())


@pytest.mark.skipif(not Path("/proc/self/autogroup").exists(), reason="this kernel has no sched_autogroup")
def test_a_part_that_can_wait_leaves_the_cpus_to_the_others() -> None:
    """Whichever session those are in: niceness counts within one, and what a session gets is said apart."""
    argv = ["tools/bounded", "--behind", "1", "sh", "-c", 'nice; until grep "nice 19" /proc/$$/autogroup; do :; done']
    done = subprocess.run(argv, cwd=_REPOSITORY, capture_output=True, text=True, check=True, timeout=_SECONDS)
    assert re.fullmatch(r"19\n/autogroup-[0-9]+ nice 19\n", done.stdout)


def test_every_test_has_a_time(pytestconfig: pytest.Config) -> None:
    """By pyproject.toml, where its folder or the test itself has no other; and by the way that lets others go on."""
    assert float(pytestconfig.getini("timeout")) > 0
    assert pytestconfig.getini("timeout_method") == "signal"


def test_what_is_ignored_is_seen() -> None:
    """But for what Python itself ignores."""
    before = signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    try:
        assert signals.ignored() == [signal.SIGUSR1]
    finally:
        signal.signal(signal.SIGUSR1, before)
