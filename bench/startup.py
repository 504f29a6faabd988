"""How long `oc nsexec --help` takes, warm."""

from statistics import median
from typing import Final

from bench.commands import kubectl, nsexec, run, timed
from bench.results import Result, seconds, verdict
from testbed.progress import say

RUNS: Final = 11
TARGET_SECONDS: Final = 0.35


def measure() -> list[Result]:
    """Run both in turn. Raises BenchError."""
    ours_argv, other_argv = nsexec("--help"), kubectl("version", "--client")
    say(f"start-up, {RUNS} times each")
    for argv in (ours_argv, other_argv):
        run(argv)
    pairs = [(timed(ours_argv), timed(other_argv)) for _ in range(RUNS)]
    ours, other = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    return [
        Result(
            "start-up: --help",
            seconds(ours),
            f"kubectl version --client {seconds(other)}",
            f"{median(ours) / median(other):.2f}",
            f"≤ {TARGET_SECONDS:g} s",
            verdict(reached=median(ours) <= TARGET_SECONDS),
        )
    ]
