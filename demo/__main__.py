"""``make demo``: both runs side by side, on a real real-time node."""

from __future__ import annotations

import sys
import time
from dataclasses import astuple

from tabulate import tabulate

from demo import acts
from demo.cluster import DemoError, stage
from testbed.progress import say

_ROWS = ("CPU mask of the command", "time", "exit code", "the loop", "left behind")


def main() -> int:
    """Plays both acts, prints the table, and ends with one line."""
    began = time.monotonic()
    try:
        place = stage()
        say(f"a Guaranteed pod on {place.node}: a busy loop at SCHED_FIFO 1 on an isolated CPU")
        with acts.loop(place):
            say(f"oc nsexec {acts.POD} --verify -- {' '.join(acts.MASK)}")
            ours = acts.nsexec(place)
            say(f"kubectl exec {acts.POD} -- {' '.join(acts.MASK)}   (given up after {acts.PATIENCE_SECONDS} s)")
            plain = acts.kubectl_exec(place)
    except DemoError as error:
        say(f"demo: {error}")
        return 1
    table = zip(_ROWS, astuple(plain), astuple(ours), strict=True)
    print("\n" + tabulate(table, headers=("", "kubectl exec", "oc nsexec"), tablefmt="simple"), end="\n\n")
    if ours.exit_code != "0":
        say("demo: oc nsexec did not succeed; see above")
        return 1
    say(
        f"shown in {time.monotonic() - began:.0f} s: beside a real-time loop oc nsexec answers on the reserved CPUs "
        f"{ours.mask} in {ours.seconds}, where kubectl exec was {plain.seconds}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
