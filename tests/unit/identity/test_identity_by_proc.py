"""Where the container's init in /proc adds to the runtime's config.json, or stands in for it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from kubectl_nsexec.errors import AgentError
from kubectl_nsexec.identity.devices import DEFAULT
from kubectl_nsexec.identity.identity import from_proc, from_spec, of_target
from kubectl_nsexec.identity.proc import CAPABILITY_NUMBERS, RLIM_INFINITY
from tests.unit.fakes import FACTS

if TYPE_CHECKING:
    from kubectl_nsexec.model.messages import TargetFacts

SPEC: dict[str, Any] = {
    "process": {
        "user": {"uid": 1000, "gid": 1001},
        "cwd": "/srv",
        "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1048576, "soft": 1024}],
    },
}
LIMITS = b"""\
Limit                     Soft Limit           Hard Limit           Units     
Max cpu time              unlimited            unlimited            seconds   
Max file size             unlimited            unlimited            bytes     
Max data size             unlimited            unlimited            bytes     
Max stack size            8388608              unlimited            bytes     
Max core file size        0                    unlimited            bytes     
Max resident set          unlimited            unlimited            bytes     
Max processes             96365                96365                processes 
Max open files            20000                20001                files     
Max locked memory         8388608              8388608              bytes     
Max address space         unlimited            unlimited            bytes     
Max file locks            unlimited            unlimited            locks     
Max pending signals       96365                96365                signals   
Max msgqueue size         819200               819200               bytes     
Max nice priority         0                    0                    
Max realtime priority     0                    0                    
Max realtime timeout      unlimited            unlimited            us        
"""  # noqa: W291 - the kernel pads with blanks
STATUS = b"""\
Name:\tdu: Uid:\t9
Umask:\t0027
State:\tS (sleeping)
Tgid:\t4711
Pid:\t4711
PPid:\t4700
Uid:\t1000\t1001\t1001\t1001
Gid:\t2000\t2001\t2001\t2001
FDSize:\t64
Groups:\t2001 3000 4000 
NSpid:\t4711\t1
CapInh:\t0000000000004000
CapPrm:\t0000000000004400
CapEff:\t0000000000004400
CapBnd:\t00000000a80425fb
CapAmb:\t0000000000004000
NoNewPrivs:\t1
Seccomp:\t2
Cpus_allowed_list:\t2
"""  # noqa: W291 - the kernel ends the groups with a blank
ENVIRON = b"PATH=/bin\0HOME=/root\0ODD\0=C:\0X=\xff\0"


def test_limits_that_the_spec_leaves_open_are_the_inits() -> None:
    """All sixteen limits are set: the spec's own, and the init's for the others."""
    limits = {number: (soft, hard) for number, soft, hard in from_spec(SPEC, "amd64", runtime_limits=LIMITS).rlimits}
    assert len(limits) == 16
    assert limits[7] == (1024, 1048576)
    assert limits[3] == (8388608, RLIM_INFINITY)
    assert limits[15] == (RLIM_INFINITY, RLIM_INFINITY)


def test_the_init_stands_in_for_the_spec() -> None:
    """Effective ids and all sets of the init, its environment but for what is no variable, its limits."""
    who = from_proc(STATUS, ENVIRON, LIMITS, b"/srv/data\n")
    assert (who.uid, who.gid, who.groups) == (1001, 2001, (2001, 3000, 4000))
    assert (who.inheritable, who.permitted, who.effective) == (0x4000, 0x4400, 0x4400)
    assert (who.bounding, who.ambient) == (0xA80425FB, 0x4000)
    assert (who.no_new_privs, who.umask, who.cwd) == (True, 0o027, b"/srv/data")
    assert who.env == (b"PATH=/bin", b"HOME=/root", b"X=\xff")
    assert who.rlimits[7] == (7, 20000, 20001)
    assert who.source == "the init process in /proc"


def test_what_only_the_runtime_knows_is_missed_aloud() -> None:
    """/proc tells that there is a filter, not what it is, and nothing of devices."""
    without = from_proc(STATUS.replace(b"Seccomp:\t2", b"Seccomp:\t0"), ENVIRON, LIMITS, b"/").lacks
    words, devices = from_proc(STATUS, ENVIRON, LIMITS, b"/").lacks
    assert without == (devices,)
    assert "no seccomp filter" in words
    assert "no device but" in devices


@pytest.mark.parametrize(
    ("status", "limits", "cwd"),
    [
        (b"", LIMITS, b"/"),
        (STATUS.replace(b"CapAmb", b"CapXyz"), LIMITS, b"/"),
        (STATUS.replace(b"Groups", b"Gruppe"), LIMITS, b"/"),
        (STATUS.replace(b"a80425fb", b"everything"), LIMITS, b"/"),
        (STATUS, b"Max open files lots and lots\n", b"/"),
        (STATUS, b"Max open files 1\n", b"/"),
        (STATUS, LIMITS, b""),
        (STATUS, LIMITS, b"(unreachable)/x"),
    ],
)
def test_an_init_that_is_not_understood_stops_the_run(status: bytes, limits: bytes, cwd: bytes) -> None:
    """Each field that is missing or strange is an error, never a default."""
    with pytest.raises(AgentError, match="nothing was started"):
        from_proc(status, ENVIRON, limits, cwd)


def facts(spec: bytes) -> TargetFacts:
    """The agent's report with this config.json."""
    return FACTS._replace(spec=spec, status=STATUS, environ=ENVIRON, limits=LIMITS, cwd=b"/x")


def test_the_spec_comes_before_the_init() -> None:
    """Only where the runtime's file is unreadable the init is asked; a damaged file is an error."""
    assert of_target(facts(json.dumps(SPEC).encode()), "amd64").uid == 1000
    assert of_target(facts(b""), "amd64").uid == 1001
    with pytest.raises(AgentError, match="not JSON"):
        of_target(facts(b"{"), "amd64")


FUSE = {"allow": True, "type": "c", "major": 10, "minor": 229, "access": "rw"}


@pytest.mark.parametrize(
    ("cgroup", "listed", "spec", "words", "lacks"),
    [
        ("v1", b"c 1:3 rwm\n", [FUSE], b"c 1:3 rwm", 0),
        ("v1", b"", [FUSE], b"c 10:229 rw," + DEFAULT, 0),
        ("v2", b"", [FUSE], b"c 10:229 rw," + DEFAULT, 0),
        ("v1", b"c 1:3 rwm\n", None, b"c 1:3 rwm", 1),
        ("v1", b"", None, DEFAULT, 2),
        ("v2", b"", None, DEFAULT, 2),
    ],
)
def test_what_the_containers_cgroup_lists_comes_before_the_spec(
    cgroup: str, listed: bytes, spec: list[dict[str, Any]] | None, words: bytes, lacks: int
) -> None:
    """On cgroup v1; where neither list nor spec can be read the command has the usual devices, and that is said."""
    config = b"" if spec is None else json.dumps(SPEC | {"linux": {"resources": {"devices": spec}}}).encode()
    who = of_target(facts(config)._replace(cgroup=cgroup, devices_list=listed), "amd64")
    assert (who.devices, len(who.lacks)) == (words, lacks)


def test_a_list_of_devices_that_is_none_stops_the_run() -> None:
    """A guess could be a device too many."""
    with pytest.raises(AgentError, match="nothing was started"):
        of_target(facts(json.dumps(SPEC).encode())._replace(cgroup="v1", devices_list=b"\xff\n"), "amd64")


CHOWN, PERFMON = 1, 1 << CAPABILITY_NUMBERS["CAP_PERFMON"]
NEW = 1 << 43
SETS = {kind: ["CAP_CHOWN", "CAP_PERFMON"] for kind in ("bounding", "permitted", "effective", "inheritable", "ambient")}


@pytest.mark.parametrize(
    ("helper", "init", "own_users", "line"),
    [
        (CHOWN, CHOWN, False, "lacks CAP_PERFMON: the container's spec has it, but this node does not grant it"),
        (CHOWN, 0, False, "this node does not grant it"),
        (CHOWN, CHOWN | PERFMON, False, "the helper was not given it on this node"),
        (CHOWN, CHOWN, True, "this node does not grant it"),
        (CHOWN, CHOWN | PERFMON, True, ""),
        (0, CHOWN | PERFMON, True, ""),
        (CHOWN | PERFMON, 0, False, ""),
    ],
)
def test_a_capability_that_cannot_be_had_here_is_left_out_and_said(
    *, helper: int, init: int, own_users: bool, line: str
) -> None:
    """Out of all five sets, in one line; a user namespace gives its root what the helper itself has not."""
    spec = {
        "process": SPEC["process"] | {"capabilities": SETS},
        "linux": {"namespaces": [{"type": "user"}] if own_users else []},
    }
    status = STATUS.replace(b"00000000a80425fb", b"%016x" % init)
    who = of_target(facts(json.dumps(spec).encode())._replace(capabilities=helper, status=status), "amd64")
    expected = CHOWN if line else CHOWN | PERFMON
    assert {getattr(who, kind) for kind in SETS} == {expected}
    assert len(who.lacks) == bool(line)
    assert line in "".join(who.lacks)


def test_what_the_init_has_and_we_cannot_give_is_left_out_too() -> None:
    """Also where /proc stands in for the spec, and for a capability that is newer than this program."""
    status = STATUS.replace(b"00000000a80425fb", b"%016x" % (CHOWN | NEW))
    who = of_target(facts(b"")._replace(capabilities=0x4400 | CHOWN, status=status), "amd64")
    assert (who.bounding, who.permitted) == (CHOWN, 0x4400)
    assert "the command lacks capability 43: the container has it" in "".join(who.lacks)
