"""The agent's lines: which are events, and what is in them."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from kubectl_nsexec.errors import AgentError
from kubectl_nsexec.model.cpuset import CpuSet
from kubectl_nsexec.model.messages import (
    AgentFailure,
    Claims,
    FolderCpus,
    Held,
    NodeFile,
    NodeFiles,
    NodeLook,
    Started,
    TargetFacts,
)
from kubectl_nsexec.protocol.events import parse_event

NONCE = "0123456789abcdef"
BLOBS = (
    "spec",
    "crun_filter",
    "label",
    "devices_list",
    "status",
    "environ",
    "limits",
    "cwd",
    "root",
    "cpu_manager_state",
)
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
    "crun": True,
    "kubelet_flags": base64.b64encode(b"kubelet\0--v=2").decode(),
    "files": [
        {"of": "crio", "path": "/etc/crio/x", "data": base64.b64encode(b"a = 1").decode()},
        {"of": "pinning", "path": "/p", "data": None},
    ],
    "claims": [{"cpus": "2", "path": "/kubepods/pod1/c"}],
    "cores": ["0,2", "1,3"],
    "pool": "0-1",
    "isolated": "2-3",
    "nohz_full": "",
    "partitions": None,
} | {name: base64.b64encode(name.encode() + b"\0\xff").decode() for name in BLOBS}


def line(event: Any, nonce: str = NONCE) -> bytes:  # noqa: ANN401 - JSON
    """A line as the agent prints it."""
    return f"{nonce} {json.dumps(event)}\n".encode()


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
    assert (event.pin, event.cgroup, event.crun) == ("folder", "v2", True)
    assert [getattr(event, name) for name in BLOBS] == [name.encode() + b"\0\xff" for name in BLOBS]


def test_what_the_node_says_about_its_cpus() -> None:
    """Its files as they are, what is allowed to whom; one that cannot be read is not the same as none."""
    sources = NodeFiles((NodeFile("crio", "/etc/crio/x", b"a = 1"), NodeFile("pinning", "/p", None)), b"kubelet\0--v=2")
    event = parse_event(line(TARGET_EVENT), NONCE)
    assert isinstance(event, TargetFacts)
    claims = Claims(
        isolated=CpuSet.of(2, 3),
        nohz_full=CpuSet(),
        folders=(FolderCpus(CpuSet.of(2), "/kubepods/pod1/c"),),
        cores=(CpuSet.of(0, 2), CpuSet.of(1, 3)),
        pool=CpuSet.of(0, 1),
    )
    assert (event.sources, event.claims) == (sources, claims)
    assert parse_event(line({**TARGET_EVENT, "event": "node"}), NONCE) == NodeLook(
        CpuSet.of(0), CpuSet.parse("0-3"), b"cpu_manager_state\0\xff", sources, claims
    )


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
        TARGET_EVENT | {"files": None},
        TARGET_EVENT | {"files": [{"of": "crio", "path": "/x"}]},
        TARGET_EVENT | {"files": [{"of": "crio", "path": 1, "data": ""}]},
        TARGET_EVENT | {"kubelet_flags": None},
        TARGET_EVENT | {"isolated": "2-"},
        TARGET_EVENT | {"isolated": 2},
        TARGET_EVENT | {"claims": [{"cpus": "2"}]},
        TARGET_EVENT | {"claims": [{"cpus": "x", "path": "/"}]},
        TARGET_EVENT | {"cores": [2]},
        TARGET_EVENT | {"pool": None},
        {key: value for key, value in TARGET_EVENT.items() if key != "nohz_full"},
        {"event": "node", "mask": "0"},
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
