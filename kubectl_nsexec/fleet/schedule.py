"""Which target is next: so many at once, so many on a node, none any more when too many have failed. No I/O."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class Schedule:
    """The targets by their numbers. A node that is in use comes before one that is not: few helper pods at a time."""

    def __init__(self, nodes: Sequence[str], *, fanout: int, per_node: int, max_fail: int | None) -> None:
        """``nodes``: of each target, where it runs. ``max_fail``: so many may fail; None: all."""
        self._nodes = nodes
        self._fanout = fanout
        self._per_node = per_node
        self._max_fail = max_fail
        self._failures = 0
        self._waiting: dict[str, deque[int]] = {}
        for number, node in enumerate(nodes):
            self._waiting.setdefault(node, deque()).append(number)
        self._fresh = deque(self._waiting)
        self._in_use: dict[str, int] = {}
        """Nodes on which something has run, and runs or is to run → how many run."""
        self.running: set[int] = set()
        self.stopped: str | None = None
        """Why no more are started."""

    def next(self) -> int | None:
        """The target to start now, which counts as running from here on; None: not before another has ended."""
        if self.stopped is not None or len(self.running) >= self._fanout:
            return None
        node = next((name for name, count in self._in_use.items() if self._has_room(name, count)), None)
        if node is None:
            if not self._fresh:
                return None
            node = self._fresh.popleft()
        number = self._waiting[node].popleft()
        self._in_use[node] = self._in_use.get(node, 0) + 1
        self.running.add(number)
        return number

    def _has_room(self, node: str, count: int) -> bool:
        return count < self._per_node and bool(self._waiting[node])

    def ended(self, number: int, *, failed: bool) -> bool:
        """Takes it off, and says whether its node is done with: nothing runs there, and nothing will."""
        self.running.discard(number)
        self._failures += failed
        if self._max_fail is not None and self._failures > self._max_fail and self.stopped is None:
            what = f"{self._failures} failure{'s' if self._failures > 1 else ''}"
            self.stopped = f"not started after {what} (--max-fail {self._max_fail})"
        node = self._nodes[number]
        self._in_use[node] -= 1
        done = not self._in_use[node] and (self.stopped is not None or not self._waiting[node])
        if done:
            del self._in_use[node]
        return done

    def stop(self, why: str) -> None:
        """Starts no more; what ``stopped`` says already stays."""
        self.stopped = self.stopped or why

    def left(self) -> list[int]:
        """Those that were never started."""
        return sorted(number for waiting in self._waiting.values() for number in waiting)
