"""The container's seccomp filter: call by call the same answer as the one that runc makes with libseccomp."""

from __future__ import annotations

import ctypes
import struct
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from kubectl_nsexec.errors import AgentError
from kubectl_nsexec.identity.seccomp.compiler import Filter, compile_filter, compiled_by_crun
from kubectl_nsexec.identity.seccomp.syscalls import numbers
from tests.unit.libseccomp import ARCHITECTURES, OPERATORS, Rule, as_profile, export, run, unpacked

ALLOW, LOG, KILL, KILL_PROCESS = 0x7FFF0000, 0x7FFC0000, 0, 0x80000000
EPERM, ENOSYS = 0x00050001, 0x00050026
AUDIT = {"x86_64": 0xC000003E, "x32": 0xC000003E, "x86": 0x40000003, "aarch64": 0xC00000B7, "s390x": 0x80000016}
X86 = ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]
TABLES = {"SCMP_ARCH_X86_64": "x86_64", "SCMP_ARCH_X86": "x86", "SCMP_ARCH_X32": "x32"}
NAMES = [
    "read",
    "write",
    "openat",
    "mkdir",
    "clone",
    "personality",
    "socket",
    "bind",
    "recv",
    "semget",
    "keyctl",
    "bpf",
]
VALUES = [0, 1, 2, 5, 0xFFFF, 2**32 - 1, 2**32, 2**33 + 7, 2**33 + 8, 2**64 - 1]


def answer(profile: dict[str, Any], table: str, name: str, *arguments: int, node: str = "amd64") -> int:
    """What the filter returns for one call on a node."""
    program = unpacked(compile_filter(profile, node).program)
    return run(program, AUDIT[table], numbers()[table][name], arguments, big_endian=table == "s390x")


def allowing(*names: str, **more: object) -> dict[str, Any]:
    """A profile that refuses everything but these."""
    return as_profile("SCMP_ACT_ERRNO", X86, [{"names": [*names], "action": "SCMP_ACT_ALLOW", **more}])


@st.composite
def one_call(draw: st.DrawFn) -> tuple[str, list[tuple[tuple[int, str, int, int], ...]]]:
    """A call and its rules: none with conditions, one with some, or several values of one argument.

    libseccomp's tree of several wider rules for one call does not always do what seccomp_rule_add(3) says.
    """
    name = draw(st.sampled_from(NAMES))
    value = st.sampled_from(VALUES)
    some = st.tuples(st.sampled_from(OPERATORS), value, value)
    arguments = st.lists(st.integers(0, 5), unique=True, min_size=1, max_size=3)
    kind = draw(st.sampled_from(["plain", "one", "values"]))
    if kind == "plain":
        return name, [()]
    if kind == "one":
        return name, [tuple((index, *draw(some)) for index in sorted(draw(arguments)))]
    index = draw(st.integers(0, 5))
    return name, [((index, "EQ", chosen, 0),) for chosen in draw(st.lists(value, unique=True, min_size=2, max_size=4))]


@pytest.mark.no_cover  # measured it takes four times as long
@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    st.lists(one_call(), unique_by=lambda call: call[0], min_size=1, max_size=6),
    st.sampled_from([X86, X86[:1], X86[:2]]),
    st.data(),
)
def test_every_call_gets_libseccomps_answer(
    calls: list[tuple[str, list[tuple[tuple[int, str, int, int], ...]]]], architectures: list[str], data: st.DataObject
) -> None:
    """Two words of an argument, second doors of 32-bit x86, x32, foreign architectures, numbers that nobody knows."""
    # After a call that is only behind another's door libseccomp 2.5.4 may take an argument for the next call's number.
    assume(len(calls) == 1 or not any(name == "recv" for name, _ in calls))
    rules = [Rule(EPERM, name, conditions) for name, found in calls for conditions in found]
    entries = [
        {
            "names": [rule.name],
            "action": "SCMP_ACT_ERRNO",
            "args": [
                {"index": i, "op": f"SCMP_CMP_{operator}", "value": value, "valueTwo": second}
                for i, operator, value, second in rule.conditions
            ],
        }
        for rule in rules
    ]
    theirs = export(LOG, architectures, rules)
    ours = unpacked(compile_filter(as_profile("SCMP_ACT_LOG", architectures, entries), "amd64").program)
    for table in ("x86_64", "x86", "x32", "aarch64"):
        known = {numbers()[table][name] for name in NAMES if name in numbers()[table]}
        for number in known | {0, 102, 117, 9999, 0x3FFFFFFF, 0x40000000, 0xFFFFFFFF}:
            word = st.sampled_from([v & 0xFFFFFFFF for v in VALUES] if table == "x86" else VALUES)
            arguments = data.draw(st.lists(word, min_size=6, max_size=6))
            expected = run(theirs, AUDIT[table], number, arguments)
            assert run(ours, AUDIT[table], number, arguments) == expected, (table, number, arguments)


@pytest.mark.parametrize("name", sorted(set(ARCHITECTURES) - {"SCMP_ARCH_X32"}))
def test_our_numbers_are_libseccomps(name: str) -> None:
    """Every call that both know by name has one number; a wrong one would open or shut the wrong door."""
    table = {**TABLES, "SCMP_ARCH_AARCH64": "aarch64", "SCMP_ARCH_ARM": "arm"} | {
        "SCMP_ARCH_PPC64LE": "ppc64le",
        "SCMP_ARCH_S390X": "s390x",
    }
    library = ctypes.CDLL("libseccomp.so.2")
    resolve = library.seccomp_syscall_resolve_name_arch
    resolve.argtypes = [ctypes.c_uint32, ctypes.c_char_p]
    found = {call: resolve(ARCHITECTURES[name], call.encode()) for call in numbers()[table[name]]}
    both = {call: number for call, number in found.items() if number >= 0}
    assert len(both) > 300
    assert both == {call: numbers()[table[name]][call] for call in both}


def test_what_is_not_allowed_is_refused() -> None:
    """The default action, with EPERM where the profile names no number."""
    assert answer(allowing("read", "openat2"), "x86_64", "read") == ALLOW
    assert answer(allowing("read", "openat2"), "x86_64", "mkdir") == EPERM


def test_a_call_after_the_last_named_one_does_not_exist() -> None:
    """As in runc (patchbpf): programs take another way at ENOSYS; only where something is refused at all."""
    assert answer(allowing("read", "mkdir"), "x86_64", "openat2") == ENOSYS
    assert answer(allowing("read", "mkdir"), "x32", "openat2") == ENOSYS
    assert answer(as_profile("SCMP_ACT_ALLOW", X86, []), "x86_64", "openat2") == ALLOW
    unlisted = {**allowing("read", "mkdir"), "architectures": []}
    assert answer(unlisted, "x86_64", "openat2") == EPERM


def test_several_conditions_on_one_argument_are_alternatives() -> None:
    """As in runc, where libseccomp would refuse them."""
    conditions = [{"index": 0, "op": "SCMP_CMP_EQ", "value": value} for value in (0, 8)]
    profile = allowing("personality", args=conditions)
    assert [answer(profile, "x86_64", "personality", value) for value in (0, 8, 3)] == [ALLOW, ALLOW, EPERM]


def test_a_rule_that_says_what_is_said_by_default_is_none() -> None:
    """A later one may still say more."""
    entries = [
        {"names": ["mkdir"], "action": "SCMP_ACT_ERRNO"},
        {"names": ["mkdir"], "action": "SCMP_ACT_ALLOW"},
        {"names": ["mkdir"], "action": "SCMP_ACT_KILL_PROCESS"},
    ]
    assert answer(as_profile("SCMP_ACT_ERRNO", X86, entries), "x86_64", "mkdir") == ALLOW


def test_a_node_of_another_architecture_has_its_own_numbers_and_byte_order() -> None:
    """s390x keeps the upper half of an argument first."""
    conditions = [{"index": 1, "op": "SCMP_CMP_GT", "value": 2**32}]
    profile = {**allowing("mkdir", args=conditions), "architectures": ["SCMP_ARCH_S390X", "SCMP_ARCH_S390"]}
    assert answer(profile, "s390x", "mkdir", 0, 2**32 + 1, node="s390x") == ALLOW
    assert answer(profile, "s390x", "mkdir", 0, 2**32, node="s390x") == EPERM
    assert answer(profile, "x86_64", "mkdir", 0, 2**33, node="s390x") == KILL


def test_a_program_of_another_architecture_is_killed() -> None:
    """What no rule speaks of."""
    assert answer({**allowing("mkdir"), "architectures": []}, "x86", "mkdir") == KILL


def test_numbers_and_flags_of_the_profile_are_kept() -> None:
    """An errno of the rule, the flags of seccomp(2)."""
    profile = allowing("read")
    profile["syscalls"] += [{"names": ["mkdir"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38}]
    profile["flags"] = ["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW", "SECCOMP_FILTER_FLAG_TSYNC"]
    assert answer(profile, "x86_64", "mkdir") == ENOSYS
    assert compile_filter(profile, "amd64").flags == 6  # 2 and 4 of linux/seccomp.h


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"defaultAction": "SCMP_ACT_SOMETHING"},
        {"defaultAction": "SCMP_ACT_ALLOW", "flags": ["NEW"]},
        as_profile("SCMP_ACT_ALLOW", X86, [{"names": ["read"], "action": "SCMP_ACT_NOTIFY"}]),
        as_profile("SCMP_ACT_ALLOW", X86, [{"names": ["read"]}]),
        allowing("read", args=[{"index": 6, "op": "SCMP_CMP_EQ", "value": 0}]),
        allowing("read", args=[{"index": 0, "op": "SCMP_CMP_LIKE", "value": 0}]),
    ],
)
def test_what_is_not_understood_starts_nothing(broken: dict[str, Any]) -> None:
    """A filter by guess could be one too weak."""
    with pytest.raises(AgentError, match="nothing was started") as caught:
        compile_filter(broken, "amd64")
    assert caught.value.code == "identity"


@pytest.mark.parametrize(("architecture", "order"), [("amd64", "<"), ("arm64", "<"), ("ppc64le", "<"), ("s390x", ">")])
def test_what_crun_compiled_is_loaded_as_it_is(architecture: str, order: str) -> None:
    """In the node's byte order there, in the records' here; without flags crun sets SPEC_ALLOW."""
    kept = struct.pack(f"{order}HBBIHBBI", 0x20, 0, 0, 4, 0x15, 1, 2, 0xC000003E)
    sent = bytes.fromhex("0020 00 00 00000004  0015 01 02 c000003e")
    assert compiled_by_crun(kept, {}, architecture) == Filter(sent, flags=4)
    assert compiled_by_crun(kept, {"flags": ["SECCOMP_FILTER_FLAG_LOG"]}, architecture) == Filter(sent, flags=2)


@pytest.mark.parametrize(("kept", "flags"), [(b"1234567", []), (b"12345678", ["SECCOMP_FILTER_FLAG_NEW_LISTENER"])])
def test_what_crun_cannot_have_compiled_starts_nothing(kept: bytes, flags: list[str]) -> None:
    """Half an instruction, a flag that is not known."""
    with pytest.raises(AgentError, match="crun's filter.*nothing was started"):
        compiled_by_crun(kept, {"flags": flags}, "amd64")


def test_a_profile_that_the_kernel_would_not_take_is_refused() -> None:
    """4096 instructions are its limit (BPF_MAXINSNS)."""
    values = [{"index": 0, "op": "SCMP_CMP_EQ", "value": value} for value in range(1100)]
    with pytest.raises(AgentError, match="4096"):
        compile_filter(allowing("personality", args=values), "amd64")
