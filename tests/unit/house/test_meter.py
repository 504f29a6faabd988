"""oslat as the bench runs it: begun by a word, seen to measure from outside, ended by a signal."""

from __future__ import annotations

import os
import subprocess
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from bench import meter
from bench.errors import BenchError
from bench.meter import Loop, Meter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

JSON: Final = '{"thread": {"0": {"avg": 1.0, "max": 1, "duration": 2.5, "histogram": {"1": 9}}}}'
SECOND: Final = os.sysconf("SC_CLK_TCK")
LATE: Final = 5 * SECOND
OSLAT: Final = "oslat\0-c\x001\0--json=/bench/part\0"
_SECONDS: Final = 60


def process(folder: Path, pid: int, command_line: str, *ages: int) -> Path:
    """A process in a tree like proc(5), born at LATE, with threads beside its main one that are so much younger."""
    for number, (name, age) in enumerate([(pid, 0), *((pid + 1 + place, age) for place, age in enumerate(ages))]):
        thread = folder / str(pid) / "task" / str(name)
        thread.mkdir(parents=True)
        fields = ["S", *["0"] * 18, str(LATE + age), *["0"] * 18, str(number), *["0"] * 11]
        for place in (folder / str(pid), thread) if not number else (thread,):
            (place / "stat").write_text(f"{name} (os) lat) {' '.join(fields)}\n")
        (thread / "schedstat").write_text(f"{1000 * number} {10 * number} 3\n")
    (folder / str(pid) / "cmdline").write_text(command_line)
    return folder / str(pid)


@pytest.mark.parametrize(
    ("command_line", "ages", "found"),
    [
        (OSLAT, (SECOND + 3,), "18"),
        (OSLAT, (5, SECOND), "19"),
        (OSLAT, (5,), None),  # its pre-heat
        (OSLAT, (SECOND - 1,), None),
        (OSLAT, (), None),
        ("oslat\0-c\x001\0--json=/elsewhere\0", (SECOND,), None),
        ("chrt\0-f\x002\0" + OSLAT, (SECOND,), None),  # it will become oslat
        ("", (), None),  # one of the kernel's
    ],
)
def test_it_measures_once_the_preheat_is_over(
    tmp_path: Path, command_line: str, ages: tuple[int, ...], found: str | None
) -> None:
    """Which the age of its thread tells: the pre-heat takes a second."""
    process(tmp_path, 5, "sh\0-c\0oslat --json=/bench/part\0")
    process(tmp_path, 17, command_line, *ages)
    loop = meter.measuring(tmp_path)
    assert (loop and loop.thread.name) == found


def test_a_loop_is_told_by_the_kernels_account(tmp_path: Path) -> None:
    """Until it ends, which is never taken for a number."""
    thread = process(tmp_path, 17, OSLAT, SECOND) / "task/18"
    loop = Loop(thread)
    assert (loop.process, loop.had_ns(), loop.run_delay_ns(), loop.policy) == (17, 1000, 10, "SCHED_FIFO")
    assert Loop(thread.with_name("17")).policy == "SCHED_OTHER"
    (thread / "schedstat").unlink()
    with pytest.raises(BenchError, match="ended before its phase"):
        loop.had_ns()


@pytest.fixture
def pod(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """A pod's shell at work on its folder, which is returned, by an oslat and a chrt that are scripts."""
    children = []

    def starts(*, oslat: str, chrt: str) -> Path:
        for name, script in (("oslat", oslat), ("chrt", chrt)):
            (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
            (tmp_path / name).chmod(0o755)
        folder = tmp_path / "bench"
        folder.mkdir()
        command = meter.COMMAND.replace("/bench", str(folder))
        path = f"{tmp_path}:{os.environ['PATH']}"
        children.append(subprocess.Popen(["sh", "-c", command], env={**os.environ, "PATH": path}))
        return folder

    yield starts
    assert [child.wait(_SECONDS) for child in children] == [0] * len(children)


@pytest.mark.parametrize(("fifo", "chrt"), [("-f 1", "shift 2; exec $@"), ("", "exit 1")])
def test_the_pods_shell_runs_it_for_each_word(pod: Callable[..., Path], tmp_path: Path, fifo: str, chrt: str) -> None:
    """On the pod's own CPU, main thread and all, at SCHED_FIFO where it may; the result appears when it is whole."""
    asked = tmp_path / "asked"
    folder = pod(oslat=f"echo $* >>{asked}; for last; do :; done; echo '{JSON}' >${{last#--json=}}", chrt=chrt)
    process(tmp_path / "proc", 17, OSLAT, SECOND)
    with closing(Meter(folder, tmp_path / "proc")) as under_test:
        for seconds in (7, 8):
            assert under_test.start(seconds).thread.name == "18"
            seen = under_test._until("", under_test._result)
            assert seen.strip() == JSON
    cpus = next(line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if "allowed_l" in line)
    expected = f"-c {cpus} -C {cpus} {fifo} -D {{}} -q -z -b 1024 --json={folder}/part"
    assert asked.read_text().splitlines() == [" ".join(expected.format(seconds).split()) for seconds in (7, 8)]


def test_a_run_that_fails_is_told_in_its_own_words(pod: Callable[..., Path], tmp_path: Path) -> None:
    """As without the right to lock its memory."""
    folder = pod(oslat="echo 'ERROR: errno=11' >&2; exit 1", chrt="exit 1")
    with closing(Meter(folder, tmp_path / "proc")) as under_test, pytest.raises(BenchError, match="ERROR: errno=11"):
        under_test.start(7)


def test_a_run_is_ended_by_a_signal(tmp_path: Path) -> None:
    """Its process writes then what it saw."""
    script = f"trap 'kill $!; mv {tmp_path}/part {tmp_path}/result; exit' TERM; sleep {_SECONDS} & echo; wait"
    (tmp_path / "part").write_text(JSON)
    with subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        thread = process(tmp_path / "proc", child.pid, OSLAT, SECOND) / "task" / str(child.pid + 1)
        with closing(Meter(tmp_path)) as under_test:
            assert under_test.end(Loop(thread)).seconds == 2.5


def test_the_kubelet_hands_the_command_on_as_it_is() -> None:
    """It would replace ``$(NAME)``, and two dollars by one (k8s.io/kubernetes, expansion.go)."""
    assert "$(" not in meter.COMMAND
    assert "$$" not in meter.COMMAND
