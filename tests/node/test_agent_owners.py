"""What the agent tells of CPUs that may be somebody's own, and what it refuses by itself."""

from __future__ import annotations

import json
from typing import IO, TYPE_CHECKING, Any, cast

import pytest

from kubectl_nsexec.model.cpuset import CpuSet
from kubectl_nsexec.model.messages import Claims, NodeLook, TargetFacts
from kubectl_nsexec.node import agent_script
from kubectl_nsexec.protocol.events import parse_event
from tests.node.fake_node import HELPER_ID, NONCE, SHELLS, TARGET_ID, FakeNode, Layout, events, look

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

LAYOUTS = (
    Layout(),
    Layout(runtime="cri-containerd"),
    Layout("v2", "cgroupfs", "cri-containerd"),
    Layout("v1", "systemd", "crio"),
    Layout("v1", "cgroupfs", "cri-containerd"),
    Layout(above="/docker/kind/kubelet.slice", slices="kubelet-"),
    Layout("v2", "cgroupfs", "cri-containerd", "/docker/kind/kubelet"),
    Layout("v1", "systemd", "cri-containerd", stray="/system.slice/containerd.service"),
    Layout(runtime="cri-containerd", stray="/system.slice/containerd.service", above="/docker/kind", slices="kubelet-"),
)
UIDS = [f"0cc1b2c3-0000-4000-8000-00000000000{number}" for number in range(6)]


def claims(node: FakeNode, **options: str) -> Claims:
    """What a session tells."""
    output, _ = node.enter(**options).communicate(timeout=20)
    event = parse_event(output, NONCE)
    assert isinstance(event, TargetFacts), event
    return event.claims


def folders(node: FakeNode, **options: str) -> dict[str, str]:
    """CPUs → the folder that is allowed only these."""
    return {str(folder.cpus): folder.path for folder in claims(node, **options).folders}


def container(node: FakeNode, cpus: str, qos: str = "", uid: str = UIDS[0], name: str = TARGET_ID) -> str:
    """Another pod's container, allowed CPUS; its cgroup path."""
    path = node.layout.place(uid, qos, name)
    node.at(node.layout.pod(uid, qos)).mkdir(parents=True, exist_ok=True)
    node.at(path).mkdir(parents=True)
    (node.at(path) / "cpuset.cpus").write_text(f"{cpus}\n")
    return path


@pytest.fixture
def node(tmp_path: Path) -> FakeNode:
    """A node of eight CPUs with a live target on 2-3."""
    made = FakeNode(tmp_path, online="0-7")
    made.process(1234)
    return made


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: f"{layout.version}-{layout.driver}-{layout.above}")
def test_containers_that_are_allowed_some_cpus_only_are_told(tmp_path: Path, layout: Layout, shell: str) -> None:
    """Of every QoS class, wherever kubelet and runtime have their folders; each list of CPUs once."""
    node = FakeNode(tmp_path, layout, online="0-7")
    node.process(1234)
    expected = {
        "4": container(node, "4", "", UIDS[0]),
        "5": container(node, "5", "burstable", UIDS[1]),
        "6-7": container(node, "6-7", "besteffort", UIDS[2]),
    }
    container(node, "4", "", UIDS[3])  # as one that was told already
    container(node, "0-7", "", UIDS[4])  # all of them
    container(node, "", "", UIDS[5])  # not limited (cgroup v2)
    found = folders(node, shell=shell)
    assert set(found) == {"2-3", *expected}  # the target's own too
    assert {cpus: found[cpus] for cpus in ("5", "6-7")} == {cpus: expected[cpus] for cpus in ("5", "6-7")}


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_a_helper_of_ours_owns_nothing(tmp_path: Path, layout: Layout) -> None:
    """It stands where nobody else does, and is known by the folder that it makes first of all."""
    node = FakeNode(tmp_path, layout, online="0-7")
    node.process(1234)
    container(node, "0-1", "besteffort", UIDS[0], HELPER_ID)
    container(node, "5", "besteffort", UIDS[1])
    (node.at(layout.pod(UIDS[0], "besteffort")) / "nsexec-cpus").mkdir()
    assert set(folders(node)) == {"2-3", "5"}


@pytest.mark.parametrize(
    "path",
    [
        "/kubepods.slice/kubepods-pod1.slice/crio-1.scope/container",
        "/docker/0123",
        "/system.slice/docker-0123.scope",
        "/machine.slice/libpod-0123.scope",
        "/system.slice/containerd.service/kubepods-burstable-pod1.slice:cri-containerd:0123",
    ],
)
def test_containers_elsewhere_are_told_too(node: FakeNode, path: str) -> None:
    """crun's folder in the container's, containers of no pod, a runtime with another driver than the kubelet."""
    node.at(path).mkdir(parents=True)
    (node.at(path) / "cpuset.cpus").write_text("5\n")
    assert folders(node)["5"] == path


def test_what_the_whole_of_the_pods_is_allowed_is_nobodys(node: FakeNode) -> None:
    """An administrator keeps all pods off some CPUs: a container with all the others has none for itself."""
    (node.cgroup / "kubepods.slice/cpuset.cpus").write_text("1-7\n")
    container(node, "1-7")
    assert set(folders(node)) == {"2-3"}


def test_services_are_no_containers(node: FakeNode) -> None:
    """systemd keeps its services on the housekeeping CPUs: those are not somebody's own."""
    for path in ("/system.slice", "/system.slice/sshd.service", "/user.slice"):
        node.at(path).mkdir(exist_ok=True)
        (node.at(path) / "cpuset.cpus").write_text("0-1\n")
    assert set(folders(node)) == {"2-3"}


def test_a_name_is_harmless(node: FakeNode) -> None:
    """Whatever a folder is called, the event is one line of JSON."""
    container(node, "5", name='a"\\b\n')
    assert "5" in folders(node)


@pytest.mark.parametrize("shell", SHELLS)
def test_the_kernels_word_is_told(node: FakeNode, shell: str) -> None:
    """What it isolates; "(null)" is how some say none, and a file that there is not is not an empty one."""
    node.kernel(isolated="4-7", nohz_full="(null)")
    found = claims(node, shell=shell)
    assert (found.isolated, found.nohz_full, found.partitions) == (CpuSet.parse("4-7"), CpuSet(), None)


def test_cpuset_partitions_are_told(node: FakeNode) -> None:
    """Those that are made while the node runs, as CRI-O does for containers without load balancing."""
    (node.cgroup / "cpuset.cpus.isolated").write_text("6\n")
    assert claims(node).partitions == CpuSet.of(6)


@pytest.mark.parametrize(("active", "cores"), [("1", ["0,4", "1,5", "2-3"]), (None, ["0,4", "1,5", "2-3"]), ("0", [])])
def test_cores_are_told_once(node: FakeNode, active: str | None, cores: list[str]) -> None:
    """Those with more than one CPU; a node without such says so in one file."""
    node.cores("0,4", "1,5", "2-3", "6", "7")
    if active is not None:
        (node.host / "sys/devices/system/cpu/smt").mkdir()
        node.kernel(**{"smt/active": active})
    assert [str(core) for core in claims(node).cores] == cores


@pytest.mark.parametrize("allowed", ["0-1,4-7", ""])
@pytest.mark.parametrize("seen", ["from outside", "from its cgroup namespace", "below crun's"])
@pytest.mark.parametrize("shell", SHELLS)
def test_a_main_process_tells_where_pods_are_put(node: FakeNode, shell: str, seen: str, allowed: str) -> None:
    """It was promised nothing itself; and it tells which CPUs there are. A session stands elsewhere, and cannot say."""
    own = node.at(node.own)
    (own / "cpuset.cpus").write_text(f"{allowed}\n")
    procs = own / "cgroup.procs"
    if seen != "from outside":
        node.set_self("/")
    if seen == "below crun's":
        procs = own / "container/cgroup.procs"
        procs.parent.mkdir()
    script = f"echo $$ >'{procs}'\n{agent_script()}"
    agent = node.start("hold", NONCE, "ask", "60", shell=shell, NSEXEC_AGENT=script)
    output, _ = agent.communicate(b"look\n", timeout=20)
    event = parse_event(output, NONCE)
    assert isinstance(event, NodeLook)
    assert (event.online, event.claims.pool) == (CpuSet.parse("0-7"), CpuSet.parse(allowed))
    assert [str(folder.cpus) for folder in event.claims.folders] == ["2-3"]  # and its own is nobody's
    assert claims(node).pool == CpuSet()


@pytest.mark.parametrize("file", ["isolated", "nohz_full", "partition"])
@pytest.mark.parametrize("shell", SHELLS)
def test_nothing_of_ours_goes_where_the_kernel_isolates(node: FakeNode, file: str, shell: str) -> None:
    """By its own look, whoever calls those CPUs reserved; main process and session alike, and nothing is made."""
    if file == "partition":
        (node.cgroup / "cpuset.cpus.isolated").write_text("1,4\n")
    else:
        node.kernel(**{file: "1,4"})
    own = node.at(node.own) / "cpuset.cpus"
    before = own.read_text()
    hold = node.start("hold", NONCE, "0-1", "60", shell=shell)
    output, _ = hold.communicate(b"hold\n", timeout=20)
    for event in (events(output)[0], look(node.enter(shell=shell))):
        assert event["code"] == "isolated"
        assert "the kernel isolates CPUs 1 of 0-1 (" in str(event["message"])
        assert "says 1,4)" in str(event["message"])
    assert own.read_text() == before
    assert not node.session_folder().exists()


def test_isolated_cpus_that_cannot_be_read_are_no_empty_list(node: FakeNode) -> None:
    """A list that is none stops the run."""
    node.kernel(isolated="4-")
    assert look(node.enter())["code"] == "node"


def static(node: FakeNode, default: str, **entries: str) -> None:
    """The kubelet's checkpoint."""
    node.kubelet("static", default)
    file = node.host / "var/lib/kubelet/cpu_manager_state"
    state: dict[str, Any] = json.loads(file.read_text()) | {"entries": {"uid": entries} if entries else {}}
    file.write_text(json.dumps(state, separators=(",", ":")))


@pytest.mark.parametrize(
    ("mask", "default", "entries", "entered"),
    [
        ("0-1", "2-7", {}, True),
        ("1", "2-7", {}, True),
        ("0-1", "", {"c": "2-7"}, True),
        ("0-1", "2-7", {"c": "1"}, False),
        ("1-2", "2-7", {}, False),
        ("1", "0,2-7", {}, False),
        ("0-1,3", "0-1,3", {"c": "2"}, True),
    ],
)
def test_a_target_on_the_reserved_cpus_of_a_strict_pool_owns_none(
    tmp_path: Path, mask: str, default: str, entries: dict[str, str], *, entered: bool
) -> None:
    """strict-cpu-reservation, workload partitioning; but what the checkpoint gives to a container is that one's."""
    node = FakeNode(tmp_path, online="0-7")
    node.process(1234, mask=mask)
    static(node, default, **entries)
    event = look(node.enter())
    assert event["event"] == ("target" if entered else "error")
    assert entered or event["code"] == "overlap"


def gone(node: FakeNode, allowed: str) -> tuple[subprocess.Popen[bytes], bytes]:
    """A session told to go, after the target was allowed other CPUs."""
    agent = node.enter()
    assert events(cast("IO[bytes]", agent.stdout).readline())[0]["event"] == "target"
    (node.at(node.container) / "cpuset.cpus").write_text(f"{allowed}\n")
    output, _ = agent.communicate(b"go 5\n", timeout=20)
    return agent, output


@pytest.mark.parametrize(
    ("allowed", "goes"), [("2-3", True), ("0-1", True), ("0-1,3-7", True), ("0-7", True), ("", True), ("1", False)]
)
@pytest.mark.parametrize("policy", ["none", None])
def test_a_target_with_cpus_by_somebody_elses_word(
    tmp_path: Path, policy: str | None, allowed: str, *, goes: bool
) -> None:
    """Where the kubelet gives none away the container's folder tells: a part of our CPUs is its own."""
    node = FakeNode(tmp_path, online="0-7")
    node.program("nsenter", "echo started")
    node.process(1234, mask="0-7")
    if policy:
        node.kubelet(policy)
    agent, output = gone(node, allowed)
    if goes:
        assert (output, agent.returncode) == (b"started\n", 0)
    else:
        assert (events(output)[0]["code"], agent.returncode) == ("overlap", 125)
