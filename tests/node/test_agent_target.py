"""Which process of which cgroup folder the agent takes for the target, on every kind of node."""

from __future__ import annotations

import base64
from itertools import product
from typing import TYPE_CHECKING

import pytest

from tests.node.fake_node import SHELLS, TARGET_ID, FakeNode, Layout, look

if TYPE_CHECKING:
    from pathlib import Path

RUNTIMES = {"systemd": ("crio", "cri-containerd", "docker"), "cgroupfs": ("crio", "cri-containerd")}
LAYOUTS = [
    Layout(version, driver, runtime)
    for version, driver in product(("v1", "v2"), RUNTIMES)
    for runtime in RUNTIMES[driver]
]
PREFIXED = [
    Layout(above="/kubelet.slice", slices="kubelet-"),
    Layout("v1", "cgroupfs", "cri-containerd", above="/kubelet"),
]


def with_decoys(node: FakeNode) -> None:
    """Everything that carries the container's ID, or sits beside it, and must not be entered."""
    monitor = f"crio-conmon-{TARGET_ID}" + (".scope" if node.layout.driver == "systemd" else "")
    node.process(50, f"{node.target}/{monitor}", inner="", mnt="host", mask="0-3")
    node.process(60, f"{node.target}/{node.layout.container(TARGET_ID + 'a')}")
    node.process(70, f"{node.target}/{node.layout.container('a' + TARGET_ID)}")
    node.process(80, inner="7")
    node.process(90, inner="30 1")
    node.process(95, state="Z (zombie)")


@pytest.mark.parametrize("qos", ["", "burstable", "besteffort"])
@pytest.mark.parametrize("layout", LAYOUTS + PREFIXED, ids=str)
def test_target_is_the_containers_first_process(tmp_path: Path, layout: Layout, qos: str) -> None:
    """By exact folder names on every layout, past conmon, look-alike IDs, zombies, siblings and inner containers."""
    node = FakeNode(tmp_path, layout, qos=qos)
    with_decoys(node)
    node.process(1234)
    event = look(node.enter())
    assert (event["event"], event["pid"], event["target_mask"]) == ("target", 1234, "2-3")
    assert (event["cgroup"], event["pin"], event["online"]) == (layout.version, "folder", "0-3")


STRAYS = [
    Layout(version, "systemd", runtime, stray=place)
    for version, (runtime, place) in product(
        ("v1", "v2"),
        (
            ("cri-containerd", "/system.slice/containerd.service"),
            ("cri-containerd", "/system.slice"),
            ("cri-containerd", ""),
            ("crio", "/system.slice/crio.service"),
            ("docker", "/system.slice/docker.service"),
        ),
    )
]
STRAYS += [
    Layout(runtime="cri-containerd", stray="/system.slice/containerd.service", above="/docker/kind", slices="kubelet-"),
]
"""Kubelet with the systemd driver, runtime with cgroupfs: where the runtime's own cgroup is."""


def with_stray_decoys(node: FakeNode) -> None:
    """The names of the target's container, but for a letter; the pod's own folder, which is there and empty."""
    node.folder(node.target, "2-3")
    for pid, name in enumerate(
        (f"{node.container}a", f"{node.container}:a", node.container.replace(":", ":conmon-")), 50
    ):
        node.process(pid, name)
    node.process(60, f"{node.container.replace('kubepods', 'xkubepods')}")
    node.process(70, f"{node.container}/kubepods.slice:crio:{TARGET_ID}", inner="30 1")
    node.process(80, inner="7")


@pytest.mark.parametrize("qos", ["", "burstable", "besteffort"])
@pytest.mark.parametrize("layout", STRAYS, ids=str)
def test_a_container_that_strayed_from_its_pod_is_found(tmp_path: Path, layout: Layout, qos: str) -> None:
    """By its exact name, SLICE:PREFIX:ID, below the runtime's cgroup; we stand in the helper pod's own folder."""
    node = FakeNode(tmp_path, layout, qos=qos)
    with_stray_decoys(node)
    node.process(1234)
    event = look(node.enter())
    assert (event["event"], event["pid"], event["target_mask"]) == ("target", 1234, "2-3")
    assert node.session_folder().is_dir()


@pytest.mark.parametrize("layout", STRAYS[:-1], ids=str)
def test_a_stray_container_is_found_without_a_pod_of_ours(tmp_path: Path, layout: Layout) -> None:
    """By ssh nothing of ours says where the runtime is: any service's cgroup may be it, a container's own may not."""
    node = FakeNode(tmp_path, layout)
    with_stray_decoys(node)
    node.process(1234)
    node.set_self("/user.slice/user-0.slice/session-1.scope")
    stand_in = node.folder("/nsexec-alone", "0-1")
    (stand_in / "nsexec-guard").mkdir()
    (node.cgroup / "devices").mkdir(exist_ok=True)
    assert look(node.enter(NSEXEC_POD_CGROUP=str(stand_in)))["pid"] == 1234


@pytest.mark.parametrize("layout", [STRAYS[0], STRAYS[5]], ids=str)
def test_a_stray_container_of_no_pod_folder_is_found(tmp_path: Path, layout: Layout) -> None:
    """The kubelet's folder of the target's pod is not needed."""
    node = FakeNode(tmp_path, layout)
    node.process(1234)
    assert not node.at(node.target).exists()
    assert look(node.enter())["pid"] == 1234


def test_without_a_folder_of_the_helper_pod_there_is_no_safe_place(tmp_path: Path) -> None:
    """Beside the runtime's services nobody would clear up: refused."""
    node = FakeNode(tmp_path, STRAYS[0])
    node.process(1234)
    node.at(node.helper).rename(tmp_path / "gone")
    event = look(node.enter())
    assert event["code"] == "placement"
    assert "no cgroup folder of the helper pod" in str(event["message"])


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("layout", [LAYOUTS[0], LAYOUTS[-1], STRAYS[0]], ids=str)
def test_every_shell_of_a_node_says_the_same(tmp_path: Path, shell: str, layout: Layout) -> None:
    """Dash, bash in POSIX mode and BusyBox ash find the same target."""
    node = FakeNode(tmp_path, layout)
    with_decoys(node)
    node.process(1234)
    assert look(node.enter(shell=shell))["pid"] == 1234


@pytest.mark.parametrize("child", ["container", "init.scope", "container/init.scope", "a/b/c"])
def test_first_process_may_live_in_a_child_folder(tmp_path: Path, child: str) -> None:
    """Crun's ``container`` folder and what a systemd inside makes are searched as well."""
    node = FakeNode(tmp_path)
    node.process(80, inner="7")
    node.process(1234, f"{node.container}/{child}")
    assert look(node.enter())["pid"] == 1234


@pytest.mark.parametrize("comm", ["loop", "a) S 1 (b", "two\nlines) R"])
def test_oldest_process_is_taken_when_pids_are_shared(tmp_path: Path, comm: str) -> None:
    """With hostPID or shareProcessNamespace there is no PID 1: the oldest start time decides, whatever the names."""
    node = FakeNode(tmp_path)
    node.process(80, inner="", started=900, pid="host")
    node.process(900, inner="", started=100, comm=comm, pid="host")
    node.process(950, inner="1", started=950)
    assert look(node.enter(host_pid="1"))["pid"] == 900


def test_shared_pids_are_not_guessed(tmp_path: Path) -> None:
    """Without a first process, and without the pod having asked for shared PIDs, there is no target."""
    node = FakeNode(tmp_path)
    node.process(80, inner="7")
    assert look(node.enter())["code"] == "no-target"


def test_zombie_is_no_target(tmp_path: Path) -> None:
    """A first process that has ended but is not reaped cannot be entered."""
    node = FakeNode(tmp_path)
    node.process(1234, state="Z (zombie)")
    assert look(node.enter())["code"] == "no-target"


def test_process_that_left_the_containers_cgroup_is_no_target(tmp_path: Path) -> None:
    """The PID's own cgroup must name the container: a recycled PID does not."""
    node = FakeNode(tmp_path)
    (node.process(1234) / "cgroup").write_text(f"0::{node.container}a\n0::/x/{node.layout.container(TARGET_ID)}/y\n")
    assert look(node.enter())["code"] == "no-target"


def test_cgroup_seen_from_a_namespace_is_recognised(tmp_path: Path) -> None:
    """Paths that begin /../.. name the container all the same."""
    node = FakeNode(tmp_path)
    (node.process(1234) / "cgroup").write_text(f"0::/../../..{node.container}/container\n")
    node.set_self("/")
    assert look(node.enter())["pid"] == 1234


def test_missing_container_is_no_target(tmp_path: Path) -> None:
    """A container that has no folder is named with the folder where it should be."""
    node = FakeNode(tmp_path)
    node.at(node.container).rename(tmp_path / "gone")
    event = look(node.enter())
    assert event["code"] == "no-target"
    assert TARGET_ID in str(event["message"])


@pytest.mark.parametrize(
    ("namespaces", "code"),
    [({"mnt": "host"}, "host-namespace"), ({"mnt": "helper"}, "host-namespace")],
)
def test_foreign_namespaces_are_refused(tmp_path: Path, namespaces: dict[str, str], code: str) -> None:
    """The node's mounts and our own are not entered."""
    node = FakeNode(tmp_path)
    node.process(1234)
    node.namespaces("1234", **{"mnt": "container", **namespaces})
    assert look(node.enter())["code"] == code


def test_a_user_namespace_of_its_own_is_for_the_shim(tmp_path: Path) -> None:
    """It joins it after all others, so nsenter is not told of it."""
    node = FakeNode(tmp_path)
    node.process(1234, user="own")
    node.program("nsenter", 'echo "$@"')
    agent = node.enter()
    output, _ = agent.communicate(b"go 5\n", timeout=20)
    assert b" --net=ns/net " in output
    assert b"--user=" not in output


def test_nodes_root_is_refused_by_any_mount_namespace(tmp_path: Path) -> None:
    """A process that sees the node's root is the node's, also in a mount namespace of its own (kubens)."""
    node = FakeNode(tmp_path)
    root = node.process(1234) / "root"
    root.unlink()
    root.symlink_to(node.host)
    assert look(node.enter())["code"] == "host-namespace"


def test_unreadable_namespaces_are_refused(tmp_path: Path) -> None:
    """What cannot be compared is not taken for different."""
    node = FakeNode(tmp_path)
    (node.process(1234) / "ns/mnt").unlink()
    assert look(node.enter())["code"] == "node"


SENT = ("status", "environ", "limits", "cwd", "spec", "crun_filter", "devices_list")
SPECS = [
    "run/containerd/io.containerd.runtime.v2.task/k8s.io/{id}/config.json",
    "run/containers/storage/overlay-containers/{id}/userdata/config.json",
    "var/lib/containers/storage/overlay-containers/{id}/userdata/config.json",
    "run/k3s/bundles/{id}/config.json",
]


@pytest.mark.parametrize("bundle", ["/run/k3s/bundles/sandbox", f"/run/k3s/bundles/{TARGET_ID}"])
@pytest.mark.parametrize("place", SPECS)
def test_runtimes_spec_is_sent(tmp_path: Path, place: str, bundle: str) -> None:
    """The spec is found where containerd and CRI-O keep it, or beside the folder that containerd's shim works in."""
    node = FakeNode(tmp_path)
    node.process(1234, parent=77)
    (node.proc / "77").mkdir()
    (node.proc / "77/cwd").symlink_to(bundle)
    (node.host / bundle.lstrip("/")).mkdir(parents=True)
    spec = node.host / place.format(id=TARGET_ID)
    spec.parent.mkdir(parents=True, exist_ok=True)
    spec.write_bytes(b'{"process": "\n"}' * 999)
    event = look(node.enter())
    assert base64.b64decode(str(event["spec"])) == spec.read_bytes()
    assert event["environ"] == ""  # the process's own memory is not touched where the spec says it all


@pytest.mark.parametrize(
    ("state", "is_crun"),
    [
        ("run/crun/{id}/status", True),
        ("run/containerd/runc/k8s.io/{id}/status", True),
        ("run/containerd/runc/k8s.io/{id}/state.json", False),
        ("run/crun/another/status", False),
    ],
)
def test_crun_is_known_by_its_state(tmp_path: Path, state: str, is_crun: bool) -> None:  # noqa: FBT001 - a row
    """The folder is called after the root that whoever calls it names; runc keeps its state in another file."""
    node = FakeNode(tmp_path)
    node.process(1234)
    file = node.host / state.format(id=TARGET_ID)
    file.parent.mkdir(parents=True)
    file.touch()
    assert look(node.enter())["crun"] is is_crun


@pytest.mark.parametrize(
    "files", [["attr/apparmor/current"], ["attr/current"], ["attr/apparmor/current", "attr/current"]]
)
def test_the_label_of_the_first_process_is_sent(tmp_path: Path, files: list[str]) -> None:
    """From AppArmor's own file where the kernel has it (Linux 5.1), else from the one that all modules share."""
    node = FakeNode(tmp_path)
    folder = node.process(1234)
    for number, name in enumerate(files):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"label {number} (enforce)\n")
    assert base64.b64decode(str(look(node.enter())["label"])) == b"label 0 (enforce)\n"


@pytest.mark.parametrize("place", ["run/crun", "run/containerd/runc/k8s.io"])
def test_a_filter_that_crun_compiled_is_sent(tmp_path: Path, place: str) -> None:
    """From where CRI-O's and containerd's crun keeps it."""
    node = FakeNode(tmp_path)
    node.process(1234)
    kept = node.host / place / TARGET_ID / "seccomp.bpf"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(bytes(range(256)))
    assert base64.b64decode(str(look(node.enter())["crun_filter"])) == kept.read_bytes()


def test_what_stands_in_for_the_spec_is_sent(tmp_path: Path) -> None:
    """Status, environment, directory, and the limits of the runtime; what is unreadable is empty."""
    node = FakeNode(tmp_path)
    folder = node.process(1234, parent=77)
    (node.proc / "77").mkdir()
    (node.proc / "77" / "limits").write_text("the shim's")
    (folder / "environ").unlink()
    event = look(node.enter())
    sent = {key: base64.b64decode(str(event[key])) for key in SENT}
    status = (folder / "status").read_bytes()
    assert sent == {
        "status": status,
        "environ": b"",
        "limits": b"the shim's",
        "cwd": b"/srv/app dir",
        "spec": b"",
        "crun_filter": b"",
        "devices_list": b"",
    }


@pytest.mark.parametrize(
    ("layout", "place", "sent"),
    [
        (Layout("v1", "cgroupfs", "cri-containerd"), "{container}", True),
        (Layout("v1", "systemd"), "{container}", True),
        (STRAYS[0], "{container}", True),
        (STRAYS[0], "/elsewhere/{name}", True),
        (STRAYS[0], "/elsewhere/{name}a", False),
        (STRAYS[0], "/../{name}", False),
        (Layout("v2"), "{container}", False),
    ],
    ids=str,
)
def test_what_the_containers_device_cgroup_allows_is_sent(
    tmp_path: Path, layout: Layout, place: str, *, sent: bool
) -> None:
    """Of the container's own folder, wherever its process says that this hierarchy has it; v2 has no such list."""
    node = FakeNode(tmp_path, layout)
    name = node.container.rpartition("/")[2]
    path = place.format(container=node.container, name=name)
    lines = node.process(1234) / "cgroup"
    lines.write_text(lines.read_text().replace(f"devices:{node.container}", f"devices:{path}"))
    listed = node.cgroup / "devices" / path.lstrip("/") / "devices.list"
    listed.parent.mkdir(parents=True)
    listed.write_text("c 1:3 rwm\nc 10:229 rwm\n")
    assert base64.b64decode(str(look(node.enter())["devices_list"])) == (listed.read_bytes() if sent else b"")


@pytest.mark.parametrize("child", ["", "/container"])
def test_the_shim_is_told_where_the_containers_first_process_is(tmp_path: Path, child: str) -> None:
    """Whose programs decide about devices on cgroup v2: crun has its processes one folder further in."""
    node = FakeNode(tmp_path)
    node.process(1234, node.container + child)
    node.program("nsenter", 'echo "$@"')
    output, _ = node.enter().communicate(b"go 5\n", timeout=20)
    assert output.decode().split()[-1] == str(node.at(node.container + child))


def test_a_stray_containers_devices_are_elsewhere_than_its_cpus(tmp_path: Path) -> None:
    """On cgroup v1 the runtime's own cgroup may differ by hierarchy: ours are below where our process says it is."""
    node = FakeNode(tmp_path, STRAYS[2])
    node.process(1234)
    name = node.own.rpartition("/")[2]
    lines = node.proc / "self/cgroup"
    lines.write_text(lines.read_text().replace("devices:", "devices:/system.slice/containerd.service"))
    ours = node.cgroup / "devices/system.slice/containerd.service" / name
    ours.mkdir(parents=True)
    assert look(node.enter())["event"] == "target"
    assert (ours / "nsexec-sess1").is_dir()
