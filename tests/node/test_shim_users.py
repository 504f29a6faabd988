"""A container with a user namespace of its own (hostUsers: false): its ids and rights are those of that namespace."""

from __future__ import annotations

import fcntl
import os
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kubectl_nsexec.identity.seccomp.compiler import compile_filter
from tests.node.shim_lab import ALL_CAPABILITIES, FIRST_ID, USER, Session, Target, eventually, identity, status

if TYPE_CHECKING:
    from collections.abc import Iterator

FEW = "00000000a80425fb"
OWN = {"user_namespace": "1"}
ORDINARY = {**OWN, "bounding": FEW, "permitted": FEW, "effective": FEW}


@pytest.fixture(scope="module")
def inside() -> Iterator[Target]:
    """A container in a user namespace; its files are mounted over a folder that everybody may enter."""
    if os.geteuid() != 0:
        pytest.fail("these tests enter namespaces as the node's root does: run them as root")
    with Target(Path("/mnt"), own_users=True) as target:
        yield target


def space(pid: int, kind: str = "user") -> str:
    """The namespace of a process."""
    return str(Path(f"/proc/{pid}/ns/{kind}").readlink())


def ran(shim: Path, target: Target, run: Path, script: str, **changes: str | list[str]) -> str:
    """What the script prints, to its end."""
    session = Session(shim, target, identity("sh", "-c", script, **changes), run=run)
    session.started()
    code, output, errors = session.end()
    assert (code, errors) == (0, b""), (code, output, errors)
    return output.decode()


def test_root_is_root_of_the_containers_users_only(shim: Path, inside: Target, tmp_path: Path) -> None:
    """Uid 0 there, FIRST_ID on the node, in the container's namespace, with the same map; rights as told."""
    session = Session(shim, inside, identity("sh", "-c", "echo up; exec cat", **ORDINARY), run=tmp_path)
    pid = session.up()
    seen = Path(f"/proc/{pid}/status").read_text()
    assert status(seen, "Uid").split() == status(seen, "Gid").split() == [str(FIRST_ID)] * 4
    assert [status(seen, key) for key in ("CapBnd", "CapPrm", "CapEff")] == [FEW] * 3
    for kind in ("user", "mnt", "uts"):
        assert space(pid, kind) == space(inside.pid, kind)
    assert session.end() == (0, b"", b"")


def test_inside_ids_are_the_containers(shim: Path, inside: Target, tmp_path: Path) -> None:
    """A user with groups, as the command itself sees it, and the files of the namespace."""
    script = "id -u; id -g; id -G; cat /proc/self/setgroups; cat /proc/self/uid_map"
    lines = ran(shim, inside, tmp_path, script, **{**USER, **OWN}, groups="5,2000").split("\n")
    assert lines[:4] == ["1234", "1235", "1235 5 2000", "allow"]
    assert lines[4].split() == ["0", str(FIRST_ID), "65536"]


@pytest.mark.parametrize("who", [ORDINARY, {**USER, **OWN, "bounding": FEW}])
def test_the_supervisor_has_no_more_rights_than_the_command(
    shim: Path, inside: Target, tmp_path: Path, who: dict[str, str]
) -> None:
    """Once the command runs, nobody of the session has a right over the node."""
    session = Session(shim, inside, identity("sh", "-c", "echo up; exec cat", **who), run=tmp_path)
    pid = session.up()
    ours, its = (Path(f"/proc/{number}/status").read_text() for number in (session.process.pid, pid))
    for key in ("Uid", "Gid", "CapBnd", "CapInh", "CapAmb"):
        assert status(ours, key) == status(its, key)
    assert status(ours, "CapEff") == status(ours, "CapPrm") == f"{int(who['permitted'], 16):016x}"
    assert space(session.process.pid) == space(inside.pid)
    assert session.end()[0] == 0


@pytest.mark.parametrize("who", [ORDINARY, {**USER, **OWN, "bounding": FEW}])
def test_what_the_container_sees_never_has_more_rights(
    shim: Path, inside: Target, tmp_path: Path, who: dict[str, str]
) -> None:
    """What becomes the command waits in the container's PID namespace for our word, with the command's rights alone."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    os.write(writer, b"-" * 4096)  # so that the start event, and with it that word, cannot be said yet
    session = Session(shim, inside, identity("true", **who), run=tmp_path, stdout=writer)
    os.close(writer)
    eventually(lambda: bool(children(session.process.pid)))
    (seen,) = children(session.process.pid)
    assert status(seen, "Name") == "nsexec-shim"
    assert set(status(seen, "Uid").split()) == {str(FIRST_ID + int(who.get("uid", "0")))}
    assert status(seen, "CapBnd") == FEW
    assert int(status(seen, "CapEff"), 16) == int(status(seen, "CapPrm"), 16) == int(who["permitted"], 16)
    assert space(int(status(seen, "Pid"))) == space(inside.pid)
    with os.fdopen(reader, "rb") as output:
        assert b'"event":"start"' in output.read()
    assert session.end()[0] == 0


def children(supervisor: int) -> list[str]:
    """/proc/PID/status of those children of it that have a number in the container's PID namespace."""
    found = []
    for child in Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split():
        with suppress(OSError):
            found.append(Path(f"/proc/{child}/status").read_text())
    return [text for text in found if len(status(text, "NSpid").split()) > 1]


def test_rights_end_with_the_namespace(shim: Path, inside: Target, tmp_path: Path) -> None:
    """Every capability there opens the container's files and none that is the node's root's own."""
    script = "mkdir /srv/made && mount -t tmpfs tmpfs /srv/made && umount /srv/made && hostname apart && echo made"
    nodes = "(: >>/proc/sys/vm/swappiness) 2>/dev/null || echo refused"
    output = ran(shim, inside, tmp_path, f"{script}; {nodes}", **OWN, bounding=ALL_CAPABILITIES)
    assert output == "made\nrefused\n"


@pytest.mark.parametrize("no_new_privs", ["0", "1"])
def test_the_containers_filter_decides(shim: Path, inside: Target, tmp_path: Path, no_new_privs: str) -> None:
    """Without no_new_privs the right to load it is one inside the namespace; joining, which it forbids, comes first."""
    refused = [{"names": ["setns", "mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 18}]
    profile = {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"], "syscalls": refused}
    made = compile_filter(profile, "amd64")
    filtered = {"seccomp": made.program.hex(), "seccomp_flags": str(made.flags), "no_new_privs": no_new_privs}
    script = "mkdir /srv/no 2>&1; sed -n 's/^Seccomp:.//p' /proc/self/status"
    output = ran(shim, inside, tmp_path, script, **ORDINARY, **filtered)
    assert "cross-device" in output
    assert output.endswith("\n2\n")


def test_streams_belong_to_the_user(shim: Path, inside: Target, tmp_path: Path) -> None:
    """Uid and gid of the user there, so that /dev/stdout can be opened by name."""
    script = "stat -Lc '%u %g' /proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2; echo open >/dev/stdout"
    assert ran(shim, inside, tmp_path, script, **{**USER, **OWN}) == "1234 1235\n" * 3 + "open\n"


def test_terminal_belongs_to_the_user(shim: Path, inside: Target, tmp_path: Path) -> None:
    """Of the container's own /dev/pts, and its group is the container's, not the node's root."""
    script = "tty; stat -Lc '%u %g %a' /dev/pts/0; echo open >/dev/pts/0"
    blob = identity("sh", "-c", script, **{**USER, **OWN}, tty="1", rows="33", columns="99")
    session = Session(shim, inside, blob, run=tmp_path)
    session.started("container")
    assert session.end()[:2] == (0, b"/dev/pts/0\r\n1234 0 620\r\nopen\r\n")


def test_a_directory_that_only_the_nodes_root_may_enter_is_not_entered(shim: Path, tmp_path: Path) -> None:
    """The directory is looked for with the rights of the container's root, not with the node's."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with Target(Path("/mnt"), own_users=True) as target:
        enter = ["nsenter", f"--mount=/proc/{target.pid}/ns/mnt"]
        subprocess.run([*enter, "mount", "--bind", closed, "/mnt/srv/closed"], check=True)
        event = Session(shim, target, identity("id", **OWN, cwd="/srv/closed"), run=tmp_path).refused()
    assert event["code"] == "identity"
    assert "/srv/closed" in event["message"]


@pytest.mark.parametrize("who", [{"uid": "65536"}, {"gid": "65536"}, {"groups": "65536"}])
def test_ids_that_the_namespace_lacks_start_nothing(
    shim: Path, inside: Target, tmp_path: Path, who: dict[str, str]
) -> None:
    """The runtime's own exec refuses them too."""
    assert Session(shim, inside, identity("id", **OWN, **who), run=tmp_path).refused()["code"] == "identity"


def test_a_namespace_that_no_config_names_is_not_entered(shim: Path, inside: Target, tmp_path: Path) -> None:
    """Its ids would not be those that the identity means."""
    assert Session(shim, inside, identity("id"), run=tmp_path).refused()["code"] == "user-namespace"


def test_a_namespace_that_is_not_there_starts_nothing(shim: Path, shared_target: Target, tmp_path: Path) -> None:
    """Rights that are meant inside one would be rights over the node."""
    assert Session(shim, shared_target, identity("id", **OWN), run=tmp_path).refused()["code"] == "user-namespace"


def test_with_the_nodes_files_the_users_are_the_nodes(shim: Path, inside: Target, tmp_path: Path) -> None:
    """--host-tools: the node's root, who can look into the container's root by its own /proc."""
    env = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]
    script = "readlink /proc/self/ns/user; id -u; ls /proc/1/root"
    session = Session(shim, inside, identity("sh", "-c", script, env=env), run=tmp_path, root="/", mounts=os.getpid())
    session.started()
    code, output, errors = session.end()
    lines = output.decode().splitlines()
    assert (code, errors, lines[:2]) == (0, b"", [space(os.getpid()), "0"])
    assert "marker" in lines
