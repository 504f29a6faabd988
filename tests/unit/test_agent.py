"""The talk with the agent: command lines out, events in."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from kubectl_nsexec.agent import FailureContext, enter_command, go_line, hold_command, parse_event, to_error
from kubectl_nsexec.asked import Powers, User
from kubectl_nsexec.cpuset import CpuSet
from kubectl_nsexec.errors import AgentError, CpuPolicyError, NsexecError, PlacementError, TargetError
from kubectl_nsexec.results import AgentFailure, Held, Started, TargetFacts
from kubectl_nsexec.target import Target

NONCE = "0123456789abcdef"
SUM = "ab" * 32
RESERVED = CpuSet.parse("0-1,4")
BLOBS = ("spec", "status", "environ", "limits", "cwd", "root", "cpu_manager_state")
TARGET_EVENT: dict[str, Any] = {
    "event": "target",
    "pid": 4711,
    "inner": 7,
    "capabilities": "000001ffffffffff",
    "entry_mask": "0-1",
    "mask": "0",
    "target_mask": "2",
    "online": "0-3",
    "pin": "folder",
    "cgroup": "v2",
} | {name: base64.b64encode(name.encode() + b"\0\xff").decode() for name in BLOBS}


def target(*, shares_host_pid: bool = False) -> Target:
    """A container of a static pod."""
    return Target(
        "ran", "p", "uid-of-mirror", "uid-of-cgroup", "n1", "a", "3f1c", "containerd", "i", shares_host_pid, "", None
    )


def line(event: Any, nonce: str = NONCE) -> bytes:  # noqa: ANN401 - JSON
    """A line as the agent prints it."""
    return f"{nonce} {json.dumps(event)}\n".encode()


def test_the_main_process_command() -> None:
    """The agent's text comes from the environment, and its arguments are words of their own."""
    assert hold_command(NONCE, RESERVED, 20480, SUM) == [
        "/usr/bin/sh",
        "-c",
        'eval "$NSEXEC_AGENT"',
        "nsexec-agent",
        "hold",
        NONCE,
        "0-1,4",
        "20480",
        SUM,
    ]


def test_a_sessions_command() -> None:
    """It names the target by the UID in its cgroup path and its container ID; the shell can be the image's."""
    command = enter_command(NONCE, RESERVED, "k3x9a", target(), shell="/bin/sh")  # noqa: S604 - the shell's path
    assert command[0] == "/bin/sh"
    assert command[3:] == [
        "nsexec-agent",
        "enter",
        NONCE,
        "0-1,4",
        "k3x9a",
        "uid-of-cgroup",
        "3f1c",
        "0",
        "first",
        "container",
    ]
    assert enter_command(NONCE, RESERVED, "k3x9a", target(shares_host_pid=True))[-3] == "1"


@pytest.mark.parametrize(
    ("powers", "words"),
    [
        (Powers(), ["first", "container"]),
        (Powers(privileged=True, user=User(1)), ["first", "container"]),
        (Powers(process=7), ["pid:7", "container"]),
        (Powers(process="7"), ["name:7", "container"]),
        (Powers(process="first", host_tools=True), ["name:first", "node"]),
    ],
)
def test_what_is_asked_of_the_agent_beyond_the_usual(powers: Powers, words: list[str]) -> None:
    """A name is never taken for a number or for a word of ours; who the command is, is not the agent's affair."""
    assert enter_command(NONCE, RESERVED, "k3x9a", target(), powers)[-2:] == words


@pytest.mark.parametrize("session_id", ["", "abcd", "a" * 21, "ABCDE", "../../x", "a b c"])
def test_a_session_id_that_is_no_folder_name_is_refused(session_id: str) -> None:
    """It becomes a folder on the node."""
    with pytest.raises(ValueError, match="session's ID"):
        enter_command(NONCE, RESERVED, session_id, target())


def test_values_outside_the_protocol_are_refused() -> None:
    """Nonce, set and sum are checked where the command line is built."""
    with pytest.raises(ValueError, match="nonce"):
        hold_command("a b", RESERVED, 1, SUM)
    with pytest.raises(ValueError, match="reserved set is empty"):
        hold_command(NONCE, CpuSet(), 1, SUM)
    with pytest.raises(ValueError, match="SHA-256"):
        hold_command(NONCE, RESERVED, 1, "AB" * 32)
    with pytest.raises(ValueError, match="size"):
        hold_command(NONCE, RESERVED, 0, SUM)


def test_the_line_that_lets_the_agent_go_on() -> None:
    """It says how many bytes of identity follow."""
    assert go_line(512) == b"go 512\n"


def test_held() -> None:
    """The main process is in its place."""
    event = parse_event(line({"event": "held", "mask": "0-1\n", "cgroup": "v1", "pin": "folder"}), NONCE)
    assert event == Held(CpuSet.of(0, 1), "v1", "folder")


def test_target_facts() -> None:
    """Masks become sets, and files are bytes whatever is in them."""
    event = parse_event(line(TARGET_EVENT), NONCE)
    assert isinstance(event, TargetFacts)
    assert (event.pid, event.entry_mask, event.mask) == (4711, CpuSet.of(0, 1), CpuSet.of(0))
    assert (event.inner_pid, event.capabilities) == (7, 2**41 - 1)
    assert (event.target_mask, event.online) == (CpuSet.of(2), CpuSet.parse("0-3"))
    assert (event.pin, event.cgroup) == ("folder", "v2")
    assert [getattr(event, name) for name in BLOBS] == [name.encode() + b"\0\xff" for name in BLOBS]


def test_a_file_that_could_not_be_read_is_empty() -> None:
    """The agent sends an empty string for it."""
    event = parse_event(line(TARGET_EVENT | {"spec": ""}), NONCE)
    assert isinstance(event, TargetFacts)
    assert event.spec == b""


def test_start_and_error() -> None:
    """The command is next; or it will never be. A missing newline does not matter."""
    assert parse_event(line({"event": "start", "pid": 12, "mask": "0", "tty": "helper"}).strip(), NONCE) == Started(
        12, CpuSet.of(0), "helper"
    )
    failure = parse_event(line({"event": "error", "code": "overlap", "message": "no."}), NONCE)
    assert failure == AgentFailure("overlap", "no.")


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\n",
        b"hello\n",
        b"\xff\xfe",
        NONCE.encode(),
        NONCE.encode() + b'{"event":"start"}',
        b" " + line({"event": "start", "pid": 1, "mask": "0"}),
        line({"event": "start", "pid": 1, "mask": "0"}, "fedcba9876543210"),
    ],
)
def test_lines_without_our_nonce_are_not_ours(text: bytes) -> None:
    """The command's own output, or somebody who imitates the agent without knowing the nonce."""
    assert parse_event(text, NONCE) is None


@pytest.mark.parametrize(
    "event",
    [
        [],
        "start",
        None,
        {},
        {"event": "surprise"},
        {"event": ["start"]},
        {"event": "start", "pid": 1},
        {"event": "start", "pid": "1", "mask": "0"},
        {"event": "start", "pid": True, "mask": "0"},
        {"event": "start", "pid": 0, "mask": "0"},
        {"event": "start", "pid": 1, "mask": 0},
        {"event": "start", "pid": 1, "mask": "0-"},
        {"event": "held", "mask": "0", "cgroup": "v2"},
        {"event": "error", "code": "x"},
        {"event": "error", "code": 1, "message": "x"},
        TARGET_EVENT | {"inner": 0},
        TARGET_EVENT | {"capabilities": ""},
        TARGET_EVENT | {"spec": "not base64!"},
        TARGET_EVENT | {"spec": "QQ"},
        TARGET_EVENT | {"spec": "äöü="},
        TARGET_EVENT | {"spec": None},
    ],
)
def test_a_line_with_our_nonce_must_be_an_event(event: Any) -> None:  # noqa: ANN401 - broken JSON
    """Half an event is never taken for a whole one."""
    with pytest.raises(AgentError, match="not an event"):
        parse_event(line(event), NONCE)


@pytest.mark.parametrize("tail", [b"", b"{", b"{}{}", b"\xff", b'{"event":"start","pid":1,"mask":"0"} x'])
def test_a_torn_line_is_no_event(tail: bytes) -> None:
    """Text that is not JSON, or not UTF-8, behind our nonce."""
    with pytest.raises(AgentError):
        parse_event(NONCE.encode() + b" " + tail, NONCE)


@pytest.mark.parametrize(
    ("code", "kind", "status", "words"),
    [
        ("placement", PlacementError, 125, "0-1,4 (--cpus)"),
        ("overlap", CpuPolicyError, 125, "0-1,4 (--cpus)"),
        ("no-target", TargetError, 1, "oc get pod p"),
        ("process", AgentError, 125, "--process PID"),
        ("host-namespace", TargetError, 1, "oc debug node/n1"),
        ("user-namespace", TargetError, 1, "use oc exec"),
        ("last-link", AgentError, 125, "node n1"),
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
