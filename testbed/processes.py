"""Processes that outlive the command that started them, ended only by the pid that was noted then.

A pid alone may be recycled. The note therefore holds the boot id and the start time (field 22 of proc_pid_stat(5)) too,
and a process that does not match all three is never signalled.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from testbed.errors import ClusterError
from testbed.paths import LOG, PID

POLL_SECONDS: Final = 0.1
_children: Final[dict[int, subprocess.Popen[bytes]]] = {}
"""What this very process started: it has to reap them, and a forgotten Popen complains when it is collected."""
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


def start(
    name: str,
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    log: str | None = None,
) -> int:
    """Start ARGV in a session of its own and note it as NAME; a NAME that is alive is left alone. Return its pid.

    stdin is /dev/null; stdout and stderr are appended to the file LOG (default NAME) of the log folder. No signal is
    ignored, as nohup(1) or a shell's background would have it: whatever a runtime starts would inherit that.
    Raises ClusterError when the program is missing.
    """
    running = pid_of(name)
    if running is not None:
        return running
    if not shutil.which(argv[0]):
        raise ClusterError(f"{name} cannot be started: there is no program {argv[0]}")
    LOG.mkdir(parents=True, exist_ok=True)
    PID.mkdir(parents=True, exist_ok=True)
    with log_file(log or name).open("ab") as output:
        try:
            child = subprocess.Popen(
                ["env", "--default-signal", *argv],  # becomes it: the pid is the same
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=None if env is None else dict(env),
                cwd=cwd,
                start_new_session=True,
            )
        except OSError as error:
            raise ClusterError(f"{name} cannot be started: {argv[0]}: {error.strerror}") from error
    _children[child.pid] = child
    # The note is written before anything else can fail; a child that is gone already has no start time and no note.
    started = _start_time(child.pid)
    note = {"pid": child.pid, "start_time": started, "boot": _BOOT_ID.read_text().strip(), "argv": list(argv)}
    scratch = PID / f".{name}"
    scratch.write_text(json.dumps(note) + "\n")
    scratch.replace(PID / name)
    return child.pid


def pid_of(name: str) -> int | None:
    """Return the pid noted as NAME when that very process is still running."""
    try:
        note = json.loads((PID / name).read_text())
    except (OSError, ValueError):
        return None
    pid = int(note["pid"])
    same = note["boot"] == _BOOT_ID.read_text().strip() and note["start_time"] is not None
    return pid if same and _start_time(pid) == note["start_time"] else None


def alive(name: str) -> bool:
    """Whether the process noted as NAME is still running."""
    return pid_of(name) is not None


def noted() -> list[str]:
    """Return every name that has a note, running or not."""
    return sorted(note.name for note in PID.glob("[!.]*")) if PID.is_dir() else []


def stop(name: str, grace_seconds: float = 20.0) -> None:
    """End the process noted as NAME: SIGTERM, after the grace SIGKILL, wait until it is gone, forget the note."""
    for sign, patience_seconds in ((signal.SIGTERM, grace_seconds), (signal.SIGKILL, 10.0)):
        pid = pid_of(name)
        if pid is None:
            break
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, sign)
        deadline = time.monotonic() + patience_seconds
        while pid_of(name) is not None and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
    if alive(name):
        raise ClusterError(f"{name} (pid {pid_of(name)}) does not end, not even by SIGKILL; see {log_file(name)}")
    (PID / name).unlink(missing_ok=True)


def wait_until(what: str, condition: Callable[[], bool], timeout_seconds: float, *, process: str | None = None) -> None:
    """Poll CONDITION until it holds; give up after the time-out, or at once when the noted PROCESS is gone.

    Raises ClusterError that names what was waited for and shows the end of the process's log.
    """
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        if process is not None and not alive(process):
            raise ClusterError(f"{process} ended while waiting for {what}; the end of its log:\n{log_tail(process)}")
        if time.monotonic() > deadline:
            logged = "" if process is None else f"; the end of {process}'s log:\n{log_tail(process)}"
            raise ClusterError(f"{what}: still not so after {timeout_seconds:g} s{logged}")
        time.sleep(POLL_SECONDS)


def log_file(name: str) -> Path:
    """Return the path of the log of NAME."""
    return LOG / name


def log_tail(name: str, lines: int = 12) -> str:
    """Return the last lines of the log of NAME."""
    try:
        text = log_file(name).read_bytes()[-20_000:].decode(errors="replace")
    except OSError as error:
        return f"(no log: {error})"
    return "\n".join(text.splitlines()[-lines:])


def _start_time(pid: int) -> int | None:
    """Return the start time of a process in clock ticks since boot, None for one that is gone or a zombie."""
    if pid in _children:
        _children[pid].poll()
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The second field is the name in parentheses and may itself hold spaces and parentheses.
    fields = stat[stat.rindex(")") + 2 :].split()
    return None if fields[0] in {"Z", "X"} else int(fields[19])
