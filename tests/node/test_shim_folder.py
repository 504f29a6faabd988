"""The end of all processes in a cgroup folder, where the kernel has no cgroup.kill (before Linux 5.14, and on v1)."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.node.shim_lab import eventually
from tests.node.test_shim_server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HELD_UP = 2
"""Processes that a signal does not end: for this purpose a zombie is like one in an uninterruptible wait."""


@pytest.fixture
def server(shim: Path, tmp_path: Path) -> Iterator[Server]:
    """A helper whose pod has a folder that only looks like a cgroup: what is listed in it is listed for ever."""
    made = Server(shim, tmp_path, tmp_path / "pod")
    made.pod.mkdir()
    made.open(idle=1000)
    yield made
    made.close()


@pytest.mark.parametrize("others", [1, 3, 200], ids=lambda count: f"{count} others")
def test_a_process_that_does_not_end_holds_up_no_other_ones_end(server: Server, others: int) -> None:
    """Whatever the order in which the kernel lists them; what is not listed is left alone."""
    zombies = [subprocess.Popen(["true"]) for _ in range(HELD_UP)]
    ended = [subprocess.Popen(["sleep", "1000"]) for _ in range(others)]
    stranger = subprocess.Popen(["sleep", "1000"])
    try:
        numbers = [process.pid for process in (*zombies, *ended)]
        (server.folder("one00") / "cgroup.procs").write_text("".join(f"{pid}\n" for pid in (0, *numbers)))
        server.session("one00", "/bin/true").wait(timeout=20)
        eventually(lambda: all(process.poll() == -9 for process in ended))
        assert stranger.poll() is None
    finally:
        for process in (*zombies, *ended, stranger):
            process.kill()
            process.wait()
