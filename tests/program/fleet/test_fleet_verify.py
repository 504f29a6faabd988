"""``--verify`` of many pods: a row a target, and what plain ``oc exec`` would have done there."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from tests.program.fleet.runs import DU, TRUE, lines, made, pods
from tests.program.test_verify import DANGER

if TYPE_CHECKING:
    from tests.program.fleet.fake_fleet import Fleet


def rows(text: bytes) -> list[list[str]]:
    """The cells of a table, without those above it."""
    every = [re.split(r" {2,}", line) for line in text.decode().splitlines()]
    return every[next(number for number, row in enumerate(every) if row[0] == "NAMESPACE") :]


HEADING = [
    "NAMESPACE", "POD", "CONTAINER", "NODE", "RESERVED CPUS", "TARGET'S MASK", "EXCLUSIVE CPUS", "CMD'S MASK",
    "VERDICT", "PLAIN EXEC",
]  # fmt: skip


def test_without_a_command_the_table_is_all(fleet: Fleet) -> None:
    """A row for each, also where it could not be verified; nothing is recorded, by one helper pod a node."""
    pods(fleet, 3).refused["du-1"] = "no cgroup folder of container c-du-1"
    done = fleet.run(*DU, "--verify")
    verified = ["0-1", "2", "none", "0-1", "Apart", f"not safe: {DANGER}"]
    assert rows(done.stdout) == [
        HEADING,
        ["ran", "du-0", "main", "n0", *verified],
        ["ran", "du-1", "main", "n1", "-", "-", "-", "-", "not started", "-"],
        ["ran", "du-2", "main", "n0", *verified],
    ]
    assert done.returncode == 125
    assert b"[no-target]" in done.stderr
    assert (made(fleet), fleet.journal.count("POST events")) == (2, 0)


def test_with_a_command_it_is_on_stderr(fleet: Fleet) -> None:
    """Stdout is the commands'."""
    done = pods(fleet, 2).run(*DU, "--verify", *TRUE)
    assert (done.returncode, lines(done)) == (0, ["ran/du-0: from du-0", "ran/du-1: from du-1"])
    assert [row[1] for row in rows(done.stderr)[:3]] == ["POD", "du-0", "du-1"]


def test_scripts_have_each_proof(fleet: Fleet) -> None:
    """Whole; without --verify nobody looked at what lives there."""
    done = pods(fleet, 2).run(*DU, "--verify", "-o", "json")
    assert done.returncode == 0, done.stderr
    *targets, summary = map(json.loads, done.stdout.splitlines())
    assert [each["proof"]["plainExec"]["message"] for each in targets] == [DANGER, DANGER]
    assert summary["ok"] == 2
    *targets, _ = map(json.loads, fleet.run(*DU, "-o", "json", *TRUE).stdout.splitlines())
    assert [each["proof"]["plainExec"] for each in targets] == [None, None]


def test_the_release_of_the_nodes_cri_o_counts(fleet: Fleet) -> None:
    """1.34.2 leaves the affinity of config.json to the runtime; 1.35 does not."""
    pods(fleet, 2).affinity = '"execCPUAffinity":{"initial":"2","final":"2"}'
    for node, release in (("n0", "1.34.2"), ("n1", "1.35.0")):
        fleet.nodes[node]["status"]["nodeInfo"]["containerRuntimeVersion"] = f"cri-o://{release}"
    plain = [row[-1] for row in rows(fleet.run(*DU, "--verify").stdout)[1:]]
    unless = "; under cri-o 1.34.2 it may fail with EINVAL or slip to its others"
    assert plain == [
        f'not safe: would land on CPU 2 (its first exclusive{words}): SCHED_FIFO 1 "loop" lives there'
        for words in (unless, "")
    ]
