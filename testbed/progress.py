"""Talk to the person who waits: whole lines on stderr, each with the seconds since the start."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

LINE_EVERY_SECONDS: Final = 15.0

_started = time.monotonic()
_one_line_at_a_time = threading.Lock()


def say(text: str) -> None:
    """Print one line on stderr; safe from several threads."""
    with _one_line_at_a_time:
        print(f"[{time.monotonic() - _started:4.0f} s] {text}", file=sys.stderr, flush=True)


@contextmanager
def long_step(what: str, expected_minutes: float, detail: Callable[[], str] = lambda: "") -> Iterator[None]:
    """Say that WHAT begins, at least every 15 s that it goes on, and when it ends.

    ``detail`` is asked for each line and may add how far it is; ``expected_minutes`` is printed as given.
    """
    begin = time.monotonic()
    done = threading.Event()

    def elapsed() -> str:
        minutes, seconds = divmod(int(time.monotonic() - begin), 60)
        return f"{minutes}:{seconds:02d}"

    def tick() -> None:
        while not done.wait(LINE_EVERY_SECONDS):
            more = detail()
            say(f"{what}: {elapsed()} of about {expected_minutes:g} min{', ' + more if more else ''}")

    say(f"{what}: about {expected_minutes:g} min")
    ticker = threading.Thread(target=tick, daemon=True)
    ticker.start()
    try:
        yield
    finally:
        done.set()
        ticker.join()
    say(f"{what}: done in {elapsed()}")
