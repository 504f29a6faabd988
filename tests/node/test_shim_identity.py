"""What the shim makes of an identity: the command is who it says, or nothing runs."""

from __future__ import annotations

import errno
import os
import platform
import resource
import signal
from pathlib import Path

import pytest

from kubectl_nsexec.identity.seccomp.compiler import compile_filter
from tests.node.shim_lab import (
    ALL_CAPABILITIES,
    USER,
    Session,
    Target,
    identity,
)
from tests.node.shim_lab import status as field

FIELDS = (
    "Uid",
    "Gid",
    "Groups",
    "CapInh",
    "CapPrm",
    "CapEff",
    "CapBnd",
    "CapAmb",
    "NoNewPrivs",
    "Umask",
    "SigBlk",
    "SigIgn",
)
NONE = "0" * 16
DESCRIPTORS = "for n in $(seq 0 99); do [ ! -e /proc/$$/fd/$n ] || echo $n; done"
"""Says which descriptors the shell has."""


def seen(shim: Path, target: Target, run: Path, **changes: str | list[str]) -> dict[str, str]:
    """The command's own /proc/self/status."""
    session = Session(shim, target, identity("cat", "/proc/self/status", **changes), run=run)
    session.started()
    code, output, errors = session.end()
    assert (code, errors) == (0, b"")
    return {key: field(output.decode(), key).strip() for key in FIELDS}


def test_root_with_all_rights(shim: Path, shared_target: Target, tmp_path: Path) -> None:
    """A privileged container's root, without groups."""
    found = seen(shim, shared_target, tmp_path, umask="0077")
    assert found["Uid"].split() == found["Gid"].split() == ["0"] * 4
    assert (found["Groups"], found["Umask"], found["NoNewPrivs"]) == ("", "0077", "0")
    assert [found[key] for key in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")] == [
        NONE,
        ALL_CAPABILITIES,
        ALL_CAPABILITIES,
        ALL_CAPABILITIES,
        NONE,
    ]


def test_root_of_an_ordinary_container(shim: Path, shared_target: Target, tmp_path: Path) -> None:
    """Root is only as strong as the container's bounding set; no signal is blocked or ignored."""
    few = "00000000a80425fb"
    blob = identity("cat", "/proc/self/status", bounding=few, permitted=few, effective=few)
    session = Session(shim, shared_target, blob, run=tmp_path, ignored=[signal.SIGUSR1, signal.SIGTERM])
    session.started()
    status = session.end()[1].decode()
    found = {key: field(status, key).strip() for key in FIELDS}
    assert [found[key] for key in ("CapPrm", "CapEff", "CapBnd", "CapAmb")] == [few, few, few, NONE]
    assert (found["SigBlk"], found["SigIgn"]) == (NONE, NONE)


def test_user_with_groups_and_without_rights(shim: Path, shared_target: Target, tmp_path: Path) -> None:
    """Ids in all four places, fsGroup and supplementary groups, no_new_privs, nothing permitted."""
    found = seen(shim, shared_target, tmp_path, **USER, groups="5,2000,4294967294", no_new_privs="1", bounding="ff")
    assert found["Uid"].split() == ["1234"] * 4
    assert found["Gid"].split() == ["1235"] * 4
    assert found["Groups"].split() == ["5", "2000", "4294967294"]
    assert [found[key] for key in ("CapInh", "CapPrm", "CapEff", "CapAmb")] == [NONE] * 4
    assert (found["CapBnd"], found["NoNewPrivs"]) == (f"{0xFF:016x}", "1")


NODE_ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]


def filtered(action: str, *names: str, number: int = errno.EXDEV) -> dict[str, str]:
    """Records of a filter that does this to these calls and allows all others."""
    rule = {"names": [*names], "action": action, "errnoRet": number}
    made = compile_filter({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule]}, NODE_ARCHITECTURE)
    return {"seccomp": made.program.hex(), "seccomp_flags": str(made.flags)}


@pytest.mark.parametrize("no_new_privs", ["0", "1"])
@pytest.mark.parametrize("who", [{}, USER])
def test_the_containers_filter_decides_on_the_commands_calls(
    shim: Path, shared_target: Target, tmp_path: Path, who: dict[str, str], no_new_privs: str
) -> None:
    """Without no_new_privs it takes CAP_SYS_ADMIN to load, which a container has not; the supervisor is free of it."""
    rules = filtered("SCMP_ACT_ERRNO", "mkdir", "mkdirat")
    few = {} if who else {"bounding": "fb", "permitted": "fb", "effective": "fb"}
    script = "grep ^Seccomp: /proc/self/status; mkdir /tmp/x 2>&1; echo up; read -r _"
    blob = identity("sh", "-c", script, **{**who, **few}, **rules, no_new_privs=no_new_privs)
    session = Session(shim, shared_target, blob, run=tmp_path)
    session.started()
    assert session.stdout.readline() == b"Seccomp:\t2\n"
    assert b"cross-device" in session.stdout.readline()
    assert session.stdout.readline() == b"up\n"
    supervisor = Path(f"/proc/{session.process.pid}/status").read_text()
    assert field(supervisor, "Seccomp") == "0"
    assert session.end(b"\n")[0] == 0


def test_a_filter_that_kills_on_the_way_is_told(shim: Path, shared_target: Target, tmp_path: Path) -> None:
    """A profile may forbid what becoming another user takes; the runtime's own exec fails as well."""
    blob = identity("true", **filtered("SCMP_ACT_KILL_PROCESS", "capset"))
    error = Session(shim, shared_target, blob, run=tmp_path).refused()
    assert error["code"] == "identity"
    assert "signal 31" in error["message"]


def test_a_filter_that_forbids_the_command_itself_is_told(shim: Path, shared_target: Target, tmp_path: Path) -> None:
    """Execve refused by the filter is as good as a file that is not executable."""
    blob = identity("true", **filtered("SCMP_ACT_ERRNO", "execve", number=errno.EACCES), no_new_privs="1")
    session = Session(shim, shared_target, blob, run=tmp_path)
    session.started()
    code, _, errors = session.end()
    assert (code, errors) == (126, b'exec: "true": Permission denied\n')


def test_a_filter_that_the_kernel_refuses_starts_nothing(shim: Path, shared_target: Target, tmp_path: Path) -> None:
    """A jump out of the program, say."""
    blob = identity("true", seccomp="00050000000000090006000000000000")
    error = Session(shim, shared_target, blob, run=tmp_path).refused()
    assert (error["code"], "filter cannot be loaded" in error["message"]) == ("identity", True)


@pytest.mark.parametrize("module", ["selinux", "apparmor"])
def test_a_label_that_cannot_be_taken_starts_nothing(
    shim: Path, shared_target: Target, tmp_path: Path, module: str
) -> None:
    """No security module of this machine knows it."""
    blob = identity("true", **{module: "no-such-label"})
    error = Session(shim, shared_target, blob, run=tmp_path).refused()
    assert (error["code"], "'no-such-label' cannot be taken" in error["message"]) == ("identity", True)


def test_user_with_one_ambient_capability(shim: Path, shared_target: Target, tmp_path: Path) -> None:
    """An ambient capability survives exec by a user, as the runtime makes it."""
    one = f"{1 << 10:x}"
    sets = {"bounding": one, "permitted": one, "effective": one, "inheritable": one, "ambient": one}
    found = seen(shim, shared_target, tmp_path, **{**USER, **sets})
    assert {found[key] for key in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {f"{1 << 10:016x}"}


def test_environment_directory_limits_and_descriptors(shim: Path, shared_target: Target, tmp_path: Path) -> None:
    """The command has the container's environment to the byte, its directory, limits, and descriptors 0, 1, 2 only."""
    script = f"cat /proc/$$/environ; echo; pwd -P; ulimit -n; ulimit -H -n; {DESCRIPTORS}"
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    leak = os.open("/", os.O_RDONLY)
    blob = identity(
        *("sh", "-c", script),
        env=["PATH=/bin:/usr/bin", "HOME=/h", "EMPTY=", "LINES=a\nb=c", "BYTES=\udcff", "ODD"],
        cwd="/srv",
        rlimit=[f"7:100:{hard - 1}", f"4:0:{resource.getrlimit(resource.RLIMIT_CORE)[1] % (1 << 64)}"],
    )
    session = Session(shim, shared_target, blob, run=tmp_path, pass_fds=(leak,))
    os.close(leak)
    session.started()
    code, output, errors = session.end()
    environment, rest = output.split(b"\n/srv\n")
    assert (code, errors) == (0, b"")
    assert environment == b"PATH=/bin:/usr/bin\0HOME=/h\0EMPTY=\0LINES=a\nb=c\0BYTES=\xff\0ODD\0"
    assert rest.decode().split() == ["100", str(hard - 1), "0", "1", "2"]


@pytest.mark.parametrize(
    ("who", "env", "home"),
    [
        ({}, [], b"/root"),
        (USER, [], b"/srv/one"),
        (USER, ["HOME="], b"/srv/one"),
        (USER, ["HOME=/given"], b"/given"),
        ({"uid": "54321"}, [], b"/"),
    ],
)
def test_a_missing_home_is_that_of_the_containers_passwd(
    shim: Path, shared_target: Target, tmp_path: Path, who: dict[str, str], env: list[str], home: bytes
) -> None:
    """As the runtime finds it: the first entry of the uid, / for a user without one, and only where none is given."""
    changes: dict[str, str | list[str]] = {
        **who,
        "permitted": "0",
        "effective": "0",
        "env": ["PATH=/usr/bin:/bin", *env],
    }
    session = Session(shim, shared_target, identity("sh", "-c", "echo $HOME", **changes), run=tmp_path)
    session.started()
    assert session.end() == (0, home + b"\n", b"")


def test_descriptors_are_closed_on_old_kernels_too(
    old_kernel_shim: Path, shared_target: Target, tmp_path: Path
) -> None:
    """Without close_range(2) an inherited descriptor does not reach the container either."""
    leaks = [os.dup(0) for _ in range(3)]
    blob = identity("sh", "-c", DESCRIPTORS)
    session = Session(old_kernel_shim, shared_target, blob, run=tmp_path, pass_fds=leaks)
    for leak in leaks:
        os.close(leak)
    session.started()
    assert session.end() == (0, b"0\n1\n2\n", b"")


def test_arguments_arrive_as_they_are(shim: Path, shared_target: Target, tmp_path: Path) -> None:
    """No shell and no decoding anywhere: blanks, quotes, newlines, $(), empty strings and odd bytes."""
    nasty = ["a b", "'\"", "x\ny", "$(id)", "", "*", "\udcfe\udcff", "--"]
    session = Session(shim, shared_target, identity("printf", "<%s>", *nasty), run=tmp_path)
    session.started()
    assert session.end() == (0, b"".join(b"<%s>" % os.fsencode(word) for word in nasty), b"")


def test_root_is_the_containers(shim: Path, shared_target: Target, tmp_path: Path) -> None:
    """The command sees the container's root and PIDs, and the node's nowhere."""
    session = Session(shim, shared_target, identity("sh", "-c", "ls /; tr '\\0' ' ' </proc/1/cmdline"), run=tmp_path)
    session.started()
    _, output, _ = session.end()
    assert "marker" in output.decode().split()
    assert not {"home", "root", "opt"} & set(output.decode().split())
    assert b"/bin/sh -c echo " in output


def test_directory_closed_to_the_user_is_entered(shim: Path, shared_target: Target, tmp_path: Path) -> None:
    """As runc does: the image's working directory need not be open to the user."""
    session = Session(shim, shared_target, identity("sh", "-c", "pwd", cwd="/srv/closed", **USER), run=tmp_path)
    session.started()
    assert session.end() == (0, b"/srv/closed\n", b"")


def test_user_may_open_the_streams_by_name(shim: Path, shared_target: Target, tmp_path: Path) -> None:
    """The pipes belong to the user, as the runtime's do."""
    session = Session(shim, shared_target, identity("sh", "-c", "echo named >/dev/stdout", **USER), run=tmp_path)
    session.started()
    assert session.end() == (0, b"named\n", b"")


@pytest.mark.parametrize(("streams_group", "group"), [("0", "0"), ("1", "1235")])
def test_the_streams_group_is_the_runtimes_to_say(
    shim: Path, shared_target: Target, tmp_path: Path, streams_group: str, group: str
) -> None:
    """runc leaves it as it is, root's; crun gives it to the user's."""
    script = "stat -Lc '%u %g' /proc/self/fd/1 /proc/self/fd/2"
    blob = identity("sh", "-c", script, **{**USER, "streams_group": streams_group})
    session = Session(shim, shared_target, blob, run=tmp_path)
    session.started()
    assert session.end() == (0, f"1234 {group}\n".encode() * 2, b"")


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"bounding": "8000000000000000"}, "capability 63"),
        ({"permitted": "1", "effective": "3"}, "capabilities"),
        ({"ambient": "1"}, "ambient capability 0"),
        ({"rlimit": "7:18446744073709551615:18446744073709551615"}, "resource limit 7"),
        ({"cwd": "/no/such"}, "'/no/such'"),
        ({"cwd": "/marker"}, "'/marker'"),
    ],
)
def test_identity_that_cannot_be_taken_runs_nothing(
    shim: Path, shared_target: Target, tmp_path: Path, changes: dict[str, str], word: str
) -> None:
    """What the kernel refuses is named; the command does not start with anything else instead."""
    event = Session(shim, shared_target, identity("true", **changes), run=tmp_path).refused()
    assert event["code"] == "identity"
    assert word in event["message"]
