"""The oracle for filters: libseccomp itself, used as runc uses it, and a machine for the programs of both."""

from __future__ import annotations

import ctypes
import struct
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

Program = list[tuple[int, int, int, int]]
"""(code, jump if true, jump if false, k) of each instruction."""

ARCHITECTURES = {"SCMP_ARCH_X86_64": 0xC000003E, "SCMP_ARCH_X86": 0x40000003, "SCMP_ARCH_X32": 0x4000003E}
ARCHITECTURES |= {"SCMP_ARCH_AARCH64": 0xC00000B7, "SCMP_ARCH_ARM": 0x40000028, "SCMP_ARCH_PPC64LE": 0xC0000015}
ARCHITECTURES |= {"SCMP_ARCH_S390X": 0x80000016}
OPERATORS = ["NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ"]
"""SCMP_CMP_, numbered from 1 (seccomp.h)."""


class _Condition(ctypes.Structure):
    _fields_ = (
        ("arg", ctypes.c_uint),
        ("op", ctypes.c_int),
        ("a", ctypes.c_uint64),
        ("b", ctypes.c_uint64),
    )


def _library() -> ctypes.CDLL:
    library = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    library.seccomp_init.restype = ctypes.c_void_p
    library.seccomp_init.argtypes = [ctypes.c_uint32]
    for name in ("seccomp_arch_add", "seccomp_arch_remove"):
        getattr(library, name).argtypes = [ctypes.c_void_p, ctypes.c_uint32]
    library.seccomp_rule_add_array.argtypes = [
        ctypes.c_void_p,
        ctypes.c_uint32,
        ctypes.c_int,
        ctypes.c_uint,
        ctypes.POINTER(_Condition),
    ]
    library.seccomp_export_bpf.argtypes = [ctypes.c_void_p, ctypes.c_int]
    library.seccomp_release.argtypes = [ctypes.c_void_p]
    return library


@dataclass(frozen=True)
class Rule:
    """One rule of a call, and its conditions (index, operator, value, second value)."""

    action: int
    name: str
    conditions: tuple[tuple[int, str, int, int], ...] = ()


def export(default: int, architectures: Sequence[str], rules: Sequence[Rule]) -> Program:
    """What libseccomp makes of the rules, for these architectures only."""
    library = _library()
    context = library.seccomp_init(default)
    try:
        for name in architectures:
            added = library.seccomp_arch_add(context, ARCHITECTURES[name])
            assert added in (0, -17), (name, added)  # EEXIST: the native one is there
        if "SCMP_ARCH_X86_64" not in architectures:
            assert library.seccomp_arch_remove(context, ARCHITECTURES["SCMP_ARCH_X86_64"]) == 0
        for rule in rules:
            number = library.seccomp_syscall_resolve_name(rule.name.encode())
            conditions = (_Condition * len(rule.conditions))(
                *(_Condition(i, OPERATORS.index(op) + 1, a, b) for i, op, a, b in rule.conditions)
            )
            if number == -1:  # __NR_SCMP_ERROR: runc leaves it out
                continue
            done = library.seccomp_rule_add_array(context, rule.action, number, len(conditions), conditions)
            assert done == 0, (rule, done)
        with tempfile.TemporaryFile() as file:
            assert library.seccomp_export_bpf(context, file.fileno()) == 0
            file.seek(0)
            return list(struct.iter_unpack("=HBBI", file.read()))
    finally:
        library.seccomp_release(context)


def unpacked(program: bytes) -> Program:
    """A program of ours."""
    return list(struct.iter_unpack(">HBBI", program))


def run(program: Program, audit: int, number: int, arguments: Sequence[int] = (), *, big_endian: bool = False) -> int:
    """What the program returns for one call, as the kernel would run it (Documentation/networking/filter.rst)."""
    words = [*arguments, *[0] * (6 - len(arguments))]
    order = ">" if big_endian else "<"
    data = struct.pack(f"{order}IIQ6Q", number & 0xFFFFFFFF, audit, 0, *words)
    accumulator, at = 0, 0
    for _ in range(len(program)):
        code, if_true, if_false, k = program[at]
        at += 1
        if code == 0x20:
            (accumulator,) = struct.unpack_from(f"{order}I", data, k)
        elif code == 0x54:
            accumulator &= k
        elif code == 0x05:
            at += k
        elif code == 0x06:
            return k
        else:
            met = {0x15: accumulator == k, 0x25: accumulator > k, 0x35: accumulator >= k, 0x45: bool(accumulator & k)}
            at += if_true if met[code] else if_false
    raise AssertionError("the program does not end")


def as_profile(default: str, architectures: Sequence[str], entries: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """``linux.seccomp`` of a config.json."""
    return {"defaultAction": default, "architectures": list(architectures), "syscalls": list(entries)}
