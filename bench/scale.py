"""Many pods: what 50, 500 and 5,000 of them cost the client and the API server, which is a fake and answers at once.

No cluster is asked. The cluster of the fake has five pods on a node; each node says for itself which CPUs are reserved.
"""

import os
import re
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from bench.commands import environment, nsexec, shown
from bench.errors import BenchError
from bench.results import Result, Verdict, verdict
from testbed.progress import say
from tests.program.fleet.fake_fleet import Fleet
from tests.unit.check.builders import CLASS
from tests.unit.check.cluster import CLASS_PATH, node
from tests.unit.check.test_scale import many

COUNTS: Final = (50, 500, 5000)
PODS_A_NODE: Final = 5
MOST_REQUESTS: Final = 3.0
MOST_MB: Final = 300.0
MOST_GROWTH: Final = 1.5
"""Of what a pod costs, from 500 to 5,000; the start, which weighs much with 50, is taken off."""
CHECK_REQUESTS: Final = 0.01
_NOT_REQUESTS: Final = ("enter", "let go", "look", "attach")
_TIMEOUT_SECONDS: Final = 280.0
_PEAK: Final = re.compile(r"^VmHWM:\s+(\d+) kB$", re.MULTILINE)
_ROOT: Final = Path(__file__).resolve().parent.parent
_DU: Final = ("-A", "-l", "app=du", "-q", "--", "true")


class Cost(NamedTuple):
    """Of one run: requests of the API server, streams among them; the client's CPU time, its time and its peak."""

    pods: int
    requests: int
    cpu_seconds: float
    wall_seconds: float
    peak_mb: float


def measure() -> list[Result]:
    """Run all sizes, and --check of the largest. Raises BenchError."""
    say(f"scale, a fake API server with {', '.join(f'{count:,}' for count in COUNTS)} pods: about a minute")
    return results([run_in(count) for count in COUNTS], _check(COUNTS[-1]))


def results(costs: list[Cost], check: Cost) -> list[Result]:
    """Return what the runs say: of each size requests, memory and time, how that grows, and of --check."""
    few, some, many_ = costs
    rows = []
    for cost in costs:
        title, requests = f"scale: {cost.pods:,} pods", cost.requests / cost.pods
        reached = requests <= MOST_REQUESTS
        if cost is few:  # what is asked once weighs too much with so few
            rows.append(Result(f"{title}, requests a pod", f"{requests:.2f}", "", "", "", Verdict.NONE))
        else:
            limit = f"≤ {MOST_REQUESTS:g}"
            rows.append(Result(f"{title}, requests a pod", f"{requests:.2f}", "", "", limit, verdict(reached=reached)))
        peak = verdict(reached=cost.peak_mb < MOST_MB)
        rows.append(Result(f"{title}, peak memory", f"{cost.peak_mb:.0f} MB", "", "", f"< {MOST_MB:g} MB", peak))
        times = f"{_ms(cost.cpu_seconds, cost.pods)}, wall {_ms(cost.wall_seconds, cost.pods)}"
        rows.append(Result(f"{title}, client CPU a pod", times, "", "", "", Verdict.NONE))
    rows.append(_growth("client CPU", few, some, many_, lambda cost: cost.cpu_seconds))
    rows.append(_growth("wall", few, some, many_, lambda cost: cost.wall_seconds))
    asked = check.requests / check.pods
    words = f"{check.requests} requests, {check.peak_mb:.0f} MB, {check.wall_seconds:.1f} s"
    reached = asked <= CHECK_REQUESTS and check.peak_mb < MOST_MB
    limit = f"≤ {CHECK_REQUESTS * check.pods:.0f} requests, < {MOST_MB:g} MB"
    return [*rows, Result(f"scale: --check of {check.pods:,} pods", words, "", "", limit, verdict(reached=reached))]


def _growth(what: str, few: Cost, some: Cost, many_: Cost, number: Callable[[Cost], float]) -> Result:
    """What a pod more costs among many, over what it costs among some."""
    before = (number(some) - number(few)) / (some.pods - few.pods)
    after = (number(many_) - number(some)) / (many_.pods - some.pods)
    return Result(
        f"scale: {what} of a pod more, {some.pods:,} to {many_.pods:,}",
        f"{after * 1000:.1f} ms",
        f"{few.pods:,} to {some.pods:,}: {before * 1000:.1f} ms",
        f"{after / before:.2f}",
        f"≤ {MOST_GROWTH:g}",
        verdict(reached=after <= MOST_GROWTH * before),
    )


def _ms(seconds: float, pods: int) -> str:
    return f"{seconds / pods * 1000:.1f} ms"


def run_in(pods: int) -> Cost:
    """One command in so many pods. Raises BenchError."""
    fleet = Fleet()
    try:
        for number in range(pods):
            fleet.add(f"du-{number}", f"n{number // PODS_A_NODE}", app="du")
        cost = _of(fleet, pods, nsexec("--server", fleet.url, *_DU), 0)
        if (entered := sum(each.startswith("enter ") for each in fleet.journal)) != pods:
            raise BenchError(f"{entered} of {pods} pods were entered")
        return cost
    finally:
        fleet.close()


def _check(pods: int) -> Cost:
    fleet = Fleet()
    try:
        for number in range(pods):
            made = many(number)
            fleet.pods[f"ran/{made['metadata']['name']}"] = made
            name = str(made["spec"]["nodeName"])
            fleet.nodes.setdefault(name, node(name))
        fleet.objects[CLASS_PATH] = {"metadata": {"name": CLASS}, "handler": "high-performance"}
        argv = nsexec("--check", "--server", fleet.url, "-A", "-q", "-o", "json", "--fail-on", "danger")
        return _of(fleet, pods, argv, 3)
    finally:
        fleet.close()


def _of(fleet: Fleet, pods: int, argv: list[str], wanted: int) -> Cost:
    """Run ARGV, which has to end with the status WANTED. Raises BenchError."""
    with tempfile.TemporaryFile() as words:
        began = time.monotonic()
        running = subprocess.Popen(
            argv, cwd=_ROOT, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=words
        )
        peak_kb = 0
        while True:
            peak_kb = max(peak_kb, _peak_kb(running.pid))
            pid, status, used = os.wait4(running.pid, os.WNOHANG)
            if pid:
                break
            if time.monotonic() - began > _TIMEOUT_SECONDS:
                running.kill()
                running.wait()
                raise BenchError(f"{shown(argv)}: {pods} pods took more than {_TIMEOUT_SECONDS:.0f} s")
            time.sleep(0.01)
        wall_seconds = time.monotonic() - began
        running.returncode = os.waitstatus_to_exitcode(status)
        if running.returncode != wanted:
            words.seek(0)
            said = words.read().decode(errors="replace").strip()[-500:]
            raise BenchError(f"{shown(argv)} ended with {running.returncode}: {said}")
    requests = sum(not each.startswith(_NOT_REQUESTS) for each in fleet.journal)
    streams = sum(each.startswith(("enter", "attach")) for each in fleet.journal)
    cpu_seconds = used.ru_utime + used.ru_stime
    return Cost(pods, requests + streams, cpu_seconds, wall_seconds, peak_kb / 1024)


def _peak_kb(pid: int) -> int:
    """So far (proc_pid_status(5)); 0 when it has ended. The peak that wait4(2) tells is ours too, from before exec."""
    with suppress(OSError):
        found = _PEAK.search(Path(f"/proc/{pid}/status").read_text(encoding="ascii"))
        return int(found[1]) if found else 0
    return 0
