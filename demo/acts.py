"""The two runs that are compared, and what the loop says of each."""

from __future__ import annotations

import json
import math
import re
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from demo import seen
from demo.programs import DemoError
from demo.seen import Json, Look, PodState, Unseen
from testbed.errors import ClusterError
from testbed.progress import say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from demo.cluster import Stage

POD = "nsexec-demo"
_PATIENCE_SECONDS = 20
_TIMES_OURS = 3
MASK = ("grep", "Cpus_allowed_list", "/proc/self/status")

_PID_FILE = "/loop.pid"
# Its PID is there before it begins: with its priority it leaves the container's only CPU to nobody who could write it.
_LOOP = f"""sh -c 'echo $$ >{_PID_FILE}; exec chrt -f 1 sh -c "while :; do :; done"' & wait"""
_READY_SECONDS = 110
_POLL_SECONDS = 0.5
_NSEXEC_SECONDS = 150
_LOOK_SECONDS = 120
"""An emulated node that has just booted takes more than half a minute for its first helper pod."""
_LAST_LOOK_SECONDS = 60
"""Of a node that may hang."""
_GRACE_SECONDS = 30
_WAITS = 20
_LOOKS = 50
_FIFO = 1
_POLICY_FIELD = 41 - 2
"""Of /proc/PID/stat (proc_pid_stat(5)), counted from behind the name, which may have spaces in it."""
_STRAYS = f"""
    read -r loop _ <{_PID_FILE}
    for process in /proc/[0-9]*; do
        case ${{process#/proc/}} in 1 | $$ | "$loop") continue ;; esac
        read -r name <"$process/comm" && echo "$name"
    done 2>/dev/null
    echo .
"""
_KILL = f'read -r pid _ <{_PID_FILE} && kill -9 "$pid"'


def look_script(pid_file: str = _PID_FILE, policy: int = _FIFO, pause_seconds: float = 1) -> str:
    """Prints what ``seen.look`` reads, once the process of that file runs by that policy.

    The pod is Ready before its loop has begun. The loop's time and the clock are read at the same moment: on a busy
    emulated node a third of a second may pass between two files.
    """
    return f"""
        tries=0
        until read -r pid _ <{pid_file} && read -r stat <"/proc/$pid/stat" && set -- ${{stat##*) }} &&
            [ "${{{_POLICY_FIELD}}}" = {policy} ]
        do
            [ "$tries" -lt {_WAITS} ] || exit {seen.NO_LOOP_STATUS}
            tries=$((tries + 1))
            sleep {pause_seconds}
        done 2>/dev/null
        before='' after=x tries=0
        until [ "$before" = "$after" ] || [ "$tries" -ge {_LOOKS} ]; do
            read -r before _ </proc/uptime
            read -r had _ <"/proc/$pid/schedstat"
            read -r after _ </proc/uptime
            tries=$((tries + 1))
        done
        echo "$pid $had $before $after"
    """


def patience_seconds(ours_seconds: float) -> int:
    """How long kubectl exec gets before it is given up: beside a loop at real-time priority it would never return.

    On a slow machine it would not be back in that time without the loop either: so several times what ours took.
    """
    return max(_PATIENCE_SECONDS, math.ceil(_TIMES_OURS * ours_seconds))


@dataclass(frozen=True)
class Act:
    """What came of one run, each a cell of the table, and how long it took."""

    mask: str
    seconds: str
    exit_code: str
    loop: str
    left_behind: str
    took_seconds: float

    def cells(self) -> tuple[str, ...]:
        """From the top."""
        return self.mask, self.seconds, self.exit_code, self.loop, self.left_behind


@contextmanager
def loop(stage: Stage) -> Iterator[Look]:
    """A Guaranteed pod whose busy loop owns one isolated CPU at SCHED_FIFO 1; deleted on the way out.

    Yields a first look at it. Raises DemoError when it does not begin, and when something of it stays.
    """
    _end(stage)  # what an interrupted demo left
    with stage.way_out() as calm:
        try:
            yield _begun(stage)
        except BaseException:
            for failure in _cleared(stage, calm):
                say(f"demo: the pod {POD} may still be there: {failure}")
            raise
        if failures := _cleared(stage, calm):
            raise DemoError(f"the pod {POD} may still be there ({'; '.join(failures)}): kubectl delete pod {POD}")


def _begun(stage: Stage) -> Look:
    """The pod, made anew while its node has no CPU for it yet. Raises DemoError."""
    deadline = time.monotonic() + _READY_SECONDS
    state = PodState("waiting")
    stage.run("create", "-f", "-", stdin=json.dumps(_pod(stage)))
    while time.monotonic() < deadline:
        state = seen.pod_state(stage.json("get", "pod", POD, "-o", "json"))
        if state.kind == "ready":
            first = _look(stage)
            if isinstance(first, Unseen):
                raise DemoError(f"the loop in pod {POD} cannot be seen: {first.reason}")
            return first
        if state.kind == "failed":
            break
        if state.kind == "no CPU yet":
            stage.run("delete", "pod", POD, "--timeout=60s")
            stage.run("create", "-f", "-", stdin=json.dumps(_pod(stage)))
        time.sleep(_POLL_SECONDS)
    raise DemoError(f"the pod {POD} does not run on node {stage.node}: {state.words}")


def _pod(stage: Stage) -> Json:
    resources = {"cpu": "1", "memory": "64Mi"}
    container = {
        "name": "loop",
        "image": stage.image,
        "command": ["sh", "-c", literally(_LOOP)],
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
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": POD}, "spec": spec}


def _cleared(stage: Stage, calm: Callable[[], object]) -> list[str]:
    """Nothing of it is left; what stood in the way of that, in words."""
    # The given-up exec starves on the loop's CPU, and the runtime waits for it before it ends the container:
    # with the loop still there the pod could not be deleted.
    return [failure for step in (calm, lambda: _end(stage)) if (failure := _failure(step))]


def _failure(step: Callable[[], object]) -> str:
    try:
        step()
    except (DemoError, ClusterError) as error:
        return str(error)
    return ""


def _end(stage: Stage) -> None:
    if stage.run("get", "pod", POD, "--ignore-not-found", "-o", "name"):
        _inside(stage, _KILL, _LAST_LOOK_SECONDS)
        stage.run("delete", "pod", POD, "--ignore-not-found", "--timeout=110s")


def nsexec(stage: Stage, before: Look | Unseen) -> Act:
    """``oc nsexec``, with its proof on our stderr; ``before``: the last look at the loop."""
    began = time.monotonic()
    done = stage.program(stage.nsexec_argv(POD, MASK, "--verify"), _NSEXEC_SECONDS, show_stderr=True)
    took = time.monotonic() - began
    seconds = f"{took:.1f} s" if done else f"given up after {_NSEXEC_SECONDS} s"
    words = seen.loop_words(before, _look(stage))
    return Act(
        seen.mask(done.stdout) if done else seen.NONE,
        seconds,
        str(done.status) if done else seen.NONE,
        words,
        _helpers(stage),
        took,
    )


def kubectl_exec(stage: Stage, patience: int) -> Act:
    """``kubectl exec``, given up after so many seconds. Comes last: it may hang the node as a whole."""
    before = _look(stage)
    began = time.monotonic()
    done = stage.program(stage.exec_argv(POD, MASK), patience)
    took = time.monotonic() - began
    if done:
        shown = (seen.mask(done.stdout), f"{took:.1f} s", str(done.status))
    else:
        shown = ("never seen", f"given up after {patience} s", seen.NONE)
    after = _look(stage, _LAST_LOOK_SECONDS)
    hung = seen.hung(_LAST_LOOK_SECONDS)
    left = hung if after == hung else _inside(stage, _STRAYS, _LAST_LOOK_SECONDS)
    stray = left.cell() if isinstance(left, Unseen) else seen.strays(left)
    return Act(*shown, seen.loop_words(before, after), stray, took)


def _helpers(stage: Stage) -> str:
    """The helper pods that are there."""
    try:
        return ", ".join(stage.run("get", "pods", "-n", "nsexec", "-o", "name").split()) or "nothing"
    except DemoError as error:
        return Unseen(str(error)).cell()


def _look(stage: Stage, seconds: int = _LOOK_SECONDS) -> Look | Unseen:
    output = _inside(stage, look_script(), seconds)
    return output if isinstance(output, Unseen) else seen.look(output)


def _inside(stage: Stage, script: str, seconds: int) -> str | Unseen:
    """Stdout of a script in the pod, by the only way in that does not disturb the loop."""
    argv = stage.nsexec_argv(POD, ("sh", "-c", script), "-q", "--timeout", f"{seconds}s")
    done = stage.program(argv, seconds + _GRACE_SECONDS)
    if done is None:
        return seen.hung(seconds)
    return done.stdout if done.status == 0 else seen.why_unseen(done.status, done.stderr, seconds)


def literally(text: str) -> str:
    """``text`` as an argument of a container that the kubelet hands on unchanged.

    It replaces ``$(NAME)`` by a variable and ``$$`` by one dollar (k8s.io/kubernetes, expansion.go).
    """

    def doubled(run: re.Match[str]) -> str:
        special = len(run[0]) > 1 or text[run.end() : run.end() + 1] == "("
        return run[0] * 2 if special else run[0]

    return re.sub(r"\$+", doubled, text)
