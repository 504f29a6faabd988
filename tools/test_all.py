"""``make test``: every part, in lanes that run side by side; one line at each part's begin, its output at its end.

Everything runs even after a failure, so that one run tells the whole story; a part that cannot run is a failure. No
part can hang: each has its time, and nothing reads from the terminal, which would stop it in the background.

    python3 -m tools.test_all
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from tools import installs

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    niceness: int = 0
    """See nice(1): what can wait leaves the CPUs to the nodes, whose pods have to start in time."""


LIVE: Final = Lane(
    (
        Part("test-host", "live tests, host node", 120),
        Part("cluster-down", "ending the host node's cluster", 10),
        Part("test-rt-newer", "live tests, real-time node with newer kernel and SELinux", 60),
        Part("test-rt", "live tests, real-time node", 180),
        Part("test-both", "live tests, both nodes in one cluster", 60),
    )
)
"""Not side by side: both cores are then busy with the emulated node, and neither suite is over any sooner. The
last adds the host node to the real-time node's cluster."""
NO_CLUSTER: Final = Lane(
    (
        Part("check", "checks", 10),
        Part("coverage", "hermetic tests and their coverage", 40),
        Part("test-install", "packages, installed in every way", 60),
        Part("test-docs", "documentation", 30),
        Part("fuzz", "fuzz targets", 20),
        Part("test-machines", "the shim on small machines: arm64, ppc64le, s390x, SELinux", 60),
        Part("test-dist", "packages", 60),
    ),
    niceness=10,
)
LANES: Final = (LIVE, NO_CLUSTER)

_HOST_NODE: Final = ("test-host", "test-both")
"""They run a kubelet on this machine."""
_speaks: Final = threading.Lock()


def main(root: Path = _ROOT, lanes: Sequence[Lane] = LANES) -> int:
    """The exit status: 1 when a part of the checkout ROOT has failed or could not run."""
    began = time.monotonic()
    _say("make test: about 70 minutes; on a machine where nothing is compiled or built yet, 20 minutes more")
    if failure := _run(root, Part(".venv", "tools", 20)):
        _say(f"FAILED: {failure}")
        return 1
    try:
        with ThreadPoolExecutor(len(lanes)) as pool:
            failures = [failure for found in pool.map(lambda lane: _through(root, lane), lanes) for failure in found]
    finally:
        left = _run(root, Part("cluster-down", "ending the cluster", 10))
    failures += [left] if left else []
    minutes = (time.monotonic() - began) / 60
    for failure in failures:
        _say(f"FAILED: {failure}")
    if not failures:
        _say(f"everything passed in {minutes:.0f} min")
    return 1 if failures else 0


def _through(root: Path, lane: Lane) -> list[str]:
    """Runs the parts of LANE; what failed, a line each."""
    parts = [part for part in lane.parts if not _is_known(part)]
    return [failure for part in parts if (failure := _why_not(part) or _run(root, part, lane.niceness))]


def _is_known(part: Part) -> bool:
    """Whether the outcome of PART is known to be the same as last time; says so."""
    known = part.target == "test-install" and installs.passed()
    if known:
        _say(f"== {part.title}: passed here before, and nothing that decides it has changed since (tools/installs.py)")
    return known


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


def _run(root: Path, part: Part, niceness: int = 0) -> str:
    """Makes PART; empty when it passed, or a line for the end. Its output is in build/test/, also while it runs."""
    log = root / "build" / "test" / f"{part.target.lstrip('.')}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    _say(f"== {part.title}: make {part.target}")
    began = time.monotonic()
    with log.open("wb") as output:
        status = subprocess.run(
            [
                sys.executable,
                str(_ROOT / "tools/bounded"),
                f"{part.minutes:g}",
                "nice",
                "-n",
                str(niceness),
                "make",
                part.target,
            ],
            cwd=root,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        ).returncode
    seconds = time.monotonic() - began
    outcome = f"failed with status {status}" if status else "passed"
    text = log.read_text(encoding="utf-8", errors="replace").rstrip()
    _say(f"{text}\n== {part.title}: {outcome} after {seconds // 60:.0f}:{seconds % 60:02.0f} min")
    return f"{part.title} (make {part.target})" if status else ""


def _say(text: str) -> None:
    with _speaks:
        print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
