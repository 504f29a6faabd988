"""What becomes of an identity that is given more, and what the user is told."""

from __future__ import annotations

import pytest

from kubectl_nsexec.errors import AgentError
from kubectl_nsexec.identity.identity import Identity
from kubectl_nsexec.identity.privileges import directory, grant, granted
from kubectl_nsexec.identity.seccomp.compiler import UNFILTERED, Filter
from kubectl_nsexec.model.privileges import AS_EXEC, Privileges, User
from kubectl_nsexec.protocol.records import encode
from tests.unit.fakes import FACTS

PTRACE = 1 << 19
CONTAINER = Identity(
    uid=1000,
    gid=1001,
    groups=(10, 3000, 4000),
    bounding=0xFB,
    permitted=0xB,
    effective=0x9,
    inheritable=0x3,
    ambient=0x1,
    no_new_privs=True,
    umask=0o077,
    cwd=b"/srv",
    rlimits=((7, 1024, 4096),),
    env=(b"PATH=/bin", b"A=b"),
    source="the runtime's config.json",
    seccomp=Filter(b"8 bytes!", 1),
    selinux=b"system_u:system_r:container_t:s0:c1,c2",
    apparmor=b"cri-containerd.apparmor.d",
    lacks=("something",),
)
ALL = FACTS.capabilities


def differing(one: Identity, other: Identity) -> dict[str, object]:
    """What ``other`` has that ``one`` has not."""
    return {name: value for name, value in other._asdict().items() if getattr(one, name) != value}


def test_nothing_asked_is_nothing_changed() -> None:
    """The usual run: the identity is untouched and nothing is said."""
    assert grant(CONTAINER, AS_EXEC, FACTS, (3000,)) == CONTAINER
    assert granted(CONTAINER, AS_EXEC, FACTS) == ()


def test_privileged_is_root_with_all_that_the_helper_has() -> None:
    """No groups, nothing inheritable, nothing that holds it in; limits, umask, directory and environment stay."""
    assert differing(CONTAINER, grant(CONTAINER, Privileges(privileged=True), FACTS, (3000,))) == {
        "uid": 0,
        "gid": 0,
        "groups": (),
        "bounding": ALL,
        "permitted": ALL,
        "effective": ALL,
        "inheritable": 0,
        "ambient": 0,
        "no_new_privs": False,
        "seccomp": UNFILTERED,
        "devices": b"a",
        "selinux": b"",
        "apparmor": b"",
        "lacks": (),
        "source": "--privileged",
    }


def test_root_of_a_user_namespace_is_root_there() -> None:
    """--privileged joins it, as ``nsenter -a`` does, and says so; --host-tools does not; another user stays in it."""
    own = CONTAINER._replace(user_namespace=True)
    root, tools, user = Privileges(privileged=True), Privileges(host_tools=True), Privileges(user=User(7))
    assert [grant(own, privileges, FACTS, ()).user_namespace for privileges in (root, tools, user)] == [
        True,
        False,
        True,
    ]
    assert "only in the container's own user namespace" in granted(own, root, FACTS)[0]
    assert "root on the node in effect" not in granted(own, root, FACTS)[0]
    assert "its namespaces but its users are the container's" in granted(own, tools, FACTS)[0]


@pytest.mark.parametrize(("asked", "gid"), [(User(0), None), (User(0, 5), 5)])
def test_another_user_has_the_containers_sets(asked: User, gid: int | None) -> None:
    """Ids change and the image's own groups go; capability sets, no_new_privs, filter and labels stay, root or not."""
    who = grant(CONTAINER, Privileges(user=asked), FACTS, (4000, 3000, 5000))
    assert differing(CONTAINER, who) == {"uid": 0, "gid": gid, "groups": (3000, 4000)}


def test_a_group_that_is_not_known_yet_is_left_to_the_shim() -> None:
    """It reads the container's /etc/passwd."""
    who = grant(CONTAINER, Privileges(user=User(7)), FACTS, ())
    assert b"\0gid=passwd\0" in encode(who, [b"id"], stdin=False, verify=False)


def test_host_tools_take_nothing_of_the_container() -> None:
    """The node's root, a plain PATH, no limits of the container; and where to find the container."""
    who = grant(CONTAINER, Privileges(host_tools=True), FACTS._replace(inner_pid=7), (3000,))
    assert (who.uid, who.gid, who.groups, who.cwd, who.umask, who.rlimits) == (0, 0, (), b"/", 0o022, ())
    assert {who.bounding, who.permitted, who.effective} == {ALL}
    assert (who.inheritable, who.ambient, who.no_new_privs) == (0, 0, False)
    assert (who.seccomp, who.selinux, who.apparmor, who.lacks) == (UNFILTERED, b"", b"", ())
    assert who.devices == b"a"
    assert who.env == (
        b"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        b"NSEXEC_PID=7",
        b"NSEXEC_ROOT=/proc/7/root",
    )


@pytest.mark.parametrize("privileges", [Privileges(), Privileges(privileged=True), Privileges(user=User(7, 7))])
def test_a_process_gives_its_directory(privileges: Privileges) -> None:
    """Whoever the command is; all else is the container's."""
    there = FACTS._replace(cwd=b"/var/run")
    usual = grant(CONTAINER, privileges, there, (3000,))
    assert usual.cwd == b"/srv"
    assert grant(CONTAINER, privileges._replace(process=7), there, (3000,)) == usual._replace(cwd=b"/var/run")


@pytest.mark.parametrize(
    ("root", "cwd", "expected"),
    [
        (b"/", b"/", b"/"),
        (b"/", b"/srv/x", b"/srv/x"),
        (b"/jail", b"/jail", b"/"),
        (b"/jail", b"/jail/srv", b"/srv"),
    ],
)
def test_a_directory_is_seen_from_the_processs_root(root: bytes, cwd: bytes, expected: bytes) -> None:
    """Chroot(2) may have changed it."""
    assert directory(FACTS._replace(root=root, cwd=cwd)) == expected


@pytest.mark.parametrize(
    ("root", "cwd"),
    [(b"/jail", b"/"), (b"/jail", b"/jailed"), (b"/jail", b"/srv"), (b"", b"/srv"), (b"/", b""), (b"/", b"srv")],
)
def test_a_directory_outside_the_root_stops_the_run(root: bytes, cwd: bytes) -> None:
    """As does one that is not known: another would be a guess."""
    with pytest.raises(AgentError, match="nothing was started"):
        directory(FACTS._replace(root=root, cwd=cwd))


@pytest.mark.parametrize(
    ("privileges", "words"),
    [
        (Privileges(privileged=True), ["--privileged: the command is root with every capability"]),
        (Privileges(host_tools=True), ["--host-tools: the command is the node's own", "/proc/1/root ($NSEXEC_ROOT)"]),
        (Privileges(user=User(7)), ["--user: the command is uid 7", "/etc/passwd, else 0"]),
        (Privileges(user=User(7, 8)), ["--user: the command is uid 7 with gid 8"]),
        (Privileges(process="x"), ["--process: the command has the namespaces, root and directory of", "process 1"]),
    ],
)
def test_each_power_is_told_in_a_line(privileges: Privileges, words: list[str]) -> None:
    """What was granted, by the flag's name."""
    (line,) = granted(CONTAINER, privileges, FACTS)
    assert all(word in line for word in words)
    assert "\n" not in line


def test_two_powers_are_two_lines() -> None:
    """Where and who."""
    told = granted(CONTAINER, Privileges(host_tools=True, process="x"), FACTS)
    assert [line.split(":")[0] for line in told] == ["--host-tools", "--process"]
    assert "namespaces of" in told[1]


@pytest.mark.parametrize("privileges", [Privileges(privileged=True), Privileges(host_tools=True)])
def test_a_container_that_can_take_the_command_over_is_named(privileges: Privileges) -> None:
    """CAP_SYS_PTRACE in the container reaches a process of its PID namespace that is stronger than itself."""
    tracing = CONTAINER._replace(bounding=CONTAINER.bounding | PTRACE)
    assert "CAP_SYS_PTRACE" in granted(tracing, privileges, FACTS)[0]
    assert "CAP_SYS_PTRACE" not in granted(CONTAINER, privileges, FACTS)[0]
    assert "CAP_SYS_PTRACE" not in granted(CONTAINER._replace(bounding=ALL), privileges, FACTS)[0]
    # In a user namespace of its own that right reaches what is in it, and never the node's root.
    apart = tracing._replace(user_namespace=True)
    assert ("CAP_SYS_PTRACE" in granted(apart, privileges, FACTS)[0]) == privileges.privileged
