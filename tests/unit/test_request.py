"""How a command line becomes a request, and which ones are refused before anything is asked."""

from __future__ import annotations

import pytest

from kubectl_nsexec.errors import UsageError
from kubectl_nsexec.request import Request, check, pod_name, split_at_dashes


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
        (["pod/"], "pod, type/name or --filename must be specified"),
        (["p", "ls"], "nsexec [POD] [COMMAND] is not supported. Use nsexec [POD] -- [COMMAND] instead"),
        (["deploy/web"], '"deploy/web": only a pod can be named so far, as NAME or pod/NAME'),
        (["../nodes"], '"../nodes": only a pod can be named so far, as NAME or pod/NAME'),
        (["a b"], '"a b" is not the name of a pod (lower-case letters, digits, "-" and ".")'),
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


def test_verify_needs_no_command() -> None:
    """``--verify`` alone checks and prints the proof."""
    check(Request(pod="p", command=(), verify=True))
