"""``make test``: every part, in lanes that run side by side; one line at each part's begin, its output at its end.

Everything runs even after a failure, so that one run tells the whole story; a part that cannot run is a failure. No
part can hang: each has its time, and nothing reads from the terminal, which would stop it in the background. Ctrl-C,
SIGTERM and a hangup end every part and the cluster, with the status 128+n.

    python3 -m tools.test_all
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from tools import installs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import FrameType

_ROOT: Final = Path(__file__).parents[1]


class Part(NamedTuple):
    """One target of the Makefile."""

    target: str
    title: str
    minutes: float
    """After which it is ended, and has failed."""


class Lane(NamedTuple):
    """Parts that run one after the other, beside the other lanes."""

    parts: tuple[Part, ...]
    behind: bool = False
    """Whether they leave the CPUs to the other lanes' (tools/bounded), whose pods have to start in time."""


HERMETIC: Final = Lane(
    (
        Part("check", "checks", 10),
        Part("coverage", "hermetic tests of the client and their coverage", 40),
        Part("test-docs", "documentation", 30),
    ),
    behind=True,
)
PACKAGES: Final = Lane((Part("test-dist", "packages", 60),), behind=True)
"""They are built early: the live tests of the host node take the image."""
ALONE: Final = Lane((Part("test-host-alone", "live tests, host node, one by one", 60),))
"""Most of it is waiting: the hermetic tests have the CPUs, and would starve beside TOGETHER, a browser first."""
TOGETHER: Final = Lane((Part("test-host-together", "live tests, host node, side by side", 60),))
"""Both cores are busy with it, as with NEWER. Not side by side: neither suite would be over any sooner."""
NEWER: Final = Lane(
    (
        Part("cluster-down", "ending the host node's cluster", 10),
        Part("test-rt-newer-together", "live tests, real-time node (6.12, crun, SELinux), side by side", 60),
    )
)
ONE_BY_ONE: Final = Lane(
    (
        Part("test-rt-newer-alone", "live tests, real-time node (6.12, crun, SELinux), one by one", 60),
        Part("test-rt-older", "live tests, real-time node (Linux 6.1, runc, AppArmor)", 60),
        Part("test-both", "live tests, both nodes in one cluster", 60),
    )
)
"""The last adds the host node to the real-time node's cluster."""
MACHINES: Final = Lane(
    (Part("test-machines", "the shim on small machines: arm64, ppc64le, s390x, SELinux", 60),),
    behind=True,
)
FUZZ: Final = Lane((Part("fuzz", "fuzz targets", 20),), behind=True)
"""For the minute in which the real-time node boots, on a CPU and a half."""
NO_CLUSTER: Final = Lane(
    (
        Part("test-node", "hermetic tests of the node's side", 30),
        Part("test-install", "packages, installed in every way", 60),
    ),
    behind=True,
)
STAGES: Final = ((ALONE, HERMETIC, PACKAGES), (TOGETHER, MACHINES), (NEWER, FUZZ), (ONE_BY_ONE, NO_CLUSTER))
"""One after the other, each with its lanes side by side."""

TOOLS: Final = Part(".venv", "tools", 20)
DOWN: Final = Part("cluster-down", "ending the cluster", 10)
_HOST_NODE: Final = ("test-host-alone", "test-host-together", "test-both")
"""They run a kubelet on this machine."""
_ENDING: Final = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)
_HEARS_AFTER_SECONDS: Final = 1
"""A signal that comes just before Python begins to wait has its handler called after that."""
_speaks: Final = threading.Lock()


class Outcome(NamedTuple):
    """What became of a part."""

    part: Part
    words: str
    """``passed``, say."""
    seconds: float = 0
    failure: str = ""
    """The line for the end; empty where nothing has failed."""


class Running:
    """The parts that run, and the signal that ends them."""

    def __init__(self) -> None:
        self.ended_by = 0
        """The signal; 0: there was none."""
        self._by_interrupt = False
        self._processes: set[subprocess.Popen[bytes]] = set()

    @contextmanager
    def heeding(self) -> Iterator[None]:
        """Within, such a signal ends all that runs, and nothing begins any more. One that is ignored stays so."""
        heeded = [number for number in _ENDING if signal.getsignal(number) is not signal.SIG_IGN]
        self._by_interrupt = signal.SIGINT in heeded
        former = {number: signal.signal(number, self._end) for number in heeded}
        try:
            yield
        finally:
            for number, handler in former.items():
                signal.signal(number, handler)

    def _end(self, number: int, _frame: FrameType | None) -> None:
        self.ended_by = self.ended_by or number
        for process in tuple(self._processes):
            self._end_one(process)

    def _end_one(self, process: subprocess.Popen[bytes]) -> None:
        """tools/bounded passes it on to the part's whole process group.

        A Ctrl-C wherever that is heeded, for after it pytest undoes what its fixtures have done.
        """
        process.send_signal(signal.SIGINT if self._by_interrupt else self.ended_by)

    def status(self, argv: Sequence[str], root: Path, log: Path) -> int:
        """The exit status of a program without stdin, whose output is in LOG, also while it runs."""
        with log.open("wb") as output:
            process = subprocess.Popen(
                argv, cwd=root, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )
        self._processes.add(process)
        if self.ended_by:  # while it was being started
            self._end_one(process)
        try:
            return process.wait()
        finally:
            self._processes.discard(process)


def main(root: Path = _ROOT, stages: Sequence[Sequence[Lane]] = STAGES) -> int:
    """The exit status: 1 when a part of the checkout ROOT has failed or could not run; 128+n after a signal."""
    began = time.monotonic()
    _say("make test: about half an hour; where nothing is compiled or built yet, 10 minutes more")
    running = Running()
    with running.heeding():
        outcomes = [_run(running, root, TOOLS)]
        if not outcomes[0].failure:
            try:
                for lanes in stages:
                    outcomes += _side_by_side(running, root, lanes)
            finally:
                outcomes.append(_run(Running(), root, DOWN))  # whatever has ended the others
        _say("\n".join(map(_row, outcomes)))
    failures = [outcome.failure for outcome in outcomes if outcome.failure]
    for failure in failures:
        _say(f"FAILED: {failure}")
    if running.ended_by:
        _say(f"ended by {signal.Signals(running.ended_by).name}")
        return 128 + running.ended_by
    if not failures:
        _say(f"everything passed in {(time.monotonic() - began) / 60:.0f} min")
    return 1 if failures else 0


def _row(outcome: Outcome) -> str:
    return f"{_minutes(outcome.seconds):>6} min  {outcome.words:<24}  {outcome.part.title}"


def _minutes(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"


def _side_by_side(running: Running, root: Path, lanes: Sequence[Lane]) -> list[Outcome]:
    with ThreadPoolExecutor(len(lanes)) as pool:
        found = [pool.submit(_through, running, root, lane) for lane in lanes]
        while wait(found, timeout=_HEARS_AFTER_SECONDS).not_done:
            pass
        return [outcome for lane in found for outcome in lane.result()]


def _through(running: Running, root: Path, lane: Lane) -> list[Outcome]:
    """Runs the parts of LANE, unless it is known what becomes of them."""
    return [_without(running, part) or _run(running, root, part, behind=lane.behind) for part in lane.parts]


def _without(running: Running, part: Part) -> Outcome | None:
    """What becomes of PART without running it, if that is known."""
    if running.ended_by:
        return Outcome(part, "not begun")
    if part.target == "test-install" and installs.passed():
        _say(f"== {part.title}: passed here before, and the packaging has not changed since (tools/installs.py)")
        return Outcome(part, "passed before")
    why_not = _why_not(part)
    return Outcome(part, "could not run", failure=why_not) if why_not else None


def _why_not(part: Part) -> str:
    """What forbids PART here, for a failure's line; empty when it can run."""
    if part.target not in _HOST_NODE:
        return ""
    if os.environ.get("CI") != "true" and os.environ.get("I_MAY_SPOIL_THIS_MACHINE") != "1":
        return (
            f"{part.title}: not allowed, for it runs a kubelet as root on this machine: "
            f"I_MAY_SPOIL_THIS_MACHINE=1 make {part.target}"
        )
    if os.geteuid() != 0:
        return f"{part.title}: not possible, for it needs root; as root: I_MAY_SPOIL_THIS_MACHINE=1 make {part.target}"
    return ""


def _run(running: Running, root: Path, part: Part, *, behind: bool = False) -> Outcome:
    """Makes PART. Its output is in build/test/, also while it runs."""
    log = root / "build" / "test" / f"{part.target.lstrip('.')}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    _say(f"== {part.title}: make {part.target}")
    began = time.monotonic()
    bounded = [sys.executable, str(_ROOT / "tools/bounded"), *["--behind"] * behind, f"{part.minutes:g}"]
    status = running.status([*bounded, "make", part.target], root, log)
    seconds = time.monotonic() - began
    words = "ended" if status and running.ended_by else f"failed with status {status}" if status else "passed"
    text = log.read_text(encoding="utf-8", errors="replace").rstrip()
    _say(f"{text}\n== {part.title}: {words} after {_minutes(seconds)} min")
    failure = f"{part.title} (make {part.target})" if words.startswith("failed") else ""
    return Outcome(part, words, seconds, failure)


def _say(text: str) -> None:
    with _speaks:
        try:
            print(text, flush=True)
        except OSError:  # the terminal or the reader is gone: that ends no part, and least of all the last one
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
