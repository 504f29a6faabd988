"""Processes of commands as this machine sees them, and the wait for what becomes of them."""

from __future__ import annotations

import re
import secrets
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def unique_seconds() -> str:
    """For ``sleep``: a number of seconds that nobody else sleeps."""
    return str(10_000_000 + secrets.randbelow(80_000_000))


def running(*command: str) -> list[int]:
    """Return the pids of the processes with exactly this command line."""
    wanted = b"".join(word.encode() + b"\0" for word in command)
    found = []
    for cmdline in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if cmdline.read_bytes() == wanted:
                found.append(int(cmdline.parent.name))
    return found


def within(seconds: float, condition: Callable[[], bool]) -> bool:
    """Whether CONDITION came true in that time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def reapers(helpers: str) -> dict[int, int]:
    """The processes that outlive a client with this helper namespace, each with its parent's pid: the client's.

    Others on this machine are of other tests, beside which these run. One that is over may not have been waited for: it
    has no environment any more.
    """
    ours = f"NSEXEC_NAMESPACE={helpers}".encode()
    found = {}
    for comm in Path("/proc").glob("[0-9]*/comm"):
        with suppress(OSError):
            if comm.read_text() == "nsexec-cleanup\n" and ours in comm.with_name("environ").read_bytes().split(b"\0"):
                parent = re.search(r"^PPid:\t(\d+)$", comm.with_name("status").read_text(), re.MULTILINE)
                found[int(comm.parent.name)] = int(parent[1]) if parent else 0
    return found
