"""``python -m bench [--publish] [PART…]``: measures, prints, cleans up.

Exit status 0 unless something could not be measured. A missed target is a result like any other: it is printed as such
and does not change the exit status. ``--publish``: what oslat saw goes into oslat.json and oslat.svg of docs.
"""

import os
import signal
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from types import FrameType
from typing import Final

from bench import cold, loop, many, pod, scale, startup, throughput
from bench.errors import BenchError
from bench.meter import Meter
from bench.results import Result, Verdict, table
from testbed import host_node, processes
from testbed.errors import ClusterError
from testbed.paths import RT_NODE
from testbed.progress import say

Measured = tuple[list[Result], str]

_ALONE: Final[dict[str, Callable[[], Measured]]] = {
    "startup": lambda: (startup.measure(), ""),
    "scale": lambda: (scale.measure(), ""),
}
"""What needs no cluster."""
_ON_THE_NODE: Final[dict[str, Callable[[Meter, bool], Measured]]] = {
    "cold": lambda _meter, _publish: cold.measure(),
    "many": lambda _meter, _publish: (many.measure(), ""),
    "throughput": lambda _meter, _publish: (throughput.measure(), ""),
    "loop": lambda meter, publish: loop.measure(meter, publish=publish),
}
_PUBLISH: Final = "--publish"
_MINUTES: Final = 15


def main(words: list[str]) -> int:
    """Measure the parts that WORDS name (all of them when there are none) and return the exit status."""
    known = [*_ALONE, *_ON_THE_NODE]
    wanted = [word for word in words if word != _PUBLISH]
    if unknown := [name for name in wanted if name not in known]:
        say(f"there is no part {', '.join(unknown)}; there are: {', '.join(known)}")
        return 2
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    try:
        return _measure(wanted or known, publish=_PUBLISH in words)
    except (BenchError, ClusterError) as error:
        say(f"bench: nothing could be measured: {error}")
        return 1


def _measure(wanted: list[str], *, publish: bool) -> int:
    on_the_node = [name for name in wanted if name in _ON_THE_NODE]
    if on_the_node and not host_node.running():
        raise ClusterError("the host node is down; `make bench` brings it up")
    say(f"bench: {', '.join(wanted)}; all of it takes about {_MINUTES} min")
    for doubt in _doubts():
        say(f"  doubtful: {doubt}")
    outcome = _Outcome()
    for name in wanted:
        if name in _ALONE:
            outcome.add(name, _ALONE[name])
    if on_the_node:
        with pod.target() as meter:
            for name in on_the_node:
                outcome.add(name, partial(_ON_THE_NODE[name], meter, publish))
    return outcome.told()


@dataclass
class _Outcome:
    """What the parts have found so far."""

    results: list[Result] = field(default_factory=list)
    details: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def add(self, name: str, measure: Callable[[], Measured]) -> None:
        """Measure the part NAME and show what came of it."""
        try:
            found, detail = measure()
        except (BenchError, ClusterError) as error:
            self.failures.append(f"{name} could not be measured: {error}")
            say(self.failures[-1])
            return
        self.results += found
        self.details += [detail] if detail else []
        for result in found:
            _show(result.line())

    def told(self) -> int:
        """Show all of it together and return the exit status."""
        for text in [*self.details, table(self.results), *self.failures]:
            _show(f"\n{text}")
        count = Counter(result.verdict for result in self.results)
        reached, missed, unknown = (count[kind] for kind in (Verdict.REACHED, Verdict.MISSED, Verdict.UNKNOWN))
        words = f"{reached} targets reached, {missed} missed, {unknown} not known for noise"
        _show(f"\nbench: {words}; {len(self.failures)} parts failed")
        return 1 if self.failures or unknown else 0


def _doubts() -> list[str]:
    """Return what makes the numbers of this run worse than they could be."""
    doubts = []
    if processes.alive(RT_NODE):
        doubts.append("the real-time node's virtual machine runs and takes a CPU; `make cluster-down` first")
    load = os.getloadavg()[0]
    if load > 1:
        doubts.append(f"the load of this machine was {load:.1f} in the last minute")
    return doubts


def _show(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _end(number: int, _frame: FrameType | None) -> None:
    """Turn a signal into an exit that cleans up."""
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
