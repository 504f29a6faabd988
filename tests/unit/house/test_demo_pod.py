"""The scripts of the demo's pod, by every shell that an image may have, with an oslat that is a script."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import pytest

from demo import pod, seen

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

JSON: Final = json.dumps({"thread": {"0": {"avg": 1.0, "max": 7, "duration": 2.5, "histogram": {"1": 9}}}}) + "\n"
CHRT: Final = '#!/bin/sh\n[ "$1" = -f ] || exit 1\nshift 2\nexec "$@"\n'
OSLAT: Final = f"""#!/bin/sh
for last; do :; done
file=${{last#--json=}}
trap 'kill $!; cp "${{0%/*}}/sample" "$file"; exit' TERM
echo "$$ $*" >>"${{file%/part}}/began"
case "$*" in *" -D {pod.IDLE_SECONDS} "*) cp "${{0%/*}}/sample" "$file"; exit ;; esac
sleep 300 &
wait
"""
_SECONDS: Final = 60.0


class Running:
    """A pod's first process at work on a folder."""

    def __init__(self, folder: Path, shell: list[str], oslat: str) -> None:
        self.folder, self.shell = folder, shell
        for name, text in (("chrt", CHRT), ("oslat", oslat), ("sample", JSON)):
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)
        environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
        script = pod.loop_script(str(folder))
        self.process = subprocess.Popen(
            [*shell, "-c", script], env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True
        )

    def runs(self, number: int) -> list[str]:
        """The arguments of the runs that have begun, once there are so many."""
        deadline = time.monotonic() + _SECONDS
        file = self.folder / "began"
        while not file.exists() or len(file.read_text().splitlines()) < number:
            assert time.monotonic() < deadline, "no run begins"
            time.sleep(0.01)
        return [line.partition(" ")[2] for line in file.read_text().splitlines()]

    def inside(self, script: str) -> str:
        """What a script prints in the pod."""
        done = subprocess.run([*self.shell, "-c", script], capture_output=True, text=True, check=True, timeout=_SECONDS)
        return done.stdout


@pytest.fixture(params=[["dash"], ["busybox", "ash"], ["bash"]], ids=" ".join)
def shell(request: pytest.FixtureRequest) -> list[str]:
    """One that an image may have as its sh."""
    return list(request.param)


@pytest.fixture
def running(tmp_path: Path, shell: list[str]) -> Iterator[Running]:
    """A pod that goes well."""
    made = Running(tmp_path, shell, OSLAT)
    yield made
    with suppress(ProcessLookupError):
        os.killpg(made.process.pid, signal.SIGKILL)
    made.process.wait()
    assert made.process.stdout is not None
    made.process.stdout.close()


def test_each_act_has_a_run_of_its_own(running: Running) -> None:
    """The idle one is in the pod's log when it is over; a run ends by the script of its act, which prints it."""
    running.runs(2)
    assert running.process.stdout is not None
    assert seen.longest_us(running.process.stdout.readline()) == 7
    for number, run in enumerate(("nsexec", "kubectl"), start=2):
        asked = running.runs(number)[-1]
        assert "-f 1 " in asked
        assert not (running.folder / f"{run}.json").exists()
        assert seen.longest_us(running.inside(pod.end_script(run, str(running.folder)))) == 7


def test_no_run_begins_after_the_one_that_is_killed(running: Running) -> None:
    """The pod is deleted then, and with a loop at work it could not be, where an exec starves."""
    running.runs(2)
    running.inside(pod.kill_script(str(running.folder)))
    deadline = time.monotonic() + _SECONDS
    while (running.folder / "loop.pid").exists():
        assert time.monotonic() < deadline, "the pod's shell does not go on"
        time.sleep(0.01)
    assert running.process.poll() is None
    assert len(running.runs(2)) == 2


def test_an_oslat_that_fails_ends_the_pod_with_its_words(tmp_path: Path, shell: list[str]) -> None:
    """Which the pod's status has then."""
    made = Running(tmp_path, shell, "#!/bin/sh\necho 'ERROR: errno=11' >&2\nexit 1\n")
    assert made.process.communicate(timeout=_SECONDS)[0] == "ERROR: errno=11\n"
    assert made.process.returncode == 1


@pytest.mark.parametrize(("preheat_seconds", "status"), [(0, 0), (3600, seen.NO_LOOP_STATUS)])
def test_a_thread_that_is_not_younger_than_its_process_by_the_preheat_is_not_looked_at(
    tmp_path: Path, shell: list[str], preheat_seconds: int, status: int
) -> None:
    """It ends in a moment, and what it had with it."""
    file = tmp_path / "loop.pid"
    file.write_text(f"{os.getpid()}\n")
    script = pod.look_script(str(file), os.SCHED_OTHER, pause_seconds=0, preheat_seconds=preheat_seconds)
    assert subprocess.run([*shell, "-c", script], capture_output=True, check=False).returncode == status
