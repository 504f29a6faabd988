"""The container's seccomp filter, from ``linux.seccomp`` of the runtime's config.json, as runc and libseccomp make it.

OCI runtime-spec config-linux.md "Seccomp"; runc libcontainer/seccomp; libseccomp seccomp_rule_add(3). A call that only
a newer libseccomp than the node's knows by name is decided by the profile here, and by its default action there.
"""

from __future__ import annotations

import struct
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from kubectl_nsexec.errors import AgentError
from kubectl_nsexec.identity.seccomp import bpf
from kubectl_nsexec.identity.seccomp.bpf import Then
from kubectl_nsexec.identity.seccomp.syscalls import ARCHITECTURES, DOORS, NATIVE, X32_BIT, Architecture, numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from kubectl_nsexec.identity.seccomp.bpf import Code, Step, Word
    from kubectl_nsexec.model.http import Json

_EPERM, _ENOSYS = 1, 38
_ACTIONS = {
    "SCMP_ACT_KILL": 0x00000000,
    "SCMP_ACT_KILL_THREAD": 0x00000000,
    "SCMP_ACT_KILL_PROCESS": 0x80000000,
    "SCMP_ACT_TRAP": 0x00030000,
    "SCMP_ACT_ERRNO": 0x00050000,
    "SCMP_ACT_TRACE": 0x7FF00000,
    "SCMP_ACT_LOG": 0x7FFC0000,
    "SCMP_ACT_ALLOW": 0x7FFF0000,
}
_WITH_NUMBER = ("SCMP_ACT_ERRNO", "SCMP_ACT_TRACE")
_PERMISSIVE = ("SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_TRACE")
_BAD_ARCHITECTURE = _ACTIONS["SCMP_ACT_KILL"]
_UNKNOWN_CALL = _ACTIONS["SCMP_ACT_ERRNO"] | _ENOSYS
_SKIPPED_CALL = 0xFFFFFFFF
"""-1: what a tracer makes of a call that the kernel is to skip (ptrace(2)); libseccomp does not take it for x32."""
_FLAGS = {"SECCOMP_FILTER_FLAG_TSYNC": 0, "SECCOMP_FILTER_FLAG_LOG": 2, "SECCOMP_FILTER_FLAG_SPEC_ALLOW": 4}
"""The bits of linux/seccomp.h; there is only one thread to synchronise."""
_ARGUMENTS = 6
_NUMBER, _ARCHITECTURE = 0, 4
"""Offsets into struct seccomp_data (linux/seccomp.h), whose arguments follow at 16, eight bytes each."""


class _Condition(NamedTuple):
    argument: int
    operator: str
    value: int
    second: int


class _Rule(NamedTuple):
    """``action`` when all conditions hold; none: always."""

    action: int
    conditions: tuple[_Condition, ...] = ()


class Filter(NamedTuple):
    """What the shim loads: instructions of 8 bytes (see bpf.Instruction.packed), SECCOMP_FILTER_FLAG_ bits."""

    program: bytes = b""
    """Empty for none."""
    flags: int = 0


UNFILTERED = Filter()


def compile_filter(profile: Json, node_architecture: str) -> Filter:
    """The filter of ``linux.seccomp`` for a node of this architecture (``amd64`` …).

    Raises AgentError (code ``identity``) for what is not understood: a filter by guess could be one too weak.
    """
    try:
        code = _program(profile, node_architecture)
        flags = _flags(profile)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise AgentError(
            f"the container's seccomp profile cannot be understood: {error!r}; nothing was started", code="identity"
        ) from error
    if len(code) > bpf.MAX_INSTRUCTIONS:
        raise AgentError(
            f"the container's seccomp profile makes {len(code)} instructions, and the kernel takes "
            f"{bpf.MAX_INSTRUCTIONS}; nothing was started",
            code="identity",
        )
    return Filter(b"".join(instruction.packed() for instruction in code), flags)


def compiled_by_crun(program: bytes, profile: Json, node_architecture: str) -> Filter:
    """The filter that crun keeps beside the container (``seccomp.bpf``) and loads into every exec.

    It is the node's own struct sock_filter, again and again. Where the profile names no flag, crun sets SPEC_ALLOW
    (libcrun/seccomp.c). Raises AgentError (code ``identity``) for what is not understood.
    """
    order = ">" if ARCHITECTURES[NATIVE[node_architecture]].big_endian else "<"
    try:
        code = [struct.pack(">HBBI", *instruction) for instruction in struct.iter_unpack(f"{order}HBBI", program)]
        flags = _flags(profile) if profile.get("flags") else _FLAGS["SECCOMP_FILTER_FLAG_SPEC_ALLOW"]
    except (KeyError, TypeError, AttributeError, struct.error) as error:
        raise AgentError(
            f"crun's filter of the container cannot be understood: {error!r}; nothing was started", code="identity"
        ) from error
    return Filter(b"".join(code), flags)


def _flags(profile: Json) -> int:
    return sum(_FLAGS[flag] for flag in set(profile.get("flags") or []))


def _program(profile: Json, node_architecture: str) -> Code:
    default = _action(profile["defaultAction"], profile.get("defaultErrnoRet"))
    listed = list(dict.fromkeys(profile.get("architectures") or []))
    native = NATIVE[node_architecture]
    # A 31-bit s390 program, say, has no table here and is killed as one of any other architecture is.
    known = [name for name in dict.fromkeys([native, *listed]) if name in ARCHITECTURES]
    syscalls = profile.get("syscalls") or []
    strict = profile["defaultAction"] not in _PERMISSIVE
    code = bpf.ret(_BAD_ARCHITECTURE)
    for audit, names in groupby(sorted(known, key=_audit), key=_audit):
        modes = {
            name: _mode(ARCHITECTURES[name], syscalls, default, unknown=strict and name in listed) for name in names
        }
        code = bpf.branch(bpf.IF_EQUAL, audit, _of_machine(modes, default), code)
    return bpf.load(_ARCHITECTURE) + code


def _audit(name: str) -> int:
    return ARCHITECTURES[name].audit


def _of_machine(modes: dict[str, list[tuple[int, Code]]], default: int) -> Code:
    """The ways of numbering that share an AUDIT_ARCH_: one, but for x86_64, whose numbers with a bit more are x32."""
    below = [entry for name, found in modes.items() if name != "SCMP_ARCH_X32" for entry in found]
    no_x32 = [(X32_BIT, bpf.ret(_BAD_ARCHITECTURE)), (_SKIPPED_CALL, bpf.ret(default))]
    above = modes.get("SCMP_ARCH_X32") or no_x32
    return bpf.load(_NUMBER) + bpf.search(below + above if "SCMP_ARCH_X86_64" in modes else below)


def _mode(architecture: Architecture, syscalls: list[Json], default: int, *, unknown: bool) -> list[tuple[int, Code]]:
    """Ranges of numbers (see bpf.search) with what happens to them; ``unknown``: those after the last are ENOSYS.

    That last part is runc's (libcontainer/seccomp/patchbpf): programs take another way at ENOSYS, and give up at EPERM.
    """
    calls = numbers()[architecture.table]
    first = X32_BIT if architecture.table == "x32" else 0
    rules: dict[int, list[_Rule]] = {}
    for entry in syscalls:
        action = _action(entry["action"], entry.get("errnoRet"))
        for name in entry["names"]:
            if action != default:
                _add(rules, calls, name, _rules(action, entry.get("args") or []))
    named = [calls[name] for entry in syscalls for name in entry["names"] if name in calls]
    ranges: list[tuple[int, tuple[_Rule, ...]]] = [(first, (_Rule(default),))]
    for number in sorted(rules):
        ranges += [(number, tuple(rules[number])), (number + 1, (_Rule(default),))]
    if unknown and named:
        ranges = [entry for entry in ranges if entry[0] <= max(named)] + [(max(named) + 1, (_Rule(_UNKNOWN_CALL),))]
    return [(number, _decide(found, default, architecture)) for number, found in _merged(ranges)]


def _add(rules: dict[int, list[_Rule]], calls: dict[str, int], name: str, added: list[_Rule]) -> None:
    """The rules of one call, at its number and at the second door that it may have."""
    if name in calls:
        _insert(rules.setdefault(calls[name], []), added)
    family, place = DOORS.get(name, ("", 0))
    if family in calls:
        # Takes the place of a condition on the call's own first argument.
        which = _Condition(0, "SCMP_CMP_EQ", place, 0)
        doors = [_Rule(r.action, (which, *(c for c in r.conditions if c.argument))) for r in added]
        _insert(rules.setdefault(calls[family], []), doors)


def _insert(present: list[_Rule], added: list[_Rule]) -> None:
    """A rule without conditions takes the place of every one with some, as in libseccomp; the first of them stays."""
    for rule in added:
        if present and not present[0].conditions:
            return
        if not rule.conditions:
            present[:] = [rule]
        else:
            present.append(rule)


def _rules(action: int, arguments: list[Json]) -> list[_Rule]:
    """All conditions of a rule must hold; runc takes several on one argument as alternatives."""
    conditions = [
        _Condition(int(a["index"]), str(a["op"]), int(a.get("value") or 0), int(a.get("valueTwo") or 0))
        for a in arguments
    ]
    if any(
        condition.operator not in _OPERATORS or not 0 <= condition.argument < _ARGUMENTS for condition in conditions
    ):
        raise ValueError(f"conditions {arguments}")
    if len({condition.argument for condition in conditions}) < len(conditions):
        return [_Rule(action, (condition,)) for condition in conditions]
    return [_Rule(action, tuple(conditions))]


def _merged(ranges: list[tuple[int, tuple[_Rule, ...]]]) -> Iterable[tuple[int, tuple[_Rule, ...]]]:
    """Without the ranges that nothing is in, nor those that go on as the one before."""
    starts = dict(ranges)  # of two at one place the later one
    for rules, group in groupby(sorted(starts.items()), key=lambda entry: entry[1]):
        yield next(group)[0], rules


def _decide(rules: tuple[_Rule, ...], default: int, architecture: Architecture) -> Code:
    """The action of the first rule whose conditions hold."""
    code = bpf.ret(default)
    for rule in reversed(rules):
        code = bpf.when([_steps(condition, architecture) for condition in rule.conditions], bpf.ret(rule.action), code)
    return code


def _steps(condition: _Condition, architecture: Architecture) -> list[Step]:
    place = 16 + 8 * condition.argument
    low, high = (place + 4, place) if architecture.big_endian else (place, place + 4)
    word = bpf.Word(low, high if architecture.wide else None)
    if condition.operator == "SCMP_CMP_MASKED_EQ":
        wanted = condition.second & condition.value  # bits that are not compared cannot differ
        return bpf.equal(word._replace(mask=condition.value), wanted, Then.HOLDS, Then.FAILS)
    return _COMPARE[condition.operator](word, condition.value)


_COMPARE: dict[str, Callable[[Word, int], list[Step]]] = {
    "SCMP_CMP_EQ": lambda word, value: bpf.equal(word, value, Then.HOLDS, Then.FAILS),
    "SCMP_CMP_NE": lambda word, value: bpf.equal(word, value, Then.FAILS, Then.HOLDS),
    "SCMP_CMP_GE": lambda word, value: bpf.above(word, value, Then.HOLDS, Then.FAILS, or_equal=True),
    "SCMP_CMP_GT": lambda word, value: bpf.above(word, value, Then.HOLDS, Then.FAILS, or_equal=False),
    "SCMP_CMP_LT": lambda word, value: bpf.above(word, value, Then.FAILS, Then.HOLDS, or_equal=True),
    "SCMP_CMP_LE": lambda word, value: bpf.above(word, value, Then.FAILS, Then.HOLDS, or_equal=False),
}


_OPERATORS = {*_COMPARE, "SCMP_CMP_MASKED_EQ"}


def _action(name: str, number: int | None) -> int:
    if name == "SCMP_ACT_NOTIFY":
        raise ValueError("SCMP_ACT_NOTIFY needs the runtime's own listener")
    return _ACTIONS[name] | ((_EPERM if number is None else int(number)) & 0xFFFF if name in _WITH_NUMBER else 0)
