"""How a command line becomes a request, and which ones are refused before anything is asked."""

from __future__ import annotations

import pytest

from kubectl_nsexec.errors import UsageError
from kubectl_nsexec.model.privileges import Privileges
from kubectl_nsexec.model.request import (
    NO_TERMINAL,
    ClusterOptions,
    Request,
    as_shell,
    check,
    pod_name,
    pod_of_manifest,
    settle_tty,
    split_at_dashes,
)


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["p", "--", "ls", "-t"], (["p"], ["ls", "-t"])),
        (
            ["p", "-c", "a", "--", "sh", "-c", "a -- b", "--", "x"],
            (["p", "-c", "a"], ["sh", "-c", "a -- b", "--", "x"]),
        ),
        (["p", "--"], (["p"], [])),
        (["p", "ls"], (["p", "ls"], None)),
        ([], ([], None)),
    ],
)
def test_everything_after_the_first_dashes_is_the_commands(
    argv: list[str], expected: tuple[list[str], list[str] | None]
) -> None:
    """Only the first ``--`` is ours; the option parser never sees what follows."""
    assert split_at_dashes(argv) == expected


@pytest.mark.parametrize("given", ["du-0", "pod/du-0", "pods/du-0", "po/du-0", "Pod/du-0"])
def test_a_pod_is_named_as_kubectl_names_it(given: str) -> None:
    """NAME and pod/NAME mean the same."""
    assert pod_name([given], "oc nsexec") == "du-0"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "pod, type/name or --filename must be specified"),
        ([""], "pod, type/name or --filename must be specified"),
        (["pod/"], "arguments in resource/name form must have a single resource and name"),
        (["p", "ls"], "nsexec [POD] [COMMAND] is not supported. Use nsexec [POD] -- [COMMAND] instead"),
        (["a/b/c"], "arguments in resource/name form may not have more than one slash"),
        (
            ["cm/x"],
            (
                'cannot attach to "cm": a pod is named by itself or through a deployment, statefulset, daemonset, '
                "replicaset, replicationcontroller, job, service or deploymentconfig"
            ),
        ),
        (["a b"], '"a b" is not the name of a pod or another object (lower-case letters, digits, "-" and ".")'),
        (["deploy/a b"], '"a b" is not the name of a pod or another object (lower-case letters, digits, "-" and ".")'),
    ],
)
def test_a_pod_that_cannot_be_meant_is_refused_in_kubectls_words(given: list[str], message: str) -> None:
    """The sentence says what was given and what is taken."""
    with pytest.raises(UsageError) as refused:
        pod_name(given, "oc nsexec")
    assert refused.value.message == message


@pytest.mark.parametrize("command", [(), (b"",), (b"echo", b"a\0b")])
def test_a_command_that_cannot_run_is_refused(command: tuple[bytes, ...]) -> None:
    """No command, an empty name and a NUL byte end before the cluster is asked."""
    with pytest.raises(UsageError):
        check(Request(pod="p", command=command))


def test_powers_that_contradict_each_other_are_refused() -> None:
    """Before the cluster is asked."""
    with pytest.raises(UsageError, match="--privileged and --host-tools"):
        check(Request(pod="p", command=(b"id",), privileges=Privileges(privileged=True, host_tools=True)))


def test_verify_needs_no_command() -> None:
    """``--verify`` alone checks and prints the proof."""
    check(Request(pod="p", command=(), verify=True))


def test_a_manifest_names_the_pod_and_its_namespace() -> None:
    """--filename stands for TYPE/NAME; -n may only repeat the manifest's namespace."""
    text = "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: ran}}"
    assert pod_of_manifest(text, "f", [], None, "oc nsexec") == ("deployments.apps/web", "ran")
    assert pod_of_manifest(text, "f", [], "ran", "oc nsexec") == ("deployments.apps/web", "ran")
    with pytest.raises(UsageError, match="does not match the namespace"):
        pod_of_manifest(text, "f", [], "other", "oc nsexec")
    with pytest.raises(UsageError, match="is not supported"):
        pod_of_manifest(text, "f", ["p"], None, "oc nsexec")


def test_a_token_is_not_in_what_is_printed() -> None:
    """A request may end up in a traceback."""
    assert "s3cret" not in repr(Request(pod="p", command=(), connection=ClusterOptions(token="s3cret")))


@pytest.mark.parametrize(
    ("stdin", "tty", "terminal", "given", "remarks"),
    [
        (True, True, True, True, []),
        (True, True, False, False, [NO_TERMINAL]),
        (False, True, True, False, []),
        (False, True, False, False, []),
        (True, False, True, False, []),
    ],
)
def test_a_terminal_is_given_where_it_can_be_had(
    *, stdin: bool, tty: bool, terminal: bool, given: bool, remarks: list[str]
) -> None:
    """-t counts only with -i; without a terminal of the user's it goes on without one, in kubectl's words."""
    said: list[str] = []
    wanted = Request(pod="p", command=(b"sh",), stdin=stdin, tty=tty)
    assert settle_tty(wanted, said.append, terminal=terminal).tty is given
    assert said == remarks


@pytest.mark.parametrize(("term", "expected"), [("screen", "screen"), ("", "xterm")])
def test_no_command_is_a_shell_with_stdin(term: str, expected: str) -> None:
    """As oc rsh: the user's own TERM, or xterm."""
    shell = as_shell(Request(pod="p", command=()), b"/bin/sh", term)
    assert (shell.command, shell.stdin, shell.term) == ((b"/bin/sh",), True, expected)
