"""``shim watch``: the helper container's CPUs stay what they were made."""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager
from functools import partial
from typing import IO, TYPE_CHECKING, cast

import pytest

from tests.node.shim_lab import QUIET_SANITIZERS, eventually, gone

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def watch(shim: Path, *files: Path, holder: int | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """A keeper of CPUs 0-1, our child, killed in the end."""
    words = [str(os.getpid() if holder is None else holder), "0-1", *map(str, files)]
    with subprocess.Popen([str(shim), "watch", *words], stdout=subprocess.PIPE, env=QUIET_SANITIZERS) as process:
        try:
            yield process
        finally:
            process.kill()


def ready(process: subprocess.Popen[bytes]) -> None:
    """Waits for its word; after it, its stdout is closed."""
    assert cast("IO[bytes]", process.stdout).read() == b"ready\n"


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Two cpusets, of a container and of a child folder."""
    made = [tmp_path / "outer", tmp_path / "inner"]
    for file in made:
        file.write_text("0-1\n")
    return made


def _holds(file: Path) -> bool:
    return file.read_text().strip() == "0-1"


@pytest.mark.parametrize("other", ["0-3\n", "3\n", "\n", "0\n", "nonsense\n"])
def test_change_is_put_right(shim: Path, files: list[Path], other: str) -> None:
    """Whatever another writer makes of a file, before or after we watch, the set is written back over it."""
    files[0].write_text(other)
    with watch(shim, *files) as process:
        ready(process)
        assert files[0].read_text() == "0-1"
        for file in files:
            file.write_text(other)
            eventually(partial(_holds, file))


def test_equal_set_in_other_words_is_left_alone(shim: Path, files: list[Path]) -> None:
    """Sets are compared, not texts."""
    files[0].write_text("0,1\n")
    with watch(shim, *files) as process:
        ready(process)
        assert files[0].read_text() == "0,1\n"


def test_it_ends_with_the_folder(shim: Path, files: list[Path]) -> None:
    """A container that is gone needs no keeper."""
    with watch(shim, *files) as process:
        ready(process)
        files[1].unlink()
        assert process.wait(timeout=20) == 0


@pytest.mark.parametrize("case", ["holder", "missing"])
def test_it_refuses_what_it_cannot_keep(shim: Path, files: list[Path], case: str) -> None:
    """A holder that is not its parent (it died already) or a missing file: no word of readiness."""
    watched = [files[0], files[1] / "no"] if case == "missing" else files
    with watch(shim, *watched, holder=1 if case == "holder" else None) as process:
        assert process.communicate(timeout=20)[0] == b""
        assert process.returncode == 125


def test_it_ends_with_the_holder(shim: Path, files: list[Path]) -> None:
    """Even when that is killed."""
    script = f'"{shim}" watch $$ 0-1 "{files[0]}" & echo $!; wait'
    holder = subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE, env={**os.environ, **QUIET_SANITIZERS})
    lines = cast("IO[bytes]", holder.stdout)
    words = {lines.readline(), lines.readline()}
    assert b"ready\n" in words
    pid = int((words - {b"ready\n"}).pop())
    holder.kill()
    holder.communicate()
    eventually(lambda: gone(pid))
