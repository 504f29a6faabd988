"""One at a time: what is kept in the cache is made once, whoever asks for it at the same time."""

import fcntl
import hashlib
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from testbed.paths import CACHE


@contextmanager
def alone(name: str) -> Iterator[None]:
    """Waits until nobody else, thread or process, is in the part called NAME (flock(2) on a file of the cache)."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def listed(root: Path, *patterns: str) -> list[str]:
    """The files of the checkout ROOT, committed or not, that PATTERNS name (gitglossary(7), pathspec), sorted."""
    git = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns]
    names = subprocess.run(git, cwd=root, capture_output=True, text=True, check=True).stdout.split("\0")
    return sorted({name for name in names if name and (root / name).is_file()})


def digest(root: Path, *patterns: str, more: str = "") -> str:
    """Twelve hex digits that change with the name or the content of any of those files, and with MORE."""
    key = hashlib.sha256(more.encode())
    for name in listed(root, *patterns):
        key.update(hashlib.sha256(name.encode() + b"\0" + (root / name).read_bytes()).digest())
    return key.hexdigest()[:12]
