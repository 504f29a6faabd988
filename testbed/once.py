"""One at a time: what is kept in the cache is made once, whoever asks for it at the same time."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from testbed.paths import CACHE


@contextmanager
def alone(name: str) -> Iterator[None]:
    """Waits until nobody else, thread or process, is in the part called NAME (flock(2) on a file of the cache)."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
