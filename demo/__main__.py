"""``make demo``: both runs side by side, on a real real-time node."""

from __future__ import annotations

import sys
import time

from tabulate import tabulate

from demo import acts, seen
from demo.boundary import status_of
from demo.cluster import stage
from demo.pod import POD
from testbed.progress import say

_ROWS = ("CPU mask of the command", "time", "exit code", "the loop", "its longest gap (oslat)", "left behind")


def play() -> int:
    """Plays both acts, prints the table, and ends with one line; the exit status. Raises DemoError, ClusterError."""
    began = time.monotonic()
    place = stage()
    say(f"a Guaranteed pod on {place.node}: oslat, a busy loop at SCHED_FIFO 1 on an isolated CPU, alone at first")
    with acts.loop(place) as begun:
        say(f"oc nsexec {POD} --verify -- {' '.join(acts.MASK)}")
        ours, looked = acts.nsexec(place, begun)
        patience = acts.patience_seconds(ours.took_seconds)
        say(f"kubectl exec {POD} -- {' '.join(acts.MASK)}   (given up after {patience} s)")
        plain = acts.kubectl_exec(place, begun, looked, patience)
        print("\n" + table(plain, ours), end="\n\n", flush=True)
    if reason := not_shown(ours):
        say(f"demo: {reason}; see above")
        return 1
    say(
        f"shown in {time.monotonic() - began:.0f} s: beside a real-time loop oc nsexec answers on the reserved CPUs "
        f"{ours.mask} in {ours.seconds}, where kubectl exec {told(plain)}"
    )
    return 0


def table(plain: acts.Act, ours: acts.Act) -> str:
    """Both acts side by side."""
    rows = zip(_ROWS, plain.cells(), ours.cells(), strict=True)
    return tabulate(rows, headers=("", "kubectl exec", "oc nsexec"), tablefmt="simple", disable_numparse=True)


def not_shown(ours: acts.Act) -> str:
    """Why the demo has not shown what it is to show; "" when it has."""
    if ours.exit_code != "0":
        return "oc nsexec did not succeed"
    if ours.mask == seen.NONE:
        return "oc nsexec did not print the command's CPUs"
    return "" if ours.loop.startswith("had ") else "what the loop noticed of oc nsexec was not measured"


def told(plain: acts.Act) -> str:
    """What kubectl exec did, as the end of a sentence: it starves, or a fair server makes the loop wait for it."""
    if plain.exit_code == seen.NONE:
        return f"was {plain.seconds}"
    took = f"took {plain.seconds}"
    if plain.mask == seen.NONE or not plain.loop.startswith("had "):
        return took
    return f"{took} on the loop's own CPU {plain.mask}, and the loop {plain.loop}"


if __name__ == "__main__":
    sys.exit(status_of("demo", play))
