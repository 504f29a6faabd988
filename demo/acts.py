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
_LOOP = "exec chrt -f 1 sh -c 'while :; do :; done'"


@dataclass(frozen=True)
class Act:
    """What came of one run."""

    mask: str
    seconds: str
    exit_code: str
    loop: str
    left_behind: str


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
    _delete(stage)
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": POD}, "spec": spec}
    try:
        stage.run("create", "-f", "-", stdin=json.dumps(pod))
        stage.run("wait", "--for=condition=Ready", f"pod/{POD}", "--timeout=110s")
        yield
    finally:
        _delete(stage)


def _delete(stage: Stage) -> None:
    stage.run("delete", "pod", POD, "--ignore-not-found", "--grace-period=0", "--force", "--wait=true")


def kubectl_exec(stage: Stage) -> Act:
    """``kubectl exec``, given up after PATIENCE_SECONDS."""
    before = _waited_ns(stage)
    began = time.monotonic()
    try:
        done = subprocess.run(
            stage.exec_argv(POD, MASK), capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS
        )
    except subprocess.TimeoutExpired:
        shown = ("never seen", f"given up after {PATIENCE_SECONDS} s", "none")
    else:
        shown = (_mask(done.stdout), f"{time.monotonic() - began:.1f} s", str(done.returncode))
    lost = _waited_ns(stage) - before
    return Act(*shown, _loop_words(lost), _strays(stage))


def nsexec(stage: Stage) -> Act:
    """``oc nsexec``, with its proof on our stderr."""
    before = _waited_ns(stage)
    began = time.monotonic()
    done = subprocess.run(
        stage.nsexec_argv(POD, MASK, "--verify"), stdout=subprocess.PIPE, text=True, check=False, timeout=150
    )
    seconds = f"{time.monotonic() - began:.1f} s"
    lost = _waited_ns(stage) - before
    helpers = stage.run("get", "pods", "-n", "nsexec", "-o", "name").split()
    return Act(_mask(done.stdout), seconds, str(done.returncode), _loop_words(lost), ", ".join(helpers) or "nothing")


def _mask(output: str) -> str:
    return output.partition(":")[2].strip() or "none"


def _inside(stage: Stage, command: Sequence[str]) -> str:
    """Stdout of a command in the pod, by the only way in that does not disturb the loop."""
    done = subprocess.run(
        stage.nsexec_argv(POD, command, "-q"), capture_output=True, text=True, check=False, timeout=150
    )
    return done.stdout if done.returncode == 0 else ""


def _waited_ns(stage: Stage) -> int:
    """Nanoseconds that the loop has ever been kept from its CPU: field 2 of /proc/PID/schedstat (sched-stats.rst)."""
    fields = _inside(stage, ("cat", "/proc/1/schedstat")).split()
    return int(fields[1]) if len(fields) > 1 else 0


def _loop_words(waited_ns: int) -> str:
    return f"kept from its CPU for {waited_ns / 1e6:.3f} ms"


def _strays(stage: Stage) -> str:
    """Processes in the container that are not its loop: what the given-up exec left there, starving."""
    script = "for p in /proc/[0-9]*; do case $p in /proc/1|/proc/$$) ;; *) cat $p/comm;; esac; done 2>/dev/null"
    names = [name for name in _inside(stage, ("sh", "-c", script)).split("\n") if name and name != "cat"]
    return f"{len(names)} starving: {', '.join(sorted(set(names)))}" if names else "nothing"
