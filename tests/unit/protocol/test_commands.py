"""The agent's command lines, and its failures as errors."""

from __future__ import annotations

import pytest

from kubectl_nsexec.errors import AgentError, CpuPolicyError, NsexecError, PlacementError, TargetError
from kubectl_nsexec.model.cpuset import CpuSet
from kubectl_nsexec.model.messages import AgentFailure
from kubectl_nsexec.model.privileges import Privileges, User
from kubectl_nsexec.protocol.commands import (
    FailureContext,
    alone_command,
    enter_words,
    go_line,
    hold_words,
    place_line,
    to_error,
)
from kubectl_nsexec.target.container_choice import Target

NONCE = "0123456789abcdef"
RESERVED = CpuSet.parse("0-1,4")


def target(*, shares_host_pid: bool = False) -> Target:
    """A container of a static pod."""
    return Target(
        "ran", "p", "uid-of-mirror", "uid-of-cgroup", "n1", "a", "3f1c", "containerd", "i", shares_host_pid, "", None
    )


def test_the_words_of_the_main_process() -> None:
    """Each is an argument of its own."""
    assert hold_words(NONCE, RESERVED, 59.2) == ["hold", NONCE, "0-1,4", "60"]


def test_a_sessions_words() -> None:
    """They name the target by the UID in its cgroup path and its container ID."""
    words = enter_words(NONCE, RESERVED, "k3x9a", target())
    assert words == ["enter", NONCE, "0-1,4", "k3x9a", "uid-of-cgroup", "3f1c", "0", "first", "container"]
    assert enter_words(NONCE, RESERVED, "k3x9a", target(shares_host_pid=True))[-3] == "1"
    assert enter_words(NONCE, RESERVED, "k3x9a", target(), again=True) == [*words, "again"]


@pytest.mark.parametrize(
    ("privileges", "words"),
    [
        (Privileges(), ["first", "container"]),
        (Privileges(privileged=True, user=User(1)), ["first", "container"]),
        (Privileges(process=7), ["pid:7", "container"]),
        (Privileges(process="7"), ["name:7", "container"]),
        (Privileges(process="first", host_tools=True), ["name:first", "node"]),
    ],
)
def test_what_is_asked_of_the_agent_beyond_the_usual(privileges: Privileges, words: list[str]) -> None:
    """A name is never taken for a number or for a word of ours; who the command is, is not the agent's affair."""
    assert enter_words(NONCE, RESERVED, "k3x9a", target(), privileges)[-2:] == words


@pytest.mark.parametrize("session_id", ["", "abcd", "a" * 21, "ABCDE", "../../x", "a b c"])
def test_a_session_id_that_is_no_folder_name_is_refused(session_id: str) -> None:
    """It becomes a folder on the node."""
    with pytest.raises(ValueError, match="session's ID"):
        enter_words(NONCE, RESERVED, session_id, target())


def test_a_main_process_that_is_to_ask_for_its_cpus() -> None:
    """A word in place of the list, and the list in a line of its own later."""
    assert hold_words(NONCE, None, 60) == ["hold", NONCE, "ask", "60"]
    assert place_line(RESERVED) == b"place 0-1,4\n"
    with pytest.raises(ValueError, match="reserved set is empty"):
        place_line(CpuSet())


def test_values_outside_the_protocol_are_refused() -> None:
    """Nonce, set and sizes are checked where the command line is built."""
    with pytest.raises(ValueError, match="nonce"):
        hold_words("a b", RESERVED, 60)
    with pytest.raises(ValueError, match="reserved set is empty"):
        hold_words(NONCE, CpuSet(), 60)
    with pytest.raises(ValueError, match="size"):
        alone_command(NONCE, RESERVED, "k3x9a", target(), Privileges(), agent_bytes=1, shim=b"")


def test_the_line_that_lets_the_agent_go_on() -> None:
    """It says how many bytes of identity follow."""
    assert go_line(512) == b"go 512\n"


@pytest.mark.parametrize(
    ("code", "kind", "status", "words"),
    [
        ("placement", PlacementError, 125, "0-1,4 (--cpus)"),
        ("overlap", CpuPolicyError, 125, "0-1,4 (--cpus)"),
        ("no-target", TargetError, 1, "oc get pod p"),
        ("process", AgentError, 125, "--process PID"),
        ("host-namespace", TargetError, 1, "oc debug node/n1"),
        ("user-namespace", TargetError, 1, "use oc exec"),
        ("shim", AgentError, 125, "node n1"),
        ("identity", AgentError, 125, "use oc exec"),
        ("node", AgentError, 125, "--image"),
        ("from-the-future", AgentError, 125, "nothing was started"),
    ],
)
def test_a_refusal_says_where_why_and_what_next(code: str, kind: type[NsexecError], status: int, words: str) -> None:
    """Each code has its class, keeps its name for scripts, and gives the next step."""
    context = FailureContext(pod="p", container="a", node="n1", reserved=RESERVED, source="--cpus")
    error = to_error(AgentFailure(code, "it is {so}."), context)
    assert type(error) is kind
    assert (error.code, error.exit_status) == (code, status)
    assert error.message.startswith("container a of pod p on node n1: it is {so}; nothing was started")
    assert words in error.message


def test_a_list_stays_the_last_word() -> None:
    """The processes that a name may mean follow the sentence and the advice."""
    context = FailureContext(pod="p", container="a", node="n1", reserved=RESERVED, source="--cpus")
    error = to_error(AgentFailure("process", "more than one is called 'x'\n  7  x  x -1\n  8  x  x -2"), context)
    assert error.message.splitlines() == [
        (
            "container a of pod p on node n1: more than one is called 'x'; nothing was started. "
            "Next: name one of these by its number: --process PID"
        ),
        "  7  x  x -1",
        "  8  x  x -2",
    ]
