"""A memory cgroup of our own, so that the kernel kills a command for want of memory and nothing else is short of it."""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.live.processes import within

if TYPE_CHECKING:
    from collections.abc import Iterator

_TOP = Path("/sys/fs/cgroup")
_V1 = _TOP / "memory"
_LIMIT_BYTES = 16 * 1024 * 1024


@contextmanager
def limited(pid: int) -> Iterator[None]:
    """The process PID, and what it starts, is killed above 16 MiB for the time of the block."""
    folder = (_V1 if _V1.is_dir() else _TOP) / f"nsexec-memory-{secrets.token_hex(4)}"
    if not _V1.is_dir():
        (_TOP / "cgroup.subtree_control").write_text("+memory")
    folder.mkdir()
    try:
        (folder / ("memory.limit_in_bytes" if _V1.is_dir() else "memory.max")).write_text(str(_LIMIT_BYTES))
        (folder / "cgroup.procs").write_text(str(pid))
        yield
    finally:
        assert within(20, lambda: not (folder / "cgroup.procs").read_text())
        folder.rmdir()
