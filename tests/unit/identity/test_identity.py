"""Who the command will be, by the runtime's config.json, and how that is told to the shim."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_nsexec.errors import AgentError
from kubectl_nsexec.identity.devices import DEFAULT
from kubectl_nsexec.identity.identity import Identity, from_spec, of_target
from kubectl_nsexec.identity.proc import CAPABILITY_NUMBERS, RLIM_INFINITY
from kubectl_nsexec.identity.seccomp.compiler import compile_filter
from kubectl_nsexec.identity.variables import with_term, with_variables
from kubectl_nsexec.protocol.records import encode
from tests.unit.fakes import FACTS

DEFAULT_CAPS = [
    "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID",
    "CAP_SETUID", "CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE",
]  # fmt: skip
DEFAULT_MASK = 0xA80425FB
"""What /proc/PID/status shows for these in a container of containerd's."""

CONTAINERD_ROOT: dict[str, Any] = {
    "ociVersion": "1.1.0",
    "process": {
        "user": {"uid": 0, "gid": 0, "additionalGids": [0, 10, 1]},
        "args": ["sleep", "infinity"],
        "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOSTNAME=du-0", "MODE=a", "MODE=b=c", "EMPTY="],
        "cwd": "/",
        "capabilities": {"bounding": DEFAULT_CAPS, "effective": DEFAULT_CAPS, "permitted": DEFAULT_CAPS},
        "apparmorProfile": "cri-containerd.apparmor.d",
        "oomScoreAdj": -997,
    },
    "root": {"path": "rootfs"},
    "linux": {"cgroupsPath": "/kubepods/pod11111111-2222-3333-4444-555555555555/3f1c"},
}
CRIO_USER: dict[str, Any] = {
    "ociVersion": "1.2.0",
    "process": {
        "user": {"uid": 1000, "gid": 1001, "umask": 18, "additionalGids": [2000, 1001, 3000]},
        "args": ["/du"],
        "env": ["PATH=/bin", "TERM=xterm", "HOME=/home/du"],
        "cwd": "/srv",
        "capabilities": {
            "bounding": ["CAP_NET_BIND_SERVICE", "CAP_IPC_LOCK"],
            "effective": ["CAP_NET_BIND_SERVICE", "CAP_IPC_LOCK"],
            "permitted": ["CAP_NET_BIND_SERVICE", "CAP_IPC_LOCK"],
            "inheritable": ["CAP_IPC_LOCK"],
            "ambient": ["CAP_IPC_LOCK", "CAP_NET_BIND_SERVICE"],
        },
        "rlimits": [
            {"type": "RLIMIT_NOFILE", "hard": 1048576, "soft": 1024},
            {"type": "RLIMIT_MEMLOCK", "hard": RLIM_INFINITY, "soft": RLIM_INFINITY},
        ],
        "noNewPrivileges": True,
        "selinuxLabel": "system_u:system_r:container_t:s0:c1,c2",
    },
}


def changed(spec: dict[str, Any], **process: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """A copy of ``spec`` with another ``process``; None removes a key."""
    new = copy.deepcopy(spec)
    new["process"] |= process
    new["process"] = {key: value for key, value in new["process"].items() if value is not None}
    return new


def test_a_root_container_of_containerd() -> None:
    """Ids, default umask, capabilities as numbers, last of equal variables."""
    assert from_spec(CONTAINERD_ROOT, "amd64") == Identity(
        uid=0,
        gid=0,
        groups=(0, 1, 10),
        bounding=DEFAULT_MASK,
        permitted=DEFAULT_MASK,
        effective=DEFAULT_MASK,
        inheritable=0,
        ambient=0,
        no_new_privs=False,
        umask=0o022,
        cwd=b"/",
        rlimits=(),
        env=(b"PATH=/usr/sbin:/usr/bin:/sbin:/bin", b"HOSTNAME=du-0", b"MODE=b=c", b"EMPTY="),
        source="the runtime's config.json",
        apparmor=b"cri-containerd.apparmor.d",
    )


def test_a_non_root_container_of_crio() -> None:
    """All five sets are the spec's; of the ambient ones only those that the kernel would let be raised."""
    who = from_spec(CRIO_USER, "amd64")
    lock, bind = 1 << 14, 1 << 10
    assert (who.uid, who.gid, who.groups, who.umask) == (1000, 1001, (1001, 2000, 3000), 0o022)
    assert (who.bounding, who.permitted, who.effective) == (lock | bind, lock | bind, lock | bind)
    assert (who.inheritable, who.ambient) == (lock, lock)
    assert who.no_new_privs
    assert who.cwd == b"/srv"
    assert who.rlimits == ((7, 1024, 1048576), (8, RLIM_INFINITY, RLIM_INFINITY))


@pytest.mark.parametrize(
    ("label", "profile"),
    [
        (b"cri-containerd.apparmor.d (enforce)\n", b"cri-containerd.apparmor.d"),
        (b"cri-containerd.apparmor.d//&crun (mixed)\n", b"cri-containerd.apparmor.d//&crun"),
        (b"crun//&cri-containerd.apparmor.d (mixed)\n", b"crun//&cri-containerd.apparmor.d"),
        (b"crun//&another (mixed)\n", b"cri-containerd.apparmor.d"),
        (b"another (enforce)\n", b"cri-containerd.apparmor.d"),
        (b"unconfined\n", b"cri-containerd.apparmor.d"),
        (b"system_u:system_r:container_t:s0:c1,c2\0", b"cri-containerd.apparmor.d"),
        (b"", b"cri-containerd.apparmor.d"),
    ],
)
def test_crun_may_have_put_the_profile_upon_its_own(label: bytes, profile: bytes) -> None:
    """The label of the container's init counts where the spec's profile is one of it, and no other one does."""
    facts = FACTS._replace(spec=json.dumps(CONTAINERD_ROOT).encode(), label=label)
    assert of_target(facts, "amd64").apparmor == profile


@pytest.mark.parametrize(
    ("label", "crun", "profile"),
    [
        (b"crun (unconfined)\n", True, b"crun"),
        (b"runc (unconfined)\n", False, b"runc"),
        (b"runc (unconfined)\n", True, b""),
        (b"crun (enforce)\n", True, b""),
        (b"busybox (unconfined)\n", True, b""),
        (b"unconfined\n", True, b""),
        (b"cri-containerd.apparmor.d//&crun (mixed)\n", True, b""),
        (b"", False, b""),
    ],
)
def test_a_container_without_a_profile_stays_in_the_runtimes(label: bytes, crun: bool, profile: bytes) -> None:  # noqa: FBT001 - a row
    """Which confines nothing; whatever else its init has become since is its own."""
    config = json.dumps(changed(CONTAINERD_ROOT, apparmorProfile=None)).encode()
    assert of_target(FACTS._replace(spec=config, label=label, crun=crun), "amd64").apparmor == profile


@pytest.mark.parametrize("crun", [True, False])
def test_crun_gives_the_pipes_to_the_group_as_well(crun: bool) -> None:  # noqa: FBT001 - a row
    """What the shim is told of it."""
    who = of_target(FACTS._replace(spec=json.dumps(CONTAINERD_ROOT).encode(), crun=crun), "amd64")
    assert b"\0streams_group=%d\0" % crun in encode(who, [b"id"], stdin=False, verify=False)


@pytest.mark.parametrize("space", [{"type": "user"}, {"type": "user", "path": "/run/userns/1"}])
def test_a_user_namespace_of_its_own_is_known_by_the_spec(space: dict[str, str]) -> None:
    """With maps or by a path: containerd's specs name both, CRI-O's only the path."""
    namespaces = [{"type": "pid"}, {"type": "network", "path": "/run/netns/1"}]
    who = from_spec(CONTAINERD_ROOT | {"linux": {"namespaces": [*namespaces, space]}}, "amd64")
    assert who.user_namespace
    assert b"\0user_namespace=1\0" in encode(who, [b"id"], stdin=False, verify=False)
    assert not from_spec(CONTAINERD_ROOT | {"linux": {"namespaces": namespaces}}, "amd64").user_namespace


def test_no_capabilities_in_the_spec_are_no_capabilities() -> None:
    """A missing table gives nothing, not everything."""
    who = from_spec(changed(CONTAINERD_ROOT, capabilities=None), "amd64")
    assert (who.bounding, who.permitted, who.effective, who.inheritable, who.ambient) == (0, 0, 0, 0, 0)


def test_a_capability_that_nobody_knows_is_left_out_and_said() -> None:
    """As the runtimes do, which warn and start the container: each name once, whatever sets it is in."""
    names = ["CAP_FROM_THE_FUTURE", "CAP_CHOWN", "cap_kill"]
    who = from_spec(changed(CONTAINERD_ROOT, capabilities={"bounding": names, "permitted": names}), "amd64")
    assert (who.bounding, who.permitted, who.effective) == (1, 1, 0)
    assert who.lacks == (
        "the command lacks CAP_FROM_THE_FUTURE and cap_kill: no capability of that name is known here",
    )


@pytest.mark.parametrize(
    ("entries", "variables"),
    [
        (["PATH=/bin", "FOO"], (b"PATH=/bin",)),
        (["FOO=1", "FOO"], ()),
        (["FOO=1", "FOO", "FOO=2"], (b"FOO=2",)),
        (["FOO", "FOO=2"], (b"FOO=2",)),
        (["=odd", "A=1"], (b"=odd", b"A=1")),
        (["", "A=1"], (b"A=1",)),
        (["A=1", "B=2", "A=3=4"], (b"A=3=4", b"B=2")),
    ],
)
def test_the_environment_is_what_putenv_makes_of_the_list(entries: list[str], variables: tuple[bytes, ...]) -> None:
    """crun hands each entry to putenv(3), so one without "=" is no error: it takes the variable back."""
    assert from_spec(changed(CONTAINERD_ROOT, env=entries), "amd64").env == variables


def test_an_empty_directory_is_the_root() -> None:
    """Images without WORKDIR start in /."""
    assert from_spec(changed(CONTAINERD_ROOT, cwd=""), "amd64").cwd == b"/"


@pytest.mark.parametrize(
    "spec",
    [
        {},
        [],
        {"process": None},
        {"process": {"user": {"uid": 0}}},
        changed(CONTAINERD_ROOT, user={"uid": "root", "gid": 0}),
        changed(CONTAINERD_ROOT, capabilities={"bounding": 7}),
        changed(CONTAINERD_ROOT, capabilities=["CAP_CHOWN"]),
        changed(CONTAINERD_ROOT, rlimits=[{"type": "RLIMIT_BEER", "soft": 1, "hard": 1}]),
        changed(CONTAINERD_ROOT, rlimits=[{"type": "RLIMIT_NOFILE"}]),
        changed(CONTAINERD_ROOT, env=[7]),
    ],
)
def test_a_spec_that_is_not_understood_stops_the_run(spec: Any) -> None:  # noqa: ANN401 - broken JSON
    """A guess about identity could be too many rights."""
    with pytest.raises(AgentError, match="nothing was started") as caught:
        from_spec(spec, "amd64")
    assert caught.value.code == "identity"


def test_the_records_of_the_shim() -> None:
    """Every record ends in NUL; numbers are in the bases that the shim reads."""
    profile = {"defaultAction": "SCMP_ACT_LOG", "flags": ["SECCOMP_FILTER_FLAG_LOG"]}
    filtered = compile_filter(profile, "amd64")
    label = "system_u:system_r:container_t:s0:c1,c2"
    spec = changed(CRIO_USER, selinuxLabel=label) | {
        "linux": {"seccomp": profile, "resources": {"devices": [{"allow": True, "access": "rwm"}]}}
    }
    who = from_spec(spec, "amd64")
    assert filtered.program
    assert encode(who, [b"ls", b"-l", b""], stdin=True, verify=False).split(b"\0") == [
        b"uid=1000",
        b"gid=1001",
        b"groups=1001,2000,3000",
        b"bounding=0000000000004400",
        b"permitted=0000000000004400",
        b"effective=0000000000004400",
        b"inheritable=0000000000004000",
        b"ambient=0000000000004000",
        b"no_new_privs=1",
        b"seccomp=" + filtered.program.hex().encode(),
        b"seccomp_flags=2",
        b"selinux=system_u:system_r:container_t:s0:c1,c2",
        b"apparmor=",
        b"user_namespace=0",
        b"streams_group=0",
        b"devices=a," + DEFAULT,
        b"umask=0022",
        b"cwd=/srv",
        b"rlimit=7:1024:1048576",
        b"rlimit=8:18446744073709551615:18446744073709551615",
        b"env=PATH=/bin",
        b"env=TERM=xterm",
        b"env=HOME=/home/du",
        b"arg=ls",
        b"arg=-l",
        b"arg=",
        b"stdin=1",
        b"verify=0",
        b"tty=0",
        b"rows=0",
        b"columns=0",
        b"limit_ms=0",
        b"",
    ]


@given(st.lists(st.binary().filter(lambda word: b"\0" not in word), min_size=1))
def test_arguments_pass_byte_for_byte(argv: list[bytes]) -> None:
    """Blanks, quotes, newlines, equals signs, bytes that are no UTF-8: all of it is data."""
    records = encode(from_spec(CRIO_USER, "amd64"), argv, stdin=False, verify=False).split(b"\0")
    assert [record[4:] for record in records if record.startswith(b"arg=")] == argv


def test_a_nul_byte_cannot_be_passed_on() -> None:
    """It would end a record early and begin another one."""
    with pytest.raises(AgentError, match="NUL byte in arg"):
        encode(from_spec(CRIO_USER, "amd64"), [b"a\0uid=0"], stdin=False, verify=False)
    with pytest.raises(AgentError, match="NUL byte in env"):
        encode(from_spec(changed(CRIO_USER, env=["A=\0uid=0"]), "amd64"), [b"a"], stdin=False, verify=False)


def test_only_a_check_has_no_command() -> None:
    """--verify needs no command; everything else does."""
    assert encode(from_spec(CRIO_USER, "amd64"), [], stdin=False, verify=True).endswith(
        b"\0stdin=0\0verify=1\0tty=0\0rows=0\0columns=0\0limit_ms=0\0"
    )
    with pytest.raises(AgentError, match="no command"):
        encode(from_spec(CRIO_USER, "amd64"), [], stdin=False, verify=False)


def test_capabilities_have_the_kernels_numbers() -> None:
    """A shifted table would give away other rights than asked for: samples from capability.h."""
    samples = {"CAP_CHOWN": 0, "CAP_SETPCAP": 8, "CAP_SYS_ADMIN": 21, "CAP_SYSLOG": 34, "CAP_CHECKPOINT_RESTORE": 40}
    assert {name: CAPABILITY_NUMBERS[name] for name in samples} == samples
    assert len(CAPABILITY_NUMBERS) == 41


def test_a_terminal_is_told_with_its_size() -> None:
    """The window is there before the command is."""
    records = encode(from_spec(CRIO_USER, "amd64"), [b"top"], stdin=True, verify=False, window=(33, 99))
    assert records.endswith(b"\0stdin=1\0verify=0\0tty=1\0rows=33\0columns=99\0limit_ms=0\0")


@pytest.mark.parametrize(
    ("own", "term", "runtime", "expected"),
    [
        ([], None, "containerd", b"xterm"),
        (["TERM=vt100"], None, "containerd", b"xterm"),
        ([], None, "cri-o", b"xterm"),
        (["TERM=vt100"], None, "cri-o", b"vt100"),
        (["TERM=vt100"], "screen", "cri-o", b"screen"),
    ],
)
def test_term_is_what_the_runtimes_exec_makes_of_it(
    own: list[str], term: str | None, runtime: str, expected: bytes
) -> None:
    """Once and only once in the environment; a shell without a command has the user's."""
    who = with_term(from_spec(changed(CRIO_USER, env=["A=b", *own]), "amd64"), term, runtime)
    assert who.env == (b"A=b", b"TERM=" + expected)


def test_variables_of_the_caller_go_before_the_containers() -> None:
    """One of the container's name takes its place; none is there twice; what is empty is there."""
    who = from_spec(changed(CRIO_USER, env=["A=b", "PATH=/bin", "C=d"]), "amd64")
    assert with_variables(who, (b"A=x=y", b"NEW=")).env == (b"A=x=y", b"PATH=/bin", b"C=d", b"NEW=")
    assert with_variables(who, ()).env == who.env
