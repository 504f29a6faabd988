"""Places that commands run in, how they end, and what the user sees."""

from __future__ import annotations

import os
from pathlib import Path

from kubectl_nsexec.fleet.result import Place, Result
from kubectl_nsexec.ui.console import Console

STARTED = "2026-11-28T10:00:00.000Z"


def place(pod: str = "du-0", *, namespace: str = "ran", container: str = "main", node: str = "worker-1") -> Place:
    """A target on CPUs 0-1."""
    return Place(namespace, pod, container, node, "0-1", 'PerformanceProfile "rt", spec.cpu.reserved')


def pods(count: int) -> list[Place]:
    """``du-0`` and so on, on two nodes."""
    return [place(f"du-{number}", node=f"worker-{number % 2}") for number in range(count)]


def ended(where: Place, status: int | None = 0, cause: str = "", *, timed_out: bool = False) -> Result:
    """One that was started."""
    return Result(where, status, cause, STARTED, 1.5, {"kind": "Proof"}, timed_out)


def not_started(where: Place, cause: str = "node not Ready", code: str = "helper-pod") -> Result:
    """One that was not."""
    return Result(where, None, cause, "", 0, None, code=code)


def descriptors() -> int:
    """How many files this process has open."""
    return len([*Path("/proc/self/fd").iterdir()])


class Screen:
    """Stdout and stderr as files; they are one for ``together``, as at a terminal."""

    def __init__(self, folder: Path, *, together: bool = False) -> None:
        self._out = folder / "stdout"
        self._err = self._out if together else folder / "stderr"
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        self.console = Console(0, os.open(self._out, flags), os.open(self._err, flags))

    @property
    def out(self) -> bytes:
        """What is on stdout so far."""
        return self._out.read_bytes()

    @property
    def err(self) -> bytes:
        """What is on stderr so far."""
        return self._err.read_bytes()

    def close(self) -> None:
        """Closes both."""
        os.close(self.console.stdout_fd)
        os.close(self.console.stderr_fd)
