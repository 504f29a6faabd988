"""Runs of many pods, as tests look at them."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Final

from kubectl_nsexec.cli.error_pages import PAGES

if TYPE_CHECKING:
    import subprocess

    from tests.program.fleet.fake_fleet import Fleet

DU: Final = ("-l", "app=du", "-n", "ran")
TRUE: Final = ("--", "true")
WAIT_SECONDS: Final = 30.0


def pods(fleet: Fleet, count: int, nodes: int = 2) -> Fleet:
    """The same with so many pods, in turn on so many nodes."""
    for number in range(count):
        fleet.add(f"du-{number}", f"n{number % nodes}", app="du")
    return fleet


def lines(done: subprocess.CompletedProcess[bytes]) -> list[str]:
    """Of stdout, sorted: which pod is first is chance."""
    return sorted(done.stdout.decode().splitlines())


def causes(done: subprocess.CompletedProcess[bytes]) -> dict[str, str]:
    """Of a run with -o json: pod → why its command was not run, or was ended; only of those that have one."""
    *targets, _ = map(json.loads, done.stdout.splitlines())
    return {each["pod"]: each["cause"] for each in targets if each["cause"]}


def codes(done: subprocess.CompletedProcess[bytes]) -> dict[str, str]:
    """As ``causes``: the code of each, which is one that ``--explain`` knows."""
    *targets, _ = map(json.loads, done.stdout.splitlines())
    found = {each["pod"]: each["code"] for each in targets if each["cause"] or each["code"]}
    assert PAGES.keys() >= {*found.values()}
    return found


def made(fleet: Fleet) -> int:
    """How many helper pods have been made since the run began, all of which are gone."""
    assert fleet.live == {}
    counts = Counter(fleet.journal)
    assert counts["POST pods"] == counts["DELETE pod"] == counts["attach"] == counts["let go"]
    return counts["POST pods"]
