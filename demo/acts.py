"""The two runs that are compared, and what the loop says of each."""

from __future__ import annotations

import json
import math
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from demo import pod, seen
from demo.pod import POD
from demo.programs import DemoError
from demo.seen import Look, PodState, Unseen
from testbed.errors import ClusterError
from testbed.progress import say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from demo.cluster import Stage

_PATIENCE_SECONDS = 20
_TIMES_OURS = 2
MASK = ("grep", "Cpus_allowed_list", "/proc/self/status")
_READY_SECONDS = 130
_POLL_SECONDS = 0.5
_NSEXEC_SECONDS = 150
_LOOK_SECONDS = 120
"""An emulated node that has just booted takes more than half a minute for its first helper pod."""
_LAST_LOOK_SECONDS = 60
"""Of a node that may hang."""
_GRACE_SECONDS = 30


class Begun(NamedTuple):
    """The loop as it is before the acts."""

    look: Look
    idle_us: int
    """The longest time between two looks of its own at the clock, in ten seconds in which nothing ran beside it."""


def patience_seconds(ours_seconds: float) -> int:
    """How long kubectl exec gets before it is given up: beside a loop at real-time priority it would never return.

    On a slow machine it would not be back in that time without the loop either: so twice what ours took, which starts
    a pod first.
    """
    return max(_PATIENCE_SECONDS, math.ceil(_TIMES_OURS * ours_seconds))


@dataclass(frozen=True)
class Act:
    """What came of one run, each a cell of the table, and how long it took."""

    mask: str
    seconds: str
    exit_code: str
    loop: str
    longest: str
    left_behind: str
    took_seconds: float

    def cells(self) -> tuple[str, ...]:
        """From the top."""
        return self.mask, self.seconds, self.exit_code, self.loop, self.longest, self.left_behind


@contextmanager
def loop(stage: Stage) -> Iterator[Begun]:
    """A Guaranteed pod whose busy loop owns one isolated CPU at SCHED_FIFO 1; deleted on the way out.

    Yields what it was when nothing ran beside it, and a first look at it. Raises DemoError when it does not begin, and
    when something of it stays.
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


def _begun(stage: Stage) -> Begun:
    """The pod, made anew while its node has no CPU for it yet. Raises DemoError."""
    deadline = time.monotonic() + _READY_SECONDS
    state = PodState("waiting")
    stage.run("create", "-f", "-", stdin=json.dumps(pod.manifest(stage)))
    while time.monotonic() < deadline:
        state = seen.pod_state(stage.json("get", "pod", POD, "-o", "json"))
        # The log has what the idle run saw when that is over.
        if state.kind == "ready" and not isinstance(idle := seen.longest_us(stage.run("logs", POD)), Unseen):
            (output,) = _inside(stage, _LOOK_SECONDS, pod.look_script())
            first = seen.look(output)
            if isinstance(first, Unseen):
                raise DemoError(f"the loop in pod {POD} cannot be seen: {first.reason}")
            return Begun(first, idle)
        if state.kind == "failed":
            break
        if state.kind == "no CPU yet":
            stage.run("delete", "pod", POD, "--timeout=60s")
            stage.run("create", "-f", "-", stdin=json.dumps(pod.manifest(stage)))
        time.sleep(_POLL_SECONDS)
    if state.kind == "ready":
        raise DemoError(
            f"the pod {POD} runs on node {stage.node}, but its loop has not told in {_READY_SECONDS} s what it saw "
            "alone; have the kernel's timers (ktimers) a priority below 2?"
        )
    raise DemoError(f"the pod {POD} does not run on node {stage.node}: {state.words}")


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
        _inside(stage, _LAST_LOOK_SECONDS, pod.kill_script())
        stage.run("delete", "pod", POD, "--ignore-not-found", "--timeout=110s")


def nsexec(stage: Stage, begun: Begun) -> tuple[Act, Look | Unseen]:
    """``oc nsexec``, with its proof on our stderr; and the loop as it is afterwards, before the next act."""
    began = time.monotonic()
    done = stage.program(stage.nsexec_argv(POD, MASK, "--verify"), _NSEXEC_SECONDS, show_stderr=True)
    took = time.monotonic() - began
    seconds = f"{took:.1f} s" if done else f"given up after {_NSEXEC_SECONDS} s"
    after, oslat, again = _inside(stage, _LOOK_SECONDS, pod.look_script(), pod.end_script("nsexec"), pod.look_script())
    act = Act(
        seen.mask(done.stdout) if done else seen.NONE,
        seconds,
        str(done.status) if done else seen.NONE,
        seen.loop_words(begun.look, seen.look(after)),
        _longest(oslat, begun),
        _helpers(stage),
        took,
    )
    return act, seen.look(again)


def kubectl_exec(stage: Stage, begun: Begun, before: Look | Unseen, patience: int) -> Act:
    """``kubectl exec``, given up after so many seconds. Comes last: it may hang the node as a whole.

    ``before``: the loop as it is now.
    """
    began = time.monotonic()
    done = stage.program(stage.exec_argv(POD, MASK), patience)
    took = time.monotonic() - began
    if done:
        shown = (seen.mask(done.stdout), f"{took:.1f} s", str(done.status))
    else:
        shown = ("never seen", f"given up after {patience} s", seen.NONE)
    # The end of the loop's run last of all: with it what starves goes on.
    scripts = (pod.look_script(), pod.STRAYS, pod.end_script("kubectl"))
    after, left, oslat = _inside(stage, _LAST_LOOK_SECONDS, *scripts)
    stray = left.cell() if isinstance(left, Unseen) else seen.strays(left)
    return Act(*shown, seen.loop_words(before, seen.look(after)), _longest(oslat, begun), stray, took)


def _longest(output: str | Unseen, begun: Begun) -> str:
    """The longest that the loop was kept from the clock in a run of oslat, by what that wrote."""
    found = output if isinstance(output, Unseen) else seen.longest_us(output)
    return found.cell() if isinstance(found, Unseen) else seen.longest_words(found, begun.idle_us)


def _helpers(stage: Stage) -> str:
    """The helper pods that are there."""
    try:
        return ", ".join(stage.run("get", "pods", "-n", "nsexec", "-o", "name").split()) or "nothing"
    except DemoError as error:
        return Unseen(str(error)).cell()


def _inside(stage: Stage, seconds: int, *scripts: str) -> list[str | Unseen]:
    """Stdout of each script in the pod, all by one run of the only way in that does not disturb the loop."""
    argv = stage.nsexec_argv(POD, ("sh", "-c", pod.in_turn(*scripts)), "-q", "--timeout", f"{seconds}s")
    done = stage.program(argv, seconds + _GRACE_SECONDS)
    if done is not None and done.status == 0:
        return seen.answers(done.stdout, len(scripts))
    unseen = seen.hung(seconds) if done is None else seen.why_unseen(done.status, done.stderr, seconds)
    return [unseen] * len(scripts)
