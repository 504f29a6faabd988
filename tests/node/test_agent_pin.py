"""Where the agent puts itself before it looks at anything, and when it refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.node.fake_node import HELPER_UID, NONCE, TARGET_ID, TARGET_UID, FakeNode, Layout, events, look

if TYPE_CHECKING:
    from pathlib import Path

PLACED = """/bin/mkdir "$@" && cp "$NSEXEC_PROC/self/placed" "$NSEXEC_PROC/self/status" """
"""The kernel's part: once the session's folder is made and joined, our mask is another."""


@pytest.fixture(params=["v1", "v2"])
def node(request: pytest.FixtureRequest, tmp_path: Path) -> FakeNode:
    """A node with a live target on CPUs 2-3 that owns them, and us on 0-1."""
    driver, runtime = ("cgroupfs", "cri-containerd") if request.param == "v1" else ("systemd", "crio")
    made = FakeNode(tmp_path, Layout(request.param, driver, runtime))
    made.process(1234)
    made.kubelet("static")
    return made


def test_session_pins_itself_in_a_folder_of_its_own(node: FakeNode) -> None:
    """In the helper pod's folder: reserved CPUs, the pod's memory nodes on v1, our own PID, and the masks told."""
    node.program("mkdir", PLACED)
    node.set_mask("0-3")
    node.set_mask("0-1", "placed")
    agent = node.enter()
    event = look(agent)
    folder = node.session_folder()
    assert (folder / "cpuset.cpus").read_text() == "0-1\n"
    assert (folder / "cgroup.procs").read_text() == f"{agent.pid}\n"
    assert (folder / "cpuset.mems").exists() == (node.layout.version == "v1")
    assert (event["entry_mask"], event["mask"]) == ("0-3", "0-1")


def test_session_is_where_devices_are_decided(node: FakeNode) -> None:
    """Its own folder on cgroup v2; on v1 one below the helper container's in the devices hierarchy, and it is in it."""
    agent = node.enter()
    look(agent)
    if node.layout.version == "v1":
        assert (node.devices / "nsexec-sess1/cgroup.procs").read_text() == f"{agent.pid}\n"
        node.devices.joinpath("nsexec-sess1").rename(node.devices / "nsexec-sess0")
        node.session_folder().rename(node.session_folder().with_name("nsexec-sess0"))
        node.devices.rename(node.devices.with_name("elsewhere"))
        event = look(node.enter())
        assert (event["code"], "devices" in str(event["message"])) == ("placement", True)


@pytest.mark.parametrize(
    ("reserved", "online", "cut"),
    [("0-1", "0-3", "0-1"), ("0-1,8", "0-3", "0-1"), ("0,2,4-6", "0,2-5", "0,2,4-5"), ("10-12", "0-11", "10-11")],
)
def test_reserved_cpus_are_cut_to_online_ones(tmp_path: Path, reserved: str, online: str, cut: str) -> None:
    """Reserved may name CPUs that are offline now: what remains is what is written and what must be had."""
    node = FakeNode(tmp_path, mask=cut, online=online)
    node.process(1234, mask="3")
    assert look(node.enter(reserved=reserved))["mask"] == cut
    assert (node.session_folder() / "cpuset.cpus").read_text() == f"{cut}\n"


@pytest.mark.parametrize(
    ("reserved", "code"),
    [
        ("8-9", "placement"),
        ("1-0", "placement"),
        ("", "placement"),
        ("0-", "placement"),
        ("0-99999999", "placement"),
        ("9" * 30, "placement"),
        ("08", "placement"),
        ("0 1", "placement"),
        ("*", "placement"),
        ("0;1", "placement"),
    ],
)
def test_no_usable_reserved_cpus_is_an_error(node: FakeNode, reserved: str, code: str) -> None:
    """Nothing online, or no list at all: nothing is made and nothing is run."""
    assert look(node.enter(reserved=reserved))["code"] == code
    assert not node.session_folder().exists()


@pytest.mark.parametrize("mask", ["0-3", "2", "", "0-1,3", "nonsense"])
def test_other_cpus_than_asked_for_are_an_error(node: FakeNode, mask: str) -> None:
    """What the kernel made of it is read back: beyond the set, beside it, empty or unreadable stops the run."""
    node.set_mask(mask)
    assert look(node.enter())["code"] == "placement"


def test_fewer_cpus_than_asked_for_are_told(node: FakeNode) -> None:
    """A part of the set is inside it: the run goes on and the client sees the mask."""
    node.set_mask("1")
    assert look(node.enter())["mask"] == "1"


def test_folder_that_cannot_be_made_is_an_error(node: FakeNode) -> None:
    """Nothing ever runs unpinned: a folder that is there already, or cannot be made, ends the session."""
    node.session_folder().mkdir()
    event = look(node.enter())
    assert event["code"] == "placement"
    assert str(node.session_folder()) in str(event["message"])


def test_folder_that_takes_no_cpus_is_an_error(node: FakeNode) -> None:
    """The kernel may refuse the set (EINVAL, EACCES)."""
    node.program("mkdir", '/bin/mkdir -p "$1/cpuset.cpus"')
    assert look(node.enter())["code"] == "placement"


def test_folder_that_cannot_be_joined_is_an_error(node: FakeNode) -> None:
    """The kernel may refuse the move."""
    node.program("mkdir", '/bin/mkdir -p "$1/cgroup.procs"')
    assert look(node.enter())["code"] == "placement"


def test_helper_pod_without_folder_is_an_error(node: FakeNode) -> None:
    """No folder of our own pod, no pin."""
    assert look(node.enter(NSEXEC_POD_UID=HELPER_UID[:-1] + "0"))["code"] == "placement"
    assert look(node.enter(NSEXEC_POD_UID="../.."))["code"] == "node"


@pytest.mark.parametrize(("mask", "shared"), [("1-3", "0"), ("0-3", ""), ("1", "0,2-3"), ("0-1", "nonsense")])
def test_target_that_owns_reserved_cpus_is_an_overlap(tmp_path: Path, mask: str, shared: str) -> None:
    """Where the kubelet gives CPUs away, those of the target must not be ours; the message names both sides."""
    node = FakeNode(tmp_path)
    node.kubelet("static", shared)
    node.process(1234, mask=mask)
    event = look(node.enter())
    assert event["code"] == "overlap"
    assert f"({mask})" in str(event["message"])
    assert "(0-1)" in str(event["message"])


def test_shared_pool_may_be_shared(tmp_path: Path) -> None:
    """A Burstable target runs on the pool that nobody owns, reserved CPUs included: that is no overlap."""
    node = FakeNode(tmp_path)
    node.kubelet("static", "0-1,3")
    node.process(1234, mask="0-1,3")
    assert look(node.enter())["target_mask"] == "0-1,3"


def test_nothing_is_exclusive_without_a_cpu_manager(tmp_path: Path) -> None:
    """With policy none, or no checkpoint at all, sharing CPUs is no error."""
    for name, policy in (("a", "none"), ("b", "")):
        node = FakeNode(tmp_path / name)
        node.process(1234, mask="0-3")
        if policy:
            node.kubelet(policy)
        assert look(node.enter())["event"] == "target"


def test_kubelet_with_a_root_of_its_own_is_found(tmp_path: Path) -> None:
    """Its folder shows in the mount point of the helper's own volume, so its policy is not overlooked."""
    node = FakeNode(tmp_path)
    node.process(1234, mask="0-3")
    node.kubelet("static", "")
    (node.host / "var/lib/kubelet").rename(node.host / "var/lib/other")
    volume = f"{node.host}/var/lib/other/pods/{HELPER_UID}/volumes/kubernetes.io~empty-dir/run"
    (node.proc / "self/mountinfo").write_text(f"1 1 0:1 / / rw - ext4 x rw\n2 1 0:2 / {volume} rw - tmpfs tmpfs rw\n")
    assert look(node.enter())["code"] == "overlap"


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["enter"],
        ["hold", NONCE, "0", "x", "y", "60"],
        ["hold", NONCE, "0", "1", "y", "x"],
        ["enter", 'n"', "0", "sess1", TARGET_UID, TARGET_ID, "0", "first", "container"],
        ["other", NONCE],
    ],
)
def test_wrong_call_says_so(node: FakeNode, words: list[str]) -> None:
    """A call that is none of the protocol ends with 125, with words on stderr only."""
    output, errors = (agent := node.start(*words)).communicate(timeout=20)
    assert (agent.returncode, output) == (125, b"")
    assert b"not how it is called" in errors


@pytest.mark.parametrize(
    ("session", "uid", "container"),
    [
        ("abc", TARGET_UID, TARGET_ID),
        ("../../x", TARGET_UID, TARGET_ID),
        ("sess1", "../x", TARGET_ID),
        ("sess1", TARGET_UID, "a/b"),
        ("sess1", TARGET_UID, ""),
        ("sess1", TARGET_UID, '"\n'),
    ],
)
def test_names_never_leave_their_folder(node: FakeNode, session: str, uid: str, container: str) -> None:
    """Words that are no single path component are refused, and the error is still one line of JSON."""
    agent = node.start("enter", NONCE, "0-1", session, uid, container, "0", "first", "container")
    output, _ = agent.communicate(timeout=20)
    assert [event["code"] for event in events(output)] == ["node"]
