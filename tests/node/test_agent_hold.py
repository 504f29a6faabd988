"""The helper's main process: its own container's CPUs first, then its client, then the lease."""

from __future__ import annotations

import os
import select
import stat
from typing import IO, TYPE_CHECKING, cast

import pytest

from kubectl_nsexec.node import agent_script
from kubectl_nsexec.protocol.commands import HOLD
from tests.node.fake_node import HELPER_ID, HELPER_UID, NONCE, SANDBOX_ID, SHELLS, FakeNode, Layout, events

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

SHIM = 'printf "%s\\n" "$@" >"${0%/*}/words"\necho ready'
LAYOUTS = [
    Layout("v1", "cgroupfs", "cri-containerd"),
    Layout("v1", "systemd", "crio"),
    Layout("v2", "systemd", "crio"),
    Layout("v2", "cgroupfs", "crio"),
    Layout("v2", "systemd", "cri-containerd", above="/kubelet.slice", slices="kubelet-"),
    Layout("v1", "systemd", "cri-containerd", stray="/system.slice/containerd.service"),
    Layout("v2", "systemd", "cri-containerd", stray="/system.slice"),
]


def hold(node: FakeNode, reserved: str = "0-1", *, shim: str = SHIM, **options: str) -> subprocess.Popen[bytes]:
    """The main process, with its client there."""
    node.shim(shim)
    agent = node.start("hold", NONCE, reserved, "60", **options)
    stdin = cast("IO[bytes]", agent.stdin)
    stdin.write(HOLD)
    stdin.flush()
    return agent


def first(agent: subprocess.Popen[bytes]) -> dict[str, object]:
    """The first event."""
    return events(cast("IO[bytes]", agent.stdout).readline())[0]


def cpus(node: FakeNode, container_id: str) -> str:
    """What is written in that container's folder."""
    return (node.at(node.layout.place(HELPER_UID, "besteffort", container_id)) / "cpuset.cpus").read_text()


@pytest.mark.parametrize(
    ("layout", "shell"),
    [*((layout, "sh") for layout in LAYOUTS), *((LAYOUTS[0], shell) for shell in SHELLS if shell != "sh")],
    ids=str,
)
def test_held(tmp_path: Path, layout: Layout, shell: str) -> None:
    """Own container and sandbox are narrowed, the lease is a FIFO, ``keep`` runs."""
    node = FakeNode(tmp_path, layout)
    agent = hold(node, shell=shell)
    assert first(agent) == {"event": "held", "mask": "0-1", "cgroup": layout.version, "pin": "folder"}
    assert (cpus(node, HELPER_ID), cpus(node, SANDBOX_ID)) == ("0-1\n", "0-1\n")
    assert stat.S_ISFIFO((node.run / "lease").stat().st_mode)
    watch = node.session_folder("cpus")
    assert ((watch / "cpuset.cpus").read_text(), (watch / "cgroup.procs").read_text()) == ("0-1\n", "0\n")
    own = node.at(f"{node.own}/cpuset.cpus")
    pod = node.at(f"{node.helper}/cpuset.cpus")
    # On v2 the pod's folder bounds what the kubelet can give the container; on v1 it could not be narrower than that.
    watched = [str(own)] if layout.version == "v1" else [str(own), str(pod)]
    assert (node.run / "words").read_text().split() == ["watch", str(agent.pid), "0-1", *watched]
    assert layout.version == "v1" or pod.read_text() == "0-1\n"
    assert agent.communicate(timeout=20) == (b"", b"")
    assert agent.returncode == 0


def test_lease_is_held_by_the_main_process_alone(tmp_path: Path) -> None:
    """A session sees EAGAIN while it lives, and end of file after the client has let go."""
    node = FakeNode(tmp_path)
    agent = hold(node)
    first(agent)
    lease = os.open(node.run / "lease", os.O_RDONLY | os.O_NONBLOCK)
    with pytest.raises(BlockingIOError):
        os.read(lease, 1)
    agent.communicate(timeout=20)
    assert os.read(lease, 1) == b""
    os.close(lease)


def test_child_folder_of_the_own_container_is_narrowed_and_kept(tmp_path: Path) -> None:
    """Where crun puts processes into ``container``, that folder counts as well."""
    node = FakeNode(tmp_path)
    node.folder(f"{node.own}/container", "0-3")
    node.set_self(f"{node.own}/container")
    agent = hold(node)
    assert first(agent)["event"] == "held"
    agent.communicate(timeout=20)
    inner, outer = node.at(f"{node.own}/container") / "cpuset.cpus", node.at(node.own) / "cpuset.cpus"
    assert (inner.read_text(), outer.read_text()) == ("0-1\n", "0-1\n")
    assert (node.run / "words").read_text().split()[3:] == [
        str(outer),
        str(node.at(node.helper) / "cpuset.cpus"),
        str(inner),
    ]


def test_own_folder_is_found_from_inside_a_cgroup_namespace(tmp_path: Path) -> None:
    """Where /proc shows "/" only, the folder that lists our PID is ours."""
    node = FakeNode(tmp_path)
    node.set_self("/")
    own = node.at(node.own)
    agent = hold(node, NSEXEC_AGENT=f"echo $$ >'{own}/cgroup.procs'\n{agent_script()}")
    assert first(agent)["event"] == "held"
    agent.communicate(timeout=20)
    assert (node.run / "words").read_text().split()[3:] == [f"{own}/cpuset.cpus", f"{own.parent}/cpuset.cpus"]


@pytest.mark.parametrize("mask", ["0-3", "3", ""])
def test_container_that_is_not_narrowed_is_an_error(tmp_path: Path, mask: str) -> None:
    """The mask is read back; the error is told when the client has greeted, for only then somebody listens."""
    node = FakeNode(tmp_path, mask=mask)
    agent = node.start("hold", NONCE, "0-1", "60")
    stdin = cast("IO[bytes]", agent.stdin)
    stdin.write(HOLD[:-1])
    stdin.flush()
    readable, _, _ = select.select([cast("IO[bytes]", agent.stdout)], [], [], 0.2)
    assert not readable
    stdin.write(HOLD[-1:])
    stdin.flush()
    assert first(agent)["code"] == "placement"
    assert agent.wait(timeout=20) == 125
    agent.communicate()


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_container_that_the_kubelet_widens_while_we_look_is_narrowed_again(tmp_path: Path, layout: Layout) -> None:
    """The CPU manager writes a new container's CPUs once: between our write and our look at ourselves, say."""
    node = FakeNode(tmp_path, layout)
    status, own = node.proc / "self/status", node.at(node.own) / "cpuset.cpus"
    widened = status.read_text().replace("0-1", "0-3")
    narrowed = status.rename(tmp_path / "narrowed")
    os.mkfifo(status)
    agent = hold(node)
    with status.open("w") as look:  # opened as soon as the agent looks
        narrowed.rename(status)
        own.write_text("0-3\n")
        look.write(widened)
    assert first(agent)["event"] == "held"
    assert cpus(node, HELPER_ID) == "0-1\n"
    agent.communicate(timeout=20)


@pytest.mark.parametrize("words", [b"hole\n", b"hol", b""], ids=["another word", "cut", "none"])
def test_who_does_not_greet_is_no_client(tmp_path: Path, words: bytes) -> None:
    """It was killed, or is of another version: nothing is held for it."""
    node = FakeNode(tmp_path)
    node.shim(SHIM)
    output, errors = (agent := node.start("hold", NONCE, "0-1", "60")).communicate(words, timeout=20)
    assert (output, errors, agent.returncode) == (b"", b"", 125)
    assert not (node.run / "lease").exists()


def test_shim_that_cannot_watch_is_an_error(tmp_path: Path) -> None:
    """The helper is not ready before its CPUs are watched over."""
    output, _ = (agent := hold(FakeNode(tmp_path), shim="exit 1")).communicate(timeout=20)
    assert (events(output)[0]["code"], agent.returncode) == ("node", 125)


def test_helper_pod_without_folder_is_an_error(tmp_path: Path) -> None:
    """No folder of our own pod, no pin."""
    node = FakeNode(tmp_path)
    output, _ = (agent := hold(node, NSEXEC_POD_UID="unknown")).communicate(timeout=20)
    assert (events(output)[0]["code"], agent.returncode) == ("placement", 125)


@pytest.mark.parametrize("reserved", ["0-1", "ask"])
def test_a_client_that_never_comes_is_not_waited_for_longer_than_it_would_have_tried(
    tmp_path: Path, reserved: str
) -> None:
    """It was killed between creating the pod and attaching: nothing closes its stdin, but patience ends."""
    agent = FakeNode(tmp_path).start("hold", NONCE, reserved, "1")
    assert agent.wait(timeout=20) == 125
    assert agent.communicate() == (b"", b"")


def test_client_that_dies_ends_the_helper(tmp_path: Path) -> None:
    """End of file on stdin is the end of the lease, whatever came before it."""
    node = FakeNode(tmp_path)
    agent = hold(node)
    first(agent)
    assert agent.communicate(b"no\nwords\nare\nexpected", timeout=20) == (b"", b"")
    assert agent.returncode == 0


def test_helper_that_is_kept_becomes_the_server(tmp_path: Path) -> None:
    """It tells the shim what to say, where it stands and how long it waits; stdin is nothing to it any more."""
    node = FakeNode(tmp_path)
    node.shim('printf "%s\\n" "$@" >"${0%/*}/$1-words"\necho ready\ncat')
    agent = node.start("hold", NONCE, "0-1", "60", "600", "86400")
    output, errors = agent.communicate(HOLD + b"more", timeout=20)
    assert (agent.returncode, output, errors) == (0, b"ready\n", b"")
    words = (node.run / "serve-words").read_text().splitlines()
    assert words[:6] == ["serve", str(node.run / "server"), str(node.at(node.helper)), "-", "600", "86400"]
    assert events(words[6].encode()) == [{"event": "held", "mask": "0-1", "cgroup": "v2", "pin": "folder"}]
