"""What the demo's programs printed, read: pure functions that say so when something was not measured."""

from __future__ import annotations

import re
from typing import Any, Literal, NamedTuple

from testbed import oslat

Json = dict[str, Any]

NONE = "none"
NO_LOOP_STATUS = 3
"""Of the look's script when it has waited for the loop in vain."""
STATUS = r"\n== %s\n"
"""What follows on the output of each of several scripts, as printf(1) has it: how that one ended."""

_LOOK = re.compile(r"(\d+) (\d+) (\d+(?:\.\d+)?) (\d+(?:\.\d+)?)\n?")
_STATUS = re.compile(STATUS % r"(\d+)")
_MASK = re.compile(r"^Cpus_allowed_list:\s*([0-9][0-9,-]*)\s*$", re.MULTILINE)
_APART_SECONDS = 0.25
"""What may lie between the two readings of the clock; a busy emulated node takes a third of a second for a file."""
_MOST = 1.1
"""A share of its CPU above this is no rounding."""
_CELL_CHARACTERS = 60
_HUNG = re.compile(r"did not (run|start the command) within|did not open the stream in time")
_NO_CPU_YET = "UnexpectedAdmissionError"
"""What a kubelet says for a moment also after the pod that had the CPU is gone."""


class Look(NamedTuple):
    """The loop's seconds on its CPU (field 1 of its thread's schedstat, sched-stats.rst), and the node's clock."""

    pid: int
    had_seconds: float
    clock_seconds: float


class Unseen(NamedTuple):
    """Nothing was measured, and why."""

    reason: str

    def cell(self) -> str:
        """For the table."""
        return f"not measured: {short(self.reason)}"


class PodState(NamedTuple):
    """How far a pod is; ``no CPU yet``: it has failed, and another one would not, in a moment."""

    kind: Literal["ready", "no CPU yet", "failed", "waiting"]
    words: str = ""
    """The node's own."""


def look(output: str | Unseen) -> Look | Unseen:
    """``PID NANOSECONDS CLOCK CLOCK``, the clock before and after the nanoseconds were read."""
    if isinstance(output, Unseen):
        return output
    words = _LOOK.fullmatch(output)
    if not words:
        return Unseen("the loop's numbers could not be read")
    before, after = float(words[3]), float(words[4])
    if not 0 <= after - before <= _APART_SECONDS:
        return Unseen("the node was too busy to read two files at once")
    return Look(int(words[1]), int(words[2]) / 1e9, (before + after) / 2)


def loop_words(before: Look | Unseen, after: Look | Unseen) -> str:
    """How much of its CPU the loop had between two looks."""
    if isinstance(before, Unseen):
        return before.cell()
    if isinstance(after, Unseen):
        return after.cell()
    if before.pid != after.pid:
        return Unseen("the loop began anew").cell()
    passed, had = after.clock_seconds - before.clock_seconds, after.had_seconds - before.had_seconds
    if passed <= 0 or not 0 <= had / passed <= _MOST:
        return Unseen(f"the loop had {had:.2f} s of {passed:.2f} s").cell()
    return f"had its CPU {min(had / passed, 1):.1%} of the time"


def longest_us(output: str) -> int | Unseen:
    """Of what oslat wrote, the longest time between two looks at the clock."""
    try:
        return oslat.parse(output).longest_us
    except ValueError:
        return Unseen("what oslat saw could not be read")


def longest_words(longest: int, idle: int) -> str:
    """Both in µs: beside the act, and when nothing ran beside the loop: an emulated CPU has long ones of its own."""
    return f"{longest / 1e3:.1f} ms (idle: {idle / 1e3:.1f} ms)"


def mask(output: str) -> str:
    """The CPUs of a line of /proc/PID/status; NONE where there is no such line."""
    found = _MASK.search(output)
    return found[1] if found else NONE


def strays(output: str) -> str:
    """The processes that a given-up command left: their names, one a line, and at the end ``.``."""
    *names, end = output.splitlines() or [""]
    if end != ".":
        return Unseen("the list of processes is not whole").cell()
    return f"{len(names)} starving: {', '.join(sorted(set(names)))}" if names else "nothing"


def hung(seconds: int) -> Unseen:
    """Of a look that nothing came of."""
    return Unseen(f"the node started nothing within {seconds} s")


def answers(output: str, count: int) -> list[str | Unseen]:
    """What each of ``count`` scripts printed that ran one after the other."""
    *told, _ = _STATUS.split(output)
    found = [_answer(text, int(status)) for text, status in zip(told[::2], told[1::2], strict=True)]
    return [*found, *[Unseen("the look ended on its way")] * (count - len(found))]


def _answer(output: str, status: int) -> str | Unseen:
    if status == NO_LOOP_STATUS:
        return Unseen("there is no loop at SCHED_FIFO")
    return Unseen(f"the look ended with status {status}") if status else output


def why_unseen(status: int, stderr: str, seconds: int) -> Unseen:
    """Of looks that ended so as a whole; they had as many ``seconds``."""
    if _HUNG.search(stderr):
        return hung(seconds)
    return Unseen(_first_line(stderr) or f"the look ended with status {status}")


def pod_state(pod: Json) -> PodState:
    """How far the pod is, by the API server's record of it."""
    status = pod.get("status") or {}
    conditions = status.get("conditions") or []
    if any(each.get("type") == "Ready" and each.get("status") == "True" for each in conditions):
        return PodState("ready")
    states = [each.get("state") or {} for each in status.get("containerStatuses") or []]
    details = [detail for state in states for detail in state.values() if isinstance(detail, dict)]
    words = [status.get("reason"), status.get("message")]
    words += [word for detail in details for word in (detail.get("reason"), detail.get("message"))]
    told = ": ".join(str(word) for word in words if word)
    if status.get("phase") in ("Failed", "Succeeded"):
        return PodState("no CPU yet" if status.get("reason") == _NO_CPU_YET else "failed", told or "it has ended")
    return PodState("waiting", told or "its node has not taken it up")


def short(text: str) -> str:
    """The first line, cut to what a cell of the table can take."""
    line = _first_line(text)
    return line if len(line) <= _CELL_CHARACTERS else line[: _CELL_CHARACTERS - 1] + "…"


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "").removeprefix("error: ")
