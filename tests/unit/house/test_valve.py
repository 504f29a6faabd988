"""The way out of a hang of the real-time node, by a process here in the place of one there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[3]
_SECONDS = 60
_SIGNALLED = """
import os, signal, sys
from testbed import rt_valve, rt_vm

rt_vm.ssh_argv = lambda argv, shared: [sys.executable, *argv[1:]]
rt_vm.FOLDER = os.getcwd()
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda *_: None)  # caught, not ignored: that would be handed on
with rt_valve.armed() as valve:
    os.killpg(0, signal.SIGINT)
    os.killpg(0, signal.SIGTERM)
    print(valve.look().clock_ns > 0)
"""


def test_it_outlives_signals_that_are_for_the_whole_group() -> None:
    """Ctrl-C, and timeout(1): what is ended by them has to give the node back after that."""
    argv = [sys.executable, "-c", _SIGNALLED]
    done = subprocess.run(
        argv, cwd=_ROOT, capture_output=True, text=True, timeout=_SECONDS, check=False, start_new_session=True
    )
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr


_OPENS = """
import os, sys
from testbed import rt_valve

opened = []
sys.addaudithook(lambda event, arguments: opened.append(str(arguments[0])) if event == "open" else None)
exec(rt_valve._SCRIPT)
threads = [path.split("/")[2] for path in opened if path.startswith("/proc/")]
print([thread for thread in threads if os.sched_getscheduler(int(thread)) == os.SCHED_OTHER])
"""


def test_it_reads_nothing_of_an_ordinary_process() -> None:
    """One that starves in the middle of execve(2) keeps a lock that whoever reads its /proc/PID/stat waits for."""
    argv = [sys.executable, "-c", _OPENS]
    done = subprocess.run(
        argv, cwd=_ROOT, input="look\n", capture_output=True, text=True, timeout=_SECONDS, check=False
    )
    armed, answer, ordinary = done.stdout.splitlines()
    assert (armed, len(answer.split()), ordinary) == ("armed", 3, "[]"), done.stderr
