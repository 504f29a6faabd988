"""Many pods at once from end to end: what a client asks of the API server, says and ends with."""

from __future__ import annotations

import json
import threading
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.unit.fleet.fake_fleet import Command, Fleet, exits, ready, says_its_name

if TYPE_CHECKING:
    import subprocess

_DU = ("-l", "app=du", "-n", "ran")
_TRUE = ("--", "true")
_WAIT_SECONDS = 30.0


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


def made(fleet: Fleet) -> int:
    """How many helper pods have been made since the run began, all of which are gone."""
    assert fleet.live == {}
    counts = Counter(fleet.journal)
    assert counts["POST pods"] == counts["DELETE pod"] == counts["attach"] == counts["let go"]
    return counts["POST pods"]


def test_the_command_runs_in_each_by_one_helper_pod_a_node(fleet: Fleet) -> None:
    """Whose lease is the client's; nothing is left, and each has an Event."""
    done = pods(fleet, 6).run(*_DU, *_TRUE)
    assert (done.returncode, lines(done)) == (0, [f"ran/du-{n}: from du-{n}" for n in range(6)])
    assert made(fleet) == 2
    counts = Counter(fleet.journal)
    assert (counts["POST events"], sum(counts[f"enter du-{n}"] for n in range(6))) == (6, 6)
    assert {each["spec"]["nodeName"] for each in fleet.helpers} == {"n0", "n1"}


def test_a_helper_says_for_whom_it_is(fleet: Fleet) -> None:
    """For its first target, and how many more there are."""
    pods(fleet, 3, nodes=1).run(*_DU, *_TRUE)
    annotations = fleet.helpers[0]["metadata"]["annotations"]
    assert annotations["nsexec.io/target"] == "ran/du-0/main and 2 more"
    assert annotations["nsexec.io/user"] == "joe"


def test_what_is_the_same_for_many_is_asked_once(fleet: Fleet) -> None:
    """The node for each node, the rights for each namespace; for each pod no more than an exec and an Event."""

    def asked(count: int) -> Counter[str]:
        pods(fleet, count, nodes=1).run(*_DU, *_TRUE)
        return Counter(each for each in fleet.journal if not each.startswith("enter"))

    few, many = asked(2), asked(9)
    assert many - few == Counter({"POST events": 7})
    assert few - many == Counter()


@pytest.mark.parametrize(("status", "expected"), [(0, 0), (3, 3)])
def test_the_largest_status_is_ours(fleet: Fleet, status: int, expected: int) -> None:
    """The others' commands run all the same."""
    pods(fleet, 4).scripts["du-2"] = exits(status)
    done = fleet.run(*_DU, *_TRUE)
    assert (done.returncode, len(lines(done))) == (expected, 3)


def test_a_container_that_is_gone_when_we_come_is_reported(fleet: Fleet) -> None:
    """Its pod ended, moved or was restarted meanwhile: the agent finds no such container."""
    pods(fleet, 4).refused["du-1"] = "no cgroup folder of container c-du-1"
    done = fleet.run(*_DU, "-o", "json", *_TRUE)
    assert (done.returncode, [*causes(done)]) == (125, ["du-1"])
    assert "no cgroup folder of container c-du-1; nothing was started" in causes(done)["du-1"]
    assert made(fleet) == 2


def test_none_is_an_error(fleet: Fleet) -> None:
    """And nothing is created."""
    fleet.add("du-0", "n0", phase="Pending", app="du")
    done = fleet.run(*_DU, *_TRUE)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr == b'error: no running pod matches -l app=du in the namespace "ran" (left out: 1 Pending)\n'
    assert made(fleet) == 0


def test_a_pod_without_that_container_counts_as_not_run(fleet: Fleet) -> None:
    """The others are entered."""
    pods(fleet, 2).add("du-9", "n0", app="du")["spec"]["containers"][0]["name"] = "other"
    done = fleet.run(*_DU, "-c", "main", *_TRUE)
    assert (done.returncode, lines(done)) == (125, ["ran/du-0: from du-0", "ran/du-1: from du-1"])
    assert b"the pod has no container main" in done.stderr


def broken(fleet: Fleet) -> Fleet:
    """The same with two more pods on a node that is not ready."""
    for name in ("du-8", "du-9"):
        fleet.add(name, "lost", app="du")
    fleet.nodes["lost"]["status"]["conditions"] = [
        {"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown"}
    ]
    return fleet


def test_one_that_is_not_safe_stops_all_before_anything_is_created(fleet: Fleet) -> None:
    """It is named, and how many more there are."""
    done = broken(pods(fleet, 2)).run(*_DU, *_TRUE)
    assert (done.returncode, done.stdout, made(fleet)) == (125, b"", 0)
    words = done.stderr.decode()
    assert words.startswith("error: ran/du-8: node lost is not ready (NodeStatusUnknown: none)")
    assert "(1 more pod cannot be entered safely); nothing was created; --skip-unsafe goes on without" in words
    assert not [each for each in fleet.journal if each in ("POST pods", "POST configmaps")]


def test_such_are_left_alone_and_reported_when_asked_for(fleet: Fleet) -> None:
    """The rest goes on."""
    done = broken(pods(fleet, 2)).run(*_DU, "--skip-unsafe", "-o", "json", *_TRUE)
    assert (done.returncode, made(fleet)) == (125, 2)
    words = "node lost is not ready (NodeStatusUnknown: none); no helper pod can be started there"
    assert causes(done) == {"du-8": words, "du-9": words}


def test_a_runtime_with_a_kernel_of_its_own_is_not_safe(fleet: Fleet) -> None:
    """As in a single run."""
    pods(fleet, 2).pods["ran/du-1"]["spec"]["runtimeClassName"] = "kata"
    done = fleet.run(*_DU, *_TRUE)
    assert (done.returncode, made(fleet)) == (1, 0)
    assert done.stderr.decode().startswith("error: ran/du-1: pod du-1 runs under the runtime class")


def test_who_may_not_exec_into_them_creates_nothing(fleet: Fleet) -> None:
    """The right is named, and what grants it."""
    pods(fleet, 2).denied.add(("create", "pods/exec"))
    done = fleet.run(*_DU, *_TRUE)
    assert (done.returncode, made(fleet)) == (1, 0)
    assert b"create  pods/exec  namespace ran\n" in done.stderr


def test_a_dry_run_lists_them_and_creates_nothing(fleet: Fleet) -> None:
    """As a table for people."""
    pods(fleet, 2).add("du-9", "n0", app="du")["spec"]["containers"][0]["name"] = "other"
    done = fleet.run(*_DU, "--dry-run=client", "-c", "main", *_TRUE)
    assert done.returncode == 0
    assert [line.split(maxsplit=5) for line in done.stdout.decode().splitlines()] == [
        ["NAMESPACE", "POD", "CONTAINER", "NODE", "CPUS", "SOURCE"],
        ["ran", "du-0", "main", "n0", "0-1", "--cpus"],
        ["ran", "du-1", "main", "n1", "0-1", "--cpus"],
        ["ran", "du-9", "main", "n0", "not", "run: the pod has no container main"],
    ]
    assert not [each for each in fleet.journal if each in ("POST pods", "POST configmaps")]


def test_a_dry_run_for_scripts(fleet: Fleet) -> None:
    """Versioned, with the same names."""
    done = pods(fleet, 1).run(*_DU, "--dry-run=client", "-o", "json", *_TRUE)
    place = {"namespace": "ran", "pod": "du-0", "container": "main", "node": "n0", "cpus": "0-1", "source": "--cpus"}
    assert json.loads(done.stdout) == {"version": 1, "targets": [{**place, "notRun": ""}]}


@pytest.mark.parametrize(
    ("flags", "at_once"), [((), 2), (("--per-node", "2"), 4), (("--fanout", "3", "--per-node", "4"), 3)]
)
def test_so_many_at_once(fleet: Fleet, flags: tuple[str, ...], at_once: int) -> None:
    """All that may run at once do: each waits for the others."""
    together = threading.Barrier(at_once)

    def meets(_: Command) -> int:
        together.wait(_WAIT_SECONDS)
        return 0

    count = at_once * 2
    pods(fleet, count).scripts = {f"du-{number}": meets for number in range(count)}
    done = fleet.run(*_DU, *flags, *_TRUE)
    assert (done.returncode, fleet.most_at_once) == (0, at_once)


def test_one_after_the_other(fleet: Fleet) -> None:
    """With --fanout 1, and one helper pod at a time."""
    done = pods(fleet, 4).run(*_DU, "--fanout", "1", "--per-node", "9", *_TRUE)
    assert (done.returncode, fleet.most_at_once, made(fleet)) == (0, 1, 2)
    order = [
        each for each in fleet.journal if each in ("POST pods", "DELETE pod", "attach") or each.startswith("enter")
    ]
    assert [each for each in order if each.startswith("enter")] == [f"enter du-{n}" for n in (0, 2, 1, 3)]


@pytest.mark.parametrize(
    ("flags", "runs"), [(("--fail-fast",), 1), (("--max-fail", "2"), 3), (("--max-fail", "50%"), 4)]
)
def test_more_than_so_many_failures_start_no_more(fleet: Fleet, flags: tuple[str, ...], runs: int) -> None:
    """Those that were not started are reported as such."""
    pods(fleet, 6, nodes=1).scripts = {f"du-{number}": exits(2) for number in range(6)}
    done = fleet.run(*_DU, "-o", "json", *flags, *_TRUE)
    assert done.returncode == 125
    assert len([each for each in fleet.journal if each.startswith("enter")]) == runs
    most, number = runs - 1, f"{runs} failure{'s' if runs > 1 else ''}"
    assert causes(done) == {f"du-{n}": f"not started after {number} (--max-fail {most})" for n in range(runs, 6)}
    assert made(fleet) == 1


def test_what_runs_then_ends_by_itself(fleet: Fleet) -> None:
    """It is not cut short by the failure of another."""

    def waits(command: Command) -> int:
        command.fleet.one_gone.wait(_WAIT_SECONDS)  # the helper of the other, for nothing more is to start on its node
        return says_its_name(command)

    pods(fleet, 4).scripts = {"du-0": waits, "du-1": exits(1)}
    done = fleet.run(*_DU, "--fail-fast", *_TRUE)
    assert lines(done) == ["ran/du-0: from du-0"]


def test_a_helper_that_ends_in_mid_run_takes_only_its_own_targets_along(fleet: Fleet) -> None:
    """Those that ran and those that were to run; the others go on."""

    def is_evicted(command: Command) -> int:
        command.write(b"last words\n")
        command.fleet.end_helper(command.helper)
        return 137

    pods(fleet, 6).scripts["du-0"] = is_evicted
    done = fleet.run(*_DU, "-o", "json", *_TRUE)
    assert done.returncode == 125
    ended = "the helper pod ended before the command did (evicted, deleted, or the node went away)"
    never = "the helper pod on node n0 has ended; nothing was started"
    assert causes(done) == {"du-0": ended, "du-2": never, "du-4": never}
    outputs = [(json.loads(line).get("pod"), json.loads(line).get("stdout")) for line in done.stdout.splitlines()]
    assert ("du-0", "last words\n") in outputs
    assert fleet.live == {}


def test_a_helper_that_cannot_be_made_is_its_nodes_trouble(fleet: Fleet) -> None:
    """Each of its targets is told why, and it is not tried for each anew."""
    fleet.refuse_helpers_on = "n0"
    done = pods(fleet, 6).run(*_DU, "-o", "json", *_TRUE)
    assert (done.returncode, causes(done)) == (125, {f"du-{n}": "no room" for n in (0, 2, 4)})
    assert made(fleet) == 1


def test_the_time_of_a_command_is_limited(fleet: Fleet) -> None:
    """By the node's clock; 124 then, unless something was not run at all."""
    pods(fleet, 2).scripts["du-0"] = exits(124)
    done = fleet.run(*_DU, "--max-duration", "1ms", "-o", "json", *_TRUE)
    assert (done.returncode, causes(done)) == (124, {"du-0": "ended after 0.001s (--max-duration)"})


def until_we_are_gone(command: Command) -> int:
    """One that runs on until its client goes away."""
    command.write(b"begun\n")
    command.stdin()
    return 0


def test_the_time_of_all_is_limited(fleet: Fleet) -> None:
    """What has not ended by then is ended and reported, what was not started as well."""
    pods(fleet, 4).scripts = {f"du-{number}": until_we_are_gone for number in (0, 2)}
    done = fleet.run(*_DU, "--deadline", "2s", "-o", "json", *_TRUE)
    assert done.returncode == 125
    assert causes(done) == {f"du-{number}": "ended after 2s (--deadline)" for number in (0, 2)}
    assert fleet.live == {}


_LINE = "0123456789" * 10


def echoes(command: Command) -> int:
    """Gives back its stdin."""
    command.write(command.stdin())
    return 0


@pytest.mark.parametrize("count", [0, 1, 30_000])
def test_stdin_is_given_to_each(fleet: Fleet, count: int) -> None:
    """All of it, though one does not read any."""
    pods(fleet, 4).scripts = {"du-0": says_its_name, **{f"du-{number}": echoes for number in (1, 2, 3)}}
    done = fleet.run(*_DU, "-i", "--per-node", "2", "--", "cat", stdin=f"{_LINE}\n".encode() * count)
    assert done.returncode == 0
    given = {f"ran/du-{n}: {_LINE}": count for n in (1, 2, 3)}
    assert Counter(lines(done)) == Counter({"ran/du-0: from du-0": 1, **given})


def test_without_i_there_is_none(fleet: Fleet) -> None:
    """As in a single run."""
    pods(fleet, 1).scripts["du-0"] = lambda command: len(command.given)
    assert fleet.run(*_DU, *_TRUE, stdin=b"abc").returncode == 0


@pytest.mark.parametrize(("nodes", "lists"), [(20, 0), (21, 1)])
def test_many_nodes_are_read_in_a_list(fleet: Fleet, nodes: int, lists: int) -> None:
    """Few of them one by one."""
    done = pods(fleet, nodes, nodes=nodes).run(*_DU, "--dry-run=client", *_TRUE)
    assert done.returncode == 0
    asked = [each for each in fleet.journal if each.startswith("GET /api/v1/nodes")]
    assert asked.count("GET /api/v1/nodes") == lists
    assert len(asked) == (lists or nodes)


def test_nodes_that_may_not_be_listed_are_read_one_by_one(fleet: Fleet) -> None:
    """The right to get them is all that a single run takes."""
    fleet.forbidden.add("/api/v1/nodes")
    done = pods(fleet, 21, nodes=21).run(*_DU, "--dry-run=client", *_TRUE)
    assert done.returncode == 0
    assert len([each for each in fleet.journal if each.startswith("GET /api/v1/nodes/")]) == 21


def test_a_list_of_nodes_that_is_much_longer_is_read_no_further(fleet: Fleet) -> None:
    """Those that are not in it are read one by one."""
    pods(fleet, 21, nodes=21)
    others = {f"other-{number}": ready(f"other-{number}") for number in range(1200)}
    fleet.nodes = {**others, **fleet.nodes}
    assert fleet.run(*_DU, "--dry-run=client", *_TRUE).returncode == 0
    asked = [each for each in fleet.journal if each.startswith("GET /api/v1/nodes")]
    assert (asked.count("GET /api/v1/nodes"), len(asked)) == (1, 22)


def test_who_may_not_list_them_is_told_what_is_missing(fleet: Fleet) -> None:
    """In all namespaces, for -A."""
    fleet.forbidden.add("/api/v1/pods")
    fleet.denied.add(("list", "pods"))
    done = pods(fleet, 2).run("-l", "app=du", "-A", *_TRUE)
    assert done.returncode == 1
    assert b"list  pods  the cluster\n" in done.stderr
    assert made(fleet) == 0


def test_a_node_that_is_gone_is_its_pods_trouble(fleet: Fleet) -> None:
    """As one that is not ready."""
    del pods(fleet, 4).nodes["n1"]
    done = fleet.run(*_DU, "--skip-unsafe", "-o", "json", *_TRUE)
    assert (done.returncode, [*causes(done)]) == (125, ["du-1", "du-3"])


def test_where_only_the_node_knows_its_cpus_it_is_asked_once(fleet: Fleet) -> None:
    """By its helper pod, for all targets there."""
    fleet.by_hand = False
    done = pods(fleet, 4).run(*_DU, "-o", "json", *_TRUE)
    assert done.returncode == 0, done.stderr
    targets = [json.loads(line) for line in done.stdout.splitlines()][:-1]
    assert {(each["cpus"], each["source"]) for each in targets} == {("0-1", "/etc/crio/x, infra_ctr_cpuset")}
    assert fleet.journal.count("look") == made(fleet) == 2


def test_what_a_helper_pod_cannot_tell_costs_its_nodes_targets(fleet: Fleet) -> None:
    """The others go on."""
    fleet.by_hand = False
    fleet.clueless = "n0"
    done = pods(fleet, 4).run(*_DU, "-o", "json", *_TRUE)
    assert (done.returncode, [*causes(done)]) == (125, ["du-0", "du-2"])
    assert made(fleet) == 2


def test_without_quiet_what_was_left_out_is_said_and_with_it_not(fleet: Fleet) -> None:
    """Only the commands' own output, then."""
    pods(fleet, 1).add("du-7", "n0", phase="Pending", app="du")
    assert b"left out: 1 Pending\n" in fleet.run(*_DU, *_TRUE).stderr
    assert fleet.run(*_DU, "-q", *_TRUE).stderr == b""


def test_all_pods_of_an_object(fleet: Fleet) -> None:
    """By its selector."""
    fleet.objects["/apis/apps/v1/namespaces/ran/daemonsets/du"] = {"spec": {"selector": {"matchLabels": {"app": "du"}}}}
    done = pods(fleet, 3).run("-n", "ran", "ds/du", "--all-pods", *_TRUE)
    assert (done.returncode, len(lines(done))) == (0, 3)


def test_a_folder_that_cannot_be_written_to_is_told_before_anything_runs(fleet: Fleet) -> None:
    """Nothing runs for nothing."""
    done = pods(fleet, 2).run(*_DU, "--output-dir", "/dev/null/outputs", *_TRUE)
    assert done.returncode in (1, 125)
    assert done.stderr.startswith(b"error: ")
    assert made(fleet) == 0
