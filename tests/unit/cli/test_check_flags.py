"""What goes with --check, and what of it with nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_nsexec.cli import validate
from kubectl_nsexec.cli.options import Options
from kubectl_nsexec.errors import UsageError
from kubectl_nsexec.model.request import CheckRequest


def ask(after: list[str] | None = None, **values: Any) -> object:  # noqa: ANN401 - as a flag has it
    """What these flags ask for."""
    return validate.request(Options(values), after, "oc nsexec", stdin_fd=0, on_terminal=False)


def test_every_flag_reaches_the_request() -> None:
    """By its own name."""
    asked = ask(
        check=True,
        selector="app=du",
        all_namespaces=True,
        node=["a", "b"],
        fail_on="latency",
        output="sarif",
        quiet=True,
    )
    assert isinstance(asked, CheckRequest)
    assert (asked.selector, asked.all_namespaces, asked.nodes) == ("app=du", True, ("a", "b"))
    assert (asked.fail_on, asked.output, asked.quiet, asked.pod, asked.manifest) == (
        "latency",
        "sarif",
        True,
        None,
        None,
    )


@pytest.mark.parametrize(
    ("values", "after", "words"),
    [
        ({"verify": True}, None, "--verify does not go with it"),
        ({"cleanup": True}, None, "--cleanup does not go with it"),
        ({}, ["ls"], "a command does not go with it"),
        ({"output": "xml"}, None, '-o: "xml" is none of json, yaml, wide, junit, sarif'),
        ({"fail_on": "info"}, None, '--fail-on: "info" is none of danger, latency, any'),
        ({"pod": ["a", "b"]}, None, "nsexec [POD] [COMMAND] is not supported"),
        ({"pod": ["a"], "selector": "x=y"}, None, "a pod and -l both say which pods"),
        ({"pod": ["a"], "all_namespaces": True}, None, "a pod and -A both say which pods"),
        ({"filename": "m.yaml", "selector": "x=y"}, None, "-f and -l both say which pods"),
        ({"filename": "m.yaml", "pod": ["a"]}, None, "a pod and -f both say which pods"),
        ({"filename": "/no/such/file"}, None, 'the path "/no/such/file" cannot be read'),
    ],
)
def test_what_does_not_go_with_it_is_refused(values: dict[str, Any], after: list[str] | None, words: str) -> None:
    """It runs nothing, and looks at one selection."""
    with pytest.raises(UsageError) as refused:
        ask(after, check=True, **values)
    assert words in refused.value.message


def test_fail_on_goes_with_nothing_else() -> None:
    """A threshold that nobody looks at would be taken for a check."""
    with pytest.raises(UsageError, match="--fail-on goes with --check"):
        ask(["true"], pod=["p"], fail_on="any")


def test_what_on_node_looks_with_is_what_a_command_takes() -> None:
    """CPUs, namespace, image and time-out of the helper pods."""
    asked = ask(check=True, on_node=True, cpus="0-1", helper_namespace="debug", image="tools", timeout="5s")
    assert isinstance(asked, CheckRequest)
    assert asked.on_node is not None
    assert (asked.on_node.cpus.cpus, asked.on_node.helper_namespace) == ("0-1", "debug")
    assert (asked.on_node.image, asked.on_node.timeout_seconds) == ("tools", 5)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"filename": "m.yaml"}, "--on-node looks at what runs, and -f names what is not deployed"),
        ({"via": "ssh"}, "--via ssh does not go with it"),
        ({"cpus": "0-1", "profile": "ran"}, "--profile"),
        ({"timeout": "x"}, "--timeout"),
    ],
)
def test_what_does_not_go_with_on_node_is_refused_in_a_sentence(values: dict[str, Any], words: str) -> None:
    """Before anything is read."""
    with pytest.raises(UsageError) as refused:
        ask(check=True, on_node=True, **values)
    assert words in refused.value.message


def test_on_node_goes_with_nothing_else() -> None:
    """A command is on its node anyway."""
    with pytest.raises(UsageError, match="--on-node goes with --check"):
        ask(["true"], pod=["p"], on_node=True)


@pytest.mark.parametrize("values", [{"gather": True}, {"field_selector": "a=b"}, {"fanout": "2"}, {"all_pods": True}])
def test_how_a_command_runs_in_many_pods_is_not_for_a_check(values: dict[str, Any]) -> None:
    """Only which pods: -l, -A and --node."""
    with pytest.raises(UsageError, match="does not go with --check"):
        ask(None, check=True, **values)
