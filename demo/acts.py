"""The two runs that are compared, and what the loop says of each."""

from __future__ import annotations

import json
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from demo.cluster import Stage

POD = "nsexec-demo"
PATIENCE_SECONDS = 20
"""How long kubectl exec gets before it is given up: beside a loop at real-time priority it would never return."""
MASK = ("grep", "Cpus_allowed_list", "/proc/self/status")

_PID_FILE = "/loop.pid"
_LOOKS = 50
_LOOP = f"chrt -f 1 sh -c 'while :; do :; done' & echo $! >{_PID_FILE}; wait"
_LOOK_SECONDS = 30
_HUNG = "cannot be seen: the node starts no process any more"


@dataclass(frozen=True)
class Act:
    """What came of one run."""

    mask: str
    seconds: str
    exit_code: str
    loop: str
    left_behind: str


@dataclass(frozen=True)
class _Look:
    """The loop's seconds on its CPU (field 1 of /proc/PID/schedstat, sched-stats.rst), and the node's clock."""

    had_seconds: float
    clock_seconds: float


@contextmanager
def loop(stage: Stage) -> Iterator[None]:
    """A Guaranteed pod whose busy loop owns one isolated CPU at SCHED_FIFO 1; deleted on the way out."""
    resources = {"cpu": "1", "memory": "64Mi"}
    container = {
        "name": "loop",
        "image": stage.image,
        "command": ["sh", "-c", _LOOP],
        "resources": {"requests": resources, "limits": resources},
        "securityContext": {"capabilities": {"add": ["SYS_NICE"]}},  # chrt
    }
    spec = {
        "nodeName": stage.node,
        "hostNetwork": True,
        "terminationGracePeriodSeconds": 0,
        "tolerations": [{"operator": "Exists"}],
        "containers": [container],
    }
    _end(stage)  # what an interrupted demo left
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": POD}, "spec": spec}
    with stage.way_out() as calm:
        try:
            stage.run("create", "-f", "-", stdin=json.dumps(pod))
            stage.run("wait", "--for=condition=Ready", f"pod/{POD}", "--timeout=110s")
            yield
        finally:
            # The given-up exec starves on the loop's CPU, and the runtime waits for it before it ends the container:
            # with the loop still there the pod could not be deleted.
            calm()
            _end(stage)


def _end(stage: Stage) -> None:
    if stage.run("get", "pod", POD, "--ignore-not-found", "-o", "name"):
        _inside(stage, f"kill -9 $(cat {_PID_FILE})")
        stage.run("delete", "pod", POD, "--ignore-not-found", "--timeout=110s")


def nsexec(stage: Stage) -> Act:
    """``oc nsexec``, with its proof on our stderr."""
    before = _look(stage)
    began = time.monotonic()
    done = subprocess.run(
        stage.nsexec_argv(POD, MASK, "--verify"), stdout=subprocess.PIPE, text=True, check=False, timeout=150
    )
    seconds = f"{time.monotonic() - began:.1f} s"
    words = _loop_words(before, _look(stage))
    helpers = stage.run("get", "pods", "-n", "nsexec", "-o", "name").split()
    return Act(_mask(done.stdout), seconds, str(done.returncode), words, ", ".join(helpers) or "nothing")


def kubectl_exec(stage: Stage) -> Act:
    """``kubectl exec``, given up after PATIENCE_SECONDS. Comes last: it may hang the node as a whole."""
    before = _look(stage)
    began = time.monotonic()
    try:
        done = subprocess.run(
            stage.exec_argv(POD, MASK), capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS
        )
    except subprocess.TimeoutExpired:
        shown = ("never seen", f"given up after {PATIENCE_SECONDS} s", "none")
    else:
        shown = (_mask(done.stdout), f"{time.monotonic() - began:.1f} s", str(done.returncode))
    return Act(*shown, _loop_words(before, _look(stage)), _strays(stage))


def _mask(output: str) -> str:
    return output.partition(":")[2].strip() or "none"


def _inside(stage: Stage, script: str) -> str | None:
    """Stdout of a script in the pod, by the only way in that does not disturb the loop; None when there is none."""
    argv = stage.nsexec_argv(POD, ("sh", "-c", script), "-q", "--timeout", f"{_LOOK_SECONDS}s")
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=2 * _LOOK_SECONDS)
    return done.stdout if done.returncode == 0 else None


def _look(stage: Stage) -> _Look | None:
    # Both at the same moment: on a busy emulated node a third of a second may pass between two files.
    script = f"""
        pid=$(cat {_PID_FILE}) before='' after=x tries=0
        until [ "$before" = "$after" ] || [ "$tries" -ge {_LOOKS} ]; do
            read -r before _ </proc/uptime
            read -r had _ <"/proc/$pid/schedstat"
            read -r after _ </proc/uptime
            tries=$((tries + 1))
        done
        echo "$had $after"
    """
    words = (_inside(stage, script) or "").split()
    return _Look(int(words[0]) / 1e9, float(words[1])) if len(words) == 2 else None  # noqa: PLR2004 - as it says them


def _loop_words(before: _Look | None, after: _Look | None) -> str:
    if before is None or after is None:
        return _HUNG
    share = (after.had_seconds - before.had_seconds) / max(after.clock_seconds - before.clock_seconds, 0.01)
    return f"had its CPU {min(share, 1):.1%} of the time"


def _strays(stage: Stage) -> str:
    """Processes in the container that are none of its own: what the given-up exec left there, starving."""
    script = f"""
        for process in /proc/[0-9]*; do
            case ${{process#/proc/}} in 1|$$|$(cat {_PID_FILE})) ;; *) cat $process/comm ;; esac
        done 2>/dev/null; true"""
    output = _inside(stage, script)
    if output is None:
        return _HUNG
    names = [name for name in output.split("\n") if name and name != "cat"]
    return f"{len(names)} starving: {_list(names)}" if names else "nothing"


def _list(names: Sequence[str]) -> str:
    return ", ".join(sorted(set(names)))
