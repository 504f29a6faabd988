"""What a run may not leave: helper pods, cgroup folders, processes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from testbed import processes

if TYPE_CHECKING:
    from tests.live.harness import Program

HELPER_NAMESPACE: Final = "nsexec"
_SECONDS: Final = 10.0
"""How long the node may take to clear away what a finished or killed client leaves."""
_CGROUPS: Final = Path("/sys/fs/cgroup")


def folders() -> list[Path]:
    """Our cpuset folders on this machine, wherever the hierarchy keeps them."""
    tops = [_CGROUPS / "cpuset" / "kubepods", _CGROUPS / "kubepods", *_CGROUPS.glob("kubepods.slice")]
    return [found for top in tops if top.is_dir() for found in top.glob("**/nsexec-*")]


def helper_pods(kubectl: Program, *, selector: str = "") -> list[str]:
    """Names of the helper pods that the API server knows."""
    more = [f"--field-selector={selector}"] if selector else []
    return kubectl.ok("get", "pods", "-n", HELPER_NAMESPACE, "-o", "name", *more).split()


def wait_until_nothing_is_left(kubectl: Program, *, completed_pods: bool = False) -> None:
    """Returns when no helper pod and no folder of ours is left; fails after ten seconds.

    ``completed_pods``: a pod that has ended may still be in the API server's records (its client was killed).
    """
    running = "status.phase!=Succeeded,status.phase!=Failed" if completed_pods else ""
    processes.wait_until("no helper pod", lambda: not helper_pods(kubectl, selector=running), _SECONDS)
    processes.wait_until("no cgroup folder of ours", lambda: not folders(), _SECONDS)
