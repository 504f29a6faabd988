"""One command in sixty pods of the node: by us, by ``xargs -P32 kubectl exec``, and by single runs of ours."""

import json
from collections.abc import Sequence
from statistics import median
from typing import Any, Final

from bench.commands import NAMESPACE, kubectl, kubectl_exec, nsexec, nsexec_in, run, timed
from bench.results import Result, ratio_of_pairs, seconds, verdict
from testbed import images
from testbed.paths import HOST_NODE, KUBECONFIG
from testbed.progress import say

TARGETS: Final = 60
AT_ONCE: Final = 32
RUNS: Final = 3
SINGLE_RUNS: Final = 6
"""So many stand for sixty."""
SINGLE_RATIO: Final = 0.25
XARGS_RATIO: Final = 2.0
_LABEL: Final = "bench=many"


def measure() -> list[Result]:
    """Make the pods, run all in turn. The pods go with the namespace. Raises BenchError."""
    say(f"one command in {TARGETS} pods, {RUNS} times each way")
    manifests = {"apiVersion": "v1", "kind": "List", "items": [_pod(f"many-{number}") for number in range(TARGETS)]}
    run(kubectl("create", "-f", "-"), json.dumps(manifests))
    run(kubectl("wait", "--for=condition=Ready", "pod", "-l", _LABEL, "--timeout=110s"))
    names = "".join(f"many-{number}\n" for number in range(TARGETS))
    timed(_ours())  # the program of the helpers is there from now on
    rounds = [(timed(_ours()), timed(_xargs(), names)) for _ in range(RUNS)]
    single = [timed(nsexec_in("true")) for _ in range(SINGLE_RUNS)]
    run(kubectl("delete", "pods", "-l", _LABEL, "--force", "--grace-period=0", "--wait=false"))
    ours, xargs = zip(*rounds, strict=True)
    return results(ours, xargs, single)


def results(ours: Sequence[float], xargs: Sequence[float], single: Sequence[float]) -> list[Result]:
    """Return the verdicts on the times (s) of so many runs: of all pods by either, and of one pod."""
    title, alone = f"many: {TARGETS} pods, --per-node {AT_ONCE}", median(single) * TARGETS
    by_xargs, by_single = ratio_of_pairs(ours, xargs), median(ours) / alone
    return [
        Result(
            title,
            seconds(ours),
            f"xargs -P{AT_ONCE} kubectl exec {seconds(xargs)}",
            f"{by_xargs:.2f}",
            f"≤ {XARGS_RATIO:g}",
            verdict(reached=by_xargs <= XARGS_RATIO),
        ),
        Result(
            title,
            seconds(ours),
            f"{TARGETS} single runs {alone:.1f} s (by {len(single)} of them)",
            f"{by_single:.2f}",
            f"≤ {SINGLE_RATIO:g}",
            verdict(reached=by_single <= SINGLE_RATIO),
        ),
    ]


def _ours() -> list[str]:
    own = (f"--kubeconfig={KUBECONFIG}", f"--namespace={NAMESPACE}", f"--helper-namespace={NAMESPACE}")
    return nsexec(*own, "-l", _LABEL, "--per-node", str(AT_ONCE), "--fanout", str(AT_ONCE), "--", "true")


def _xargs() -> list[str]:
    return ["xargs", f"-P{AT_ONCE}", "-I{}", *kubectl_exec("true", pod="{}")]


def _pod(name: str) -> dict[str, Any]:
    """Of the shared pool, so that all of them fit on the node."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": {"bench": "many"}},
        "spec": {
            "nodeName": HOST_NODE,
            "hostNetwork": True,
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 0,
            "containers": [{"name": "main", "image": images.BUSYBOX, "command": ["sleep", "1000000"]}],
        },
    }
