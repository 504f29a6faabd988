"""What the shim does when more is asked for: the node's files, another user's group, another process's folder."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

import pytest

from tests.node.shim_lab import USER, Session, Target, eventually, gone, identity

if TYPE_CHECKING:
    from collections.abc import Iterator

NODE = """
mount -t tmpfs tmpfs "$1" && mount --make-shared "$1" && mkdir "$1/sub" && mount -t tmpfs tmpfs "$1/sub" && echo up
read -r _
"""
LOOK = """
readlink /proc/self/ns/mnt; cat /proc/1/comm; ls "$NSEXEC_ROOT"; pwd; echo $HOME; echo "$0 $$"
cat /proc/sys/kernel/ns_last_pid >/dev/null && stat -fc %T /proc
"""


class Node:
    """The helper's mount namespace: this machine's files, and a shared mount in ``folder`` with another in it.

    Mounts made in it reach nobody else on this machine.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        words = ["unshare", "--mount", "--propagation", "private", "sh", "-c", NODE, "sh", str(folder)]
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert cast("IO[bytes]", self.process.stdout).readline() == b"up\n"

    def run(self, *words: str) -> bytes:
        """Output of a program in it."""
        return subprocess.check_output(["nsenter", f"--mount=/proc/{self.process.pid}/ns/mnt", "--", *words])


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    """One that ends with the test."""
    made = Node(tmp_path / "node")
    yield made
    made.process.communicate()


def on_node(shim: Path, target: Target, node: Node, run: Path, *command: str, **changes: str | list[str]) -> Session:
    """A session with the node's files, as --host-tools asks for it."""
    env = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "NSEXEC_ROOT=/proc/1/root"]
    blob = identity(*command, env=env, **changes)
    return Session(shim, target, blob, run=run, root="/", mounts=node.process.pid)


def test_the_nodes_program_sees_the_containers_processes(
    shim: Path, target: Target, node: Node, tmp_path: Path
) -> None:
    """The node's files, HOME and directory; /proc of the container's PID namespace, and in it the container's root."""
    session = on_node(shim, target, node, tmp_path, "sh", "-c", LOOK)
    session.started()
    code, output, errors = session.end()
    mounts, first, *rest = output.decode().splitlines()
    assert (code, errors, first) == (0, b"", "sh")
    assert "marker" in rest
    assert rest[-4:-2] == ["/", "/root"]
    assert int(rest[-2].split()[1]) < 100
    assert rest[-1] == "proc"
    others = ("self", target.pid, node.process.pid)
    assert mounts not in [str(Path(f"/proc/{pid}/ns/mnt").readlink()) for pid in others]


def test_nothing_is_mounted_where_others_see_it(shim: Path, target: Target, node: Node, tmp_path: Path) -> None:
    """While it runs and afterwards the helper's and the container's mounts are what they were.

    Of this machine's, which the helper has too, some may go: those of a cluster whose live tests run beside these.
    """
    pids = (node.process.pid, target.pid)
    before, own = [mounts(pid) for pid in pids], mounts(node.process.pid, str(node.folder))
    session = on_node(shim, target, node, tmp_path, "sh", "-c", "echo up; read -r _")
    session.up()
    for end in (lambda: None, lambda: session.end(b"\n")):
        end()
        assert [mounts(pid) - known for pid, known in zip(pids, before, strict=True)] == [set(), set()]
        assert (mounts(node.process.pid, str(node.folder)), mounts(target.pid)) == (own, before[1])


def mounts(pid: int, below: str = "") -> set[str]:
    """What a process has mounted there, as proc_pid_mountinfo(5) has it."""
    lines = Path(f"/proc/{pid}/mountinfo").read_text().splitlines()
    return {line for line in lines if line.split()[4].startswith(below)}


def test_what_the_node_unmounts_is_not_kept_busy(shim: Path, target: Target, node: Node, tmp_path: Path) -> None:
    """A long session must not hold the node's volumes."""
    script = 'grep -c "$0/sub" /proc/self/mountinfo; echo up; read -r _; grep -c "$0/sub" /proc/self/mountinfo'
    session = on_node(shim, target, node, tmp_path, "sh", "-c", script, str(node.folder))
    session.started()
    assert [session.stdout.readline(), session.stdout.readline()] == [b"1\n", b"up\n"]
    node.run("umount", str(node.folder / "sub"))
    assert session.end(b"\n") == (1, b"0\n", b"")


def test_a_terminal_is_the_nodes(shim: Path, target: Target, node: Node, tmp_path: Path) -> None:
    """It has a name there."""
    terminal = {"tty": "1", "rows": "33", "columns": "99"}
    session = on_node(shim, target, node, tmp_path, "sh", "-c", "tty; stty size", **terminal)
    session.started("node")
    code, output, _ = session.end()
    name, size = output.decode().splitlines()
    assert (code, size) == (0, "33 99")
    assert name.startswith("/dev/pts/")


def test_a_root_that_is_not_there_starts_nothing(shim: Path, target: Target, node: Node, tmp_path: Path) -> None:
    """The container's is never taken instead."""
    session = Session(shim, target, identity("id"), run=tmp_path, root="/no/such", mounts=node.process.pid)
    event = session.refused()
    assert event["code"] == "shim"
    assert "/no/such" in event["message"]


def test_a_proc_that_cannot_be_mounted_starts_nothing(shim: Path, target: Target, node: Node, tmp_path: Path) -> None:
    """With the node's own /proc the command would take other processes for the container's."""
    weak = dict.fromkeys(("bounding", "permitted", "effective"), "0")
    event = on_node(shim, target, node, tmp_path, "id", **weak).refused()
    assert event["code"] == "shim"
    assert "/proc" in event["message"]


def test_the_session_ends_with_the_container(shim: Path, node: Node, tmp_path: Path) -> None:
    """Also where the command has neither its mounts nor a PID namespace that ends with it."""
    with Target(tmp_path / "root", own_pids=False) as target:
        session = on_node(shim, target, node, tmp_path, "sh", "-c", "echo up; exec sleep 1000")
        pid = session.up()
        target.end()
        assert session.ended() == 137
        eventually(lambda: gone(pid))


def test_the_first_process_is_watched_and_not_the_one_that_is_entered(shim: Path, tmp_path: Path) -> None:
    """A session by --process outlives that process, and not the container."""
    (tmp_path / "one").mkdir()
    with Target(tmp_path / "first", own_pids=False) as first, Target(tmp_path / "other", own_pids=False) as other:
        blob = identity("sh", "-c", "echo up; read -r _; ls /; exec sleep 1000")
        session = Session(shim, other, blob, run=tmp_path / "one", first=first.pid)
        session.up()
        other.end()
        session.stdin.write(b"\n")
        assert session.stdout.readline() == b"bin\n"
        first.end()
        assert session.ended() == 137


@pytest.mark.parametrize("first", ["dead", 0])
def test_a_container_that_has_ended_is_not_entered(
    shim: Path, shared_target: Target, tmp_path: Path, first: str | int
) -> None:
    """Its process may have outlived it where the PIDs are the pod's."""
    if first == "dead":
        ended = subprocess.Popen(["true"])
        ended.wait()
        first = ended.pid
    event = Session(shim, shared_target, identity("id"), run=tmp_path, first=int(first)).refused()
    assert event["code"] == "shim"


@pytest.mark.parametrize(
    ("uid", "lines", "gid"),
    [
        ("1234", "", "1235"),
        ("0", "", "0"),
        ("54321", "", "0"),
        ("77", "a:x:77:78:::\nb:x:77:79:::\n", "78"),
    ],
)
def test_a_users_group_is_that_of_the_containers_passwd(
    shim: Path, target: Target, tmp_path: Path, uid: str, lines: str, gid: str
) -> None:
    """By the first entry of the uid; 0 for a user without one."""
    with (Path(f"/proc/{target.pid}/root/etc/passwd")).open("a") as passwd:
        passwd.write(lines)
    who = {**USER, "uid": uid, "gid": "passwd"}
    session = Session(shim, target, identity("sh", "-c", "id -u; id -g; id -G", **who), run=tmp_path)
    session.started()
    assert session.end() == (0, f"{uid}\n{gid}\n{gid}\n".encode(), b"")


def test_a_users_group_by_a_bad_passwd_is_no_group(shim: Path, target: Target, tmp_path: Path) -> None:
    """-1 would leave the group as it is, which is the node's root's."""
    with (Path(f"/proc/{target.pid}/root/etc/passwd")).open("a") as passwd:
        passwd.write("bad:x:77:4294967295:::\n")
    who = {**USER, "uid": "77", "gid": "passwd"}
    assert Session(shim, target, identity("id", **who), run=tmp_path).refused()["code"] == "identity"


@pytest.mark.parametrize(
    ("no_new_privs", "permitted", "expected"), [("0", "0", "00000000a80425fb"), ("1", "0", "0" * 16), ("1", "fb", "fb")]
)
def test_root_of_a_users_container_has_what_the_kernel_gives_it(
    shim: Path, shared_target: Target, tmp_path: Path, no_new_privs: str, permitted: str, expected: str
) -> None:
    """The bounding set by execve; under no_new_privs no more than was permitted: --user 0, as runc's exec has it."""
    sets = {"bounding": "00000000a80425fb", "permitted": permitted, "effective": permitted}
    blob = identity("sed", "-n", "s/^CapEff:\t//p", "/proc/self/status", no_new_privs=no_new_privs, **sets)
    session = Session(shim, shared_target, blob, run=tmp_path)
    session.started()
    assert session.end() == (0, f"{expected:0>16}\n".encode(), b"")
