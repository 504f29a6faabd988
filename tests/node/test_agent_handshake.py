"""From the agent's look to nsenter: what is said, what is awaited, what is checked again."""

from __future__ import annotations

import os
import shutil
from typing import IO, TYPE_CHECKING, cast

import pytest

from tests.node.fake_node import NONCE, SHELLS, FakeNode, events

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

NSENTER = r"""for word; do printf '%s\n' "$word"; done; echo "in $(pwd -P)"; cat"""


@pytest.fixture
def node(tmp_path: Path) -> FakeNode:
    """A node whose nsenter prints its words, its folder, and what is left on stdin."""
    made = FakeNode(tmp_path)
    made.process(1234)
    made.program("nsenter", NSENTER)
    return made


def after_look(agent: subprocess.Popen[bytes]) -> IO[bytes]:
    """The agent's stdin, once it has told of the target."""
    line = cast("IO[bytes]", agent.stdout).readline()
    assert events(line)[0]["event"] == "target"
    return cast("IO[bytes]", agent.stdin)


@pytest.mark.parametrize("shell", SHELLS)
def test_go_hands_over_to_nsenter(node: FakeNode, shell: str) -> None:
    """Every namespace that differs but mounts and PIDs, by file of the target, never its cgroup; then the shim."""
    agent = node.enter(shell=shell)
    after_look(agent)
    output, errors = agent.communicate(b"go 5\n\0\xff\n\\x rest\n", timeout=20)
    words, rest = output.split(b"in ")
    assert words.decode().split() == [
        "-F",
        *(f"--{kind}=ns/{kind}" for kind in ("ipc", "uts", "net", "cgroup")),
        "--",
        *(f"{node.run}/shim", "enter", NONCE, "0-1", "5", f"{node.run}/lease", "-", "1234", "-"),
        str(node.session_folder()),
        str(node.at(node.container)),
    ]
    folder, left = rest.split(b"\n", 1)
    assert folder.decode() == os.path.realpath(node.proc / "1234")
    assert (left, errors, agent.returncode) == (b"\0\xff\n\\x rest\n", b"", 0)


def test_shared_namespaces_are_not_entered(node: FakeNode) -> None:
    """Host network and the like are ours already, and a kernel may have no cgroup namespaces."""
    node.namespaces("1234", net="host", uts="host", mnt="container", pid="container", ipc="container")
    (node.proc / "1234/ns/cgroup").unlink()
    agent = node.enter()
    after_look(agent)
    output, _ = agent.communicate(b"go 5\n", timeout=20)
    assert output.decode().split("--\n")[0].split() == ["-F", "--ipc=ns/ipc"]  # the shim joins pid and mnt


def test_kill_file_is_named_where_there_is_one(node: FakeNode) -> None:
    """Kernels since 5.14 have cgroup.kill on v2."""
    agent = node.enter()
    stdin = after_look(agent)
    (node.session_folder() / "cgroup.kill").touch()
    stdin.write(b"go 5\n")
    output, _ = agent.communicate(timeout=20)
    assert f"\n{node.session_folder()}/cgroup.kill\n" in output.decode()


@pytest.mark.parametrize(
    "answer", [b"", b"go", b"stop\n", b"go\n", b"go x\n", b"go -1\n", b"go 5 6\n", b"go 0\n", b"go 99999999999\n"]
)
def test_anything_but_go_ends_quietly(node: FakeNode, answer: bytes) -> None:
    """A client that is gone or says something else: nothing runs, and nothing more is said."""
    agent = node.enter()
    after_look(agent)
    assert agent.communicate(answer, timeout=20) == (b"", b"")
    assert agent.returncode == 125


@pytest.mark.parametrize("change", ["dies", "zombie", "moves"])
def test_target_that_ends_meanwhile_is_no_target(node: FakeNode, change: str) -> None:
    """The container may restart between look and go: the PID is checked once more."""
    agent = node.enter()
    stdin = after_look(agent)
    folder = node.proc / "1234"
    if change == "dies":
        (folder / "status").unlink()
    elif change == "zombie":
        (folder / "status").write_text("State:\tZ (zombie)\n")
    else:
        (folder / "cgroup").write_text("0::/init.scope\n")
    stdin.write(b"go 5\n")
    output, _ = agent.communicate(timeout=20)
    assert (events(output)[0]["code"], agent.returncode) == ("no-target", 125)


@pytest.mark.parametrize("mask", ["0", "0-2", "2"])
def test_pin_that_moved_meanwhile_is_an_error(node: FakeNode, mask: str) -> None:
    """Whoever changed our CPUs between look and go: nothing runs."""
    agent = node.enter()
    stdin = after_look(agent)
    node.set_mask(mask)
    stdin.write(b"go 5\n")
    output, _ = agent.communicate(timeout=20)
    assert (events(output)[0]["code"], agent.returncode) == ("placement", 125)


def test_node_without_nsenter_is_told(node: FakeNode) -> None:
    """It is looked for before the client is asked for anything."""
    (node.top / "bin/nsenter").unlink()
    tools = node.top / "tools"
    tools.mkdir()
    for name in ("sh", "mkdir", "grep", "base64", "readlink", "tr", "head", "cat"):
        (tools / name).symlink_to(str(shutil.which(name)))
    agent = node.enter(PATH=str(tools))
    output, _ = agent.communicate(timeout=20)
    assert (events(output)[0]["code"], agent.returncode) == ("node", 125)


def test_narrow_moves_the_session_before_it_goes(node: FakeNode) -> None:
    """Where nothing is exclusive the client wants us off the target's CPUs: a second look, then go."""
    agent = node.enter()
    stdin = after_look(agent)
    node.set_mask("0")
    stdin.write(b"narrow 0\n")
    stdin.flush()
    (second,) = events(cast("IO[bytes]", agent.stdout).readline())
    assert (second["event"], second["mask"], second["pid"], second["inner"]) == ("target", "0", 1234, 1)
    assert (node.session_folder() / "cpuset.cpus").read_text() == "0\n"
    output, _ = agent.communicate(b"go 5\n", timeout=20)
    assert f"\n{NONCE}\n0\n5\n" in output.decode()


@pytest.mark.parametrize("cpus", ["", "2", "0-2", "x", "0 1"])
def test_narrow_never_widens(node: FakeNode, cpus: str) -> None:
    """Only a part of the CPUs that the session has."""
    agent = node.enter()
    after_look(agent)
    output, _ = agent.communicate(f"narrow {cpus}\n".encode(), timeout=20)
    assert (events(output)[0]["code"], agent.returncode) == ("placement", 125)
