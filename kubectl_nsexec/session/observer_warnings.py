"""Well-known programs that disturb the process they look at, on whatever CPU they run themselves."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_STOPS_BY_CALL: Final = "stops the process that it follows at each"
_LOCKS: Final = "reads /proc/PID/%s under the memory lock of the process: it waits there when it maps, unmaps or faults"

OBSERVERS: Final = {
    "gdb": "stops the process that it attaches to, and it stands still until you continue or detach",
    "ltrace": f"{_STOPS_BY_CALL} library call, by breakpoints in its code",
    "lsof": _LOCKS % "maps",
    "perf": "with -p or -t interrupts the process that it follows for each sample; -C with reserved CPUs does not",
    "pmap": _LOCKS % "maps and smaps",
    "strace": f"{_STOPS_BY_CALL} system call, and when it attaches",
}
"""What each does to a loop that it is pointed at. Sources: ptrace(2), proc(5), perf-record(1), fs/proc/task_mmu.c."""


def warning(command: Sequence[bytes]) -> str | None:
    """One line for ``command`` (argv), by the last part of its first word; None for what is not well-known.

    What ``env``, ``sudo`` or a shell would start is not looked for: a warning that guesses is soon not read any more.
    """
    if not command:
        return None
    name = posixpath.basename(command[0]).decode(errors="replace")
    does = OBSERVERS.get(name)
    return f"warning: {name} {does} (docs/explanation/limits.md)" if does else None
