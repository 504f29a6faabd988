"""A whole `oc nsexec POD -- true`: cold against the least that it has to do, and in a helper that is kept."""

from collections.abc import Mapping
from statistics import median
from typing import Any, Final

import yaml

from bench.commands import KEEP, KEEP_NO_MORE, kubectl, kubectl_exec, nsexec_in, run, timed
from bench.results import Result, ratio_of_pairs, seconds, verdict
from testbed.progress import say

RUNS: Final = 7
WARM_RUNS: Final = 15
TARGET_RATIO: Final = 1.3
WARM_RATIO: Final = 4.0
_NAME: Final = "floor"
# Of the image, which is the target's: it idles as cheaply as a program can, and ends at once when it is told to.
_IDLE: Final = ("sleep", "3600")


def measure() -> tuple[list[Result], str]:
    """Run both in turn; return the result and a line about the floor's steps. Raises BenchError."""
    _ours()  # the namespace and the program of the helpers are there from now on
    manifest = floor_manifest(yaml.safe_load(run(nsexec_in("true", options=("--dry-run=client", "-o", "yaml")))))
    text = yaml.safe_dump(manifest)
    say(f"cold run against the floor, {RUNS} times each")
    _floor(text)
    rounds = [(_ours(), _floor(text)) for _ in range(RUNS)]
    ours = [mine for mine, _ in rounds]
    steps = [theirs for _, theirs in rounds]
    floor = [sum(times.values()) for times in steps]
    parts = ", ".join(f"{step} {median(times[step] for times in steps):.2f}" for step in steps[0])
    result = Result(
        "cold: POD -- true",
        seconds(ours),
        f"floor {seconds(floor)}",
        f"{median(ours) / median(floor):.2f}",
        f"≤ {TARGET_RATIO:g}",
        verdict(reached=median(ours) <= TARGET_RATIO * median(floor)),
    )
    return [result, _warm()], f"the floor's steps, in s: {parts}"


def _warm() -> Result:
    """Run the command in a helper that is kept, and `kubectl exec`, in turn; leave no helper. Raises BenchError."""
    say(f"warm run against kubectl exec, {WARM_RUNS} times each")
    try:
        timed(nsexec_in("true", options=KEEP))
        rounds = [(timed(nsexec_in("true", options=KEEP)), timed(kubectl_exec("true"))) for _ in range(WARM_RUNS)]
    finally:
        run(nsexec_in("true", options=KEEP_NO_MORE))
    ours, theirs = zip(*rounds, strict=True)
    ratio = ratio_of_pairs(ours, theirs)
    return Result(
        "warm: --keep, POD -- true",
        seconds(ours),
        f"`kubectl exec` {seconds(theirs)}",
        f"{ratio:.2f}",
        f"≤ {WARM_RATIO:g}",
        verdict(reached=ratio <= WARM_RATIO),
    )


def floor_manifest(helper: dict[str, Any]) -> dict[str, Any]:
    """Return the helper pod so changed that it idles by itself: another name, another command, nothing else."""
    (container,) = helper["spec"]["containers"]
    idle = {**container, "command": list(_IDLE)}
    return {
        **helper,
        "metadata": {**helper["metadata"], "name": _NAME},
        "spec": {**helper["spec"], "containers": [idle]},
    }


def _ours() -> float:
    return timed(nsexec_in("true"))


def _floor(manifest: str) -> Mapping[str, float]:
    """Return how long each step takes (s). Deleting does not wait for the node, and neither do we."""
    created = timed(kubectl("create", "-f", "-"), manifest)
    try:
        ready = timed(kubectl("wait", "--for=condition=Ready", f"pod/{_NAME}", "--timeout=60s"))
        executed = timed(kubectl("exec", _NAME, "--", "true"))
    finally:
        deleted = timed(kubectl("delete", "pod", _NAME, "--force", "--grace-period=0", "--wait=false"))
    return {"create": created, "Ready": ready, "exec": executed, "delete": deleted}
