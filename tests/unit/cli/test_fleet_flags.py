"""The flags of many pods at once: what they ask for, and every mistake, before anything is asked of a cluster."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_nsexec.cli import validate
from kubectl_nsexec.cli.flags import GROUPS
from kubectl_nsexec.cli.options import Options, long_flag
from kubectl_nsexec.errors import UsageError
from kubectl_nsexec.model.fleet import Amount, Fleet, ShowOptions
from kubectl_nsexec.model.request import Request


def asked(after: list[str] | None = ["true"], **values: Any) -> Request:  # noqa: ANN401, B006 - as a flag has it; not changed
    """The request of a line with these flags."""
    made = validate.request(Options(values), after, "oc nsexec", stdin_fd=0, on_terminal=True)
    assert isinstance(made, Request)
    return made


@pytest.mark.parametrize(
    ("values", "fleet"),
    [
        ({"selector": "app=du"}, Fleet(selector="app=du")),
        ({"field_selector": "status.podIP=10.0.0.1"}, Fleet(field_selector="status.podIP=10.0.0.1")),
        ({"all_namespaces": True}, Fleet(all_namespaces=True)),
        ({"node": ["n1", "n2"]}, Fleet(nodes=("n1", "n2"))),
        ({"selector": "a", "exclude": ["ran/*-0"], "pick": "3"}, Fleet("a", exclude=("ran/*-0",), pick=Amount(3))),
        ({"selector": "a", "container": ["x", "y", "x"]}, Fleet("a", containers=("x", "y"))),
        ({"selector": "a", "pick": "10%"}, Fleet("a", pick=Amount(10, percent=True))),
        ({"selector": "a", "fanout": "1", "per_node": "4"}, Fleet("a", fanout=1, per_node=4)),
        ({"selector": "a", "max_fail": "0"}, Fleet("a", max_fail=Amount(0))),
        ({"selector": "a", "fail_fast": True}, Fleet("a", max_fail=Amount(0))),
        ({"selector": "a", "deadline": "1m30s"}, Fleet("a", deadline_seconds=90)),
        ({"selector": "a", "skip_unsafe": True, "yes": True}, Fleet("a", skip_unsafe=True, yes=True)),
        ({"selector": "a", "gather": True, "diff": True}, Fleet("a", shown=ShowOptions("gather", diff=True))),
        ({"selector": "a", "group": True, "keep_order": True}, Fleet("a", shown=ShowOptions("group", keep_order=True))),
        ({"selector": "a", "output": "json", "base64": True}, Fleet("a", shown=ShowOptions("json", base64=True))),
        (
            {"selector": "a", "output_dir": "d", "color": "never"},
            Fleet("a", shown=ShowOptions(output_dir="d", color="never")),
        ),
        ({"selector": "a", "output": "json", "dry_run": "client"}, Fleet("a")),
        ({"selector": "a", "output": "yaml", "dry_run": "client"}, Fleet("a")),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)
def test_what_a_line_asks_for(values: dict[str, Any], fleet: Fleet) -> None:
    """Of many pods; none is named."""
    request = asked(**values)
    assert (request.fleet, request.pod) == (fleet, "")


def test_all_pods_of_an_object() -> None:
    """It is named as kubectl names it."""
    request = asked(pod=["deploy/du"], all_pods=True)
    assert (request.fleet, request.pod) == (Fleet(all_pods=True), "deployments.apps/du")


@pytest.mark.parametrize("kind", ["pod", "ssh", "local"])
def test_they_are_reached_by_whatever_way(kind: str) -> None:
    """As one is."""
    assert asked(selector="a", via=kind).via.kind == kind


def test_one_pod_is_no_fleet() -> None:
    """As ever; of several containers the last one counts there, as for kubectl."""
    one = asked(pod=["du-0"], container=["a", "b"])
    assert (one.fleet, one.container) == (None, "b")


def test_a_helper_that_is_kept_by_the_environment_is_no_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever set NSEXEC_KEEP meant single runs."""
    monkeypatch.setenv("NSEXEC_KEEP", "10m")
    assert asked(selector="a", keep="10m").keep_seconds is None


_MANY = "-l, --field-selector, -A, --node or TYPE/NAME --all-pods"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"selector": " "}, "-l: the selector is empty; leave it out to mean every pod"),
        ({"field_selector": ""}, "--field-selector: the selector is empty; leave it out to mean every pod"),
        ({"node": [""]}, "--node: takes the name of one node, and may be repeated"),
        ({"node": ["a,b"]}, "--node: takes the name of one node, and may be repeated"),
        ({"all_namespaces": True, "namespace": "ran"}, "you may not specify -A and -n together: -A means every"),
        ({"selector": "a", "filename": "f"}, "you may not specify -f with many pods: a manifest names one"),
        (
            {"selector": "a", "pod": ["du-0"]},
            '"du-0" names one pod, and --selector asks for many; TYPE/NAME --all-pods',
        ),
        ({"all_pods": True}, "--all-pods goes with one TYPE/NAME: all pods of that object"),
        ({"all_pods": True, "pod": ["ds/a", "ds/b"]}, "--all-pods goes with one TYPE/NAME: all pods of that object"),
        ({"all_pods": True, "pod": ["du-0"]}, '--all-pods goes with TYPE/NAME, and "du-0" is one pod'),
        ({"all_pods": True, "pod": ["cm/x"]}, 'cannot attach to "cm": a pod is named by itself or through'),
        ({"all_pods": True, "pod": ["ds/a"], "selector": "x"}, "you may not specify -l and --all-pods together"),
        ({"all_pods": True, "pod": ["ds/a"], "all_namespaces": True}, "you may not specify -A and --all-pods together"),
        ({"selector": "a", "tty": True, "stdin": True}, "-t: a terminal is for one pod; with many pods leave it out"),
        ({"selector": "a", "keep": "5m"}, "--keep is for one pod; with many pods what leads to a node is there for as"),
        ({"selector": "a", "exclude": ["du-0"]}, '--exclude: "du-0" is not NAMESPACE/POD; * and ? stand for any'),
        ({"selector": "a", "exclude": ["a/b/c"]}, '--exclude: "a/b/c" is not NAMESPACE/POD; * and ? stand for any'),
        ({"selector": "a", "pick": "some"}, '--pick: "some" is neither a number nor a percentage such as 10%'),
        ({"selector": "a", "pick": "0"}, "--pick: must be at least 1, not 0"),
        ({"selector": "a", "pick": "101%"}, "--pick: 101% is more than all"),
        ({"selector": "a", "max_fail": "-1"}, '--max-fail: "-1" is neither a number nor a percentage such as 10%'),
        ({"selector": "a", "max_fail": "1", "fail_fast": True}, "you may not specify --fail-fast and --max-fail toge"),
        ({"selector": "a", "fanout": "0"}, "--fanout: must be at least 1, not 0"),
        ({"selector": "a", "per_node": "x"}, '--per-node: "x" is not a number'),
        ({"selector": "a", "deadline": "soon"}, '--deadline: "soon" is not a duration; write it like 90s or 1m30s'),
        ({"selector": "a", "gather": True, "group": True}, "--gather, --group and -o json are different ways to show"),
        ({"selector": "a", "gather": True, "output": "json"}, "--gather, --group and -o json are different ways"),
        ({"selector": "a", "diff": True}, "--diff goes with --gather"),
        ({"selector": "a", "gather": True, "keep_order": True}, "--keep-order goes with --group"),
        ({"selector": "a", "base64": True}, "--base64 goes with -o json"),
        ({"selector": "a", "output": "yaml"}, "-o yaml goes with --dry-run=client; what many pods say is shown by"),
        ({"selector": "a", "output": "wide"}, '-o: "wide" is neither json nor yaml'),
        ({"selector": "a", "color": "red"}, '--color: "red" is neither auto, always nor never'),
        ({"selector": "a", "output_dir": ""}, "--output-dir: the name is empty"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)
def test_a_mistake_is_a_sentence(values: dict[str, Any], words: str) -> None:
    """Of what does not go together, and of values that are none."""
    with pytest.raises(UsageError) as refused:
        asked(**values)
    assert refused.value.message.startswith(words)


WHICH: dict[str, Any] = {
    "selector": "a",
    "field_selector": "a=b",
    "all_namespaces": True,
    "node": ["n"],
    "all_pods": True,
}
HOW: dict[str, Any] = {
    "exclude": ["a/b"],
    "pick": "1",
    "skip_unsafe": True,
    "yes": True,
    "fanout": "4",
    "per_node": "2",
    "deadline": "1m",
    "max_fail": "1",
    "fail_fast": True,
    "gather": True,
    "diff": True,
    "group": True,
    "keep_order": True,
    "output_dir": "d",
    "color": "auto",
    "base64": True,
}


def test_each_flag_of_many_pods_has_its_rows_here() -> None:
    """One that is added and forgotten shows."""
    assert {*WHICH, *HOW} == {*GROUPS["Many pods at once"]}


@pytest.mark.parametrize("name", HOW)
def test_with_one_pod_it_is_a_mistake(name: str) -> None:
    """The flags that ask for many are named."""
    with pytest.raises(UsageError) as refused:
        asked(pod=["ds/p"], **{name: HOW[name]})
    assert refused.value.message == f"{long_flag(name)} goes with many pods: {_MANY}"


@pytest.mark.parametrize("name", [*WHICH, *HOW])
def test_it_does_not_go_with_cleanup(name: str) -> None:
    """Nor with --check, but for what says which pods."""
    for verb in ("cleanup", "check"):
        if verb == "check" and name in {"selector", "all_namespaces", "node"}:
            continue
        with pytest.raises(UsageError) as refused:
            asked(None, **{verb: True, name: {**WHICH, **HOW}[name]})
        words = "is about pods to run a command in: it does not go with"
        assert refused.value.message == f"{long_flag(name)} {words} --{verb}"


@pytest.mark.parametrize("dry_run", ["none", "client"])
@pytest.mark.parametrize("name", WHICH)
def test_many_pods_without_a_command_lack_one(name: str, dry_run: str) -> None:
    """Nobody asked for a shell: said is which flag means many, that the command is missing, and what to write."""
    pod = ["ds/a"] if name == "all_pods" else []
    with pytest.raises(UsageError) as refused:
        asked(None, pod=pod, dry_run=dry_run, **{name: WHICH[name]})
    words = f"{long_flag(name)} means many pods, and there is no command for them: give it after --"
    assert refused.value.message.startswith(words)


def test_dashes_with_nothing_behind_them_are_told_in_kubectls_words() -> None:
    """As of one pod."""
    with pytest.raises(UsageError, match="^you must specify at least one command for the container$"):
        asked([], selector="app=du")


def test_to_verify_takes_no_command() -> None:
    """As of one pod."""
    request = asked(None, selector="app=du", verify=True, output="json")
    assert (request.command, request.verify) == ((), True)


@pytest.mark.parametrize("flags", [{"gather": True}, {"group": True}, {"output_dir": "d"}], ids=" ".join)
def test_without_a_command_there_is_no_output(flags: dict[str, Any]) -> None:
    """To gather, say; with one there is."""
    assert asked(selector="a", verify=True, **flags).verify
    with pytest.raises(UsageError, match=f"^{long_flag(*flags)} is about what a command prints, and --verify alone"):
        asked(None, selector="a", verify=True, **flags)


@pytest.mark.parametrize(
    ("amount", "whole", "at_least", "at_most"),
    [
        (Amount(3), 10, 3, 3),
        (Amount(25, percent=True), 10, 3, 2),
        (Amount(1, percent=True), 10, 1, 0),
        (Amount(100, percent=True), 7, 7, 7),
        (Amount(0, percent=True), 7, 0, 0),
    ],
)
def test_a_percentage_of_a_whole(amount: Amount, whole: int, at_least: int, at_most: int) -> None:
    """A sample is rounded up, what may fail is rounded down."""
    assert (amount.at_least(whole), amount.at_most(whole)) == (at_least, at_most)
