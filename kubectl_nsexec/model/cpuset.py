"""Sets of CPUs in the kernel's list syntax (cpuset(7), "Formats"; Documentation/admin-guide/cputopology.rst)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_CPU = 8191
"""The largest CONFIG_NR_CPUS of any architecture is 8192 (x86, MAXSMP): anything above is a typing error."""

_RANGE = re.compile(r"(?P<first>[0-9]+)(?:-(?P<last>[0-9]+)(?::(?P<used>[0-9]+)/(?P<group>[0-9]+))?)?", re.ASCII)


class CpuSet:
    """An immutable set of CPU numbers. ``parse`` and ``str`` are inverses, and comparison is by members."""

    __slots__ = ("_cpus",)

    def __init__(self, cpus: frozenset[int] = frozenset()) -> None:
        for cpu in cpus:
            if not 0 <= cpu <= MAX_CPU:
                raise ValueError(f"CPU {cpu} is out of range: 0 to {MAX_CPU}")
        self._cpus = cpus

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CpuSet) and self._cpus == other._cpus

    def __hash__(self) -> int:
        return hash(self._cpus)

    def __repr__(self) -> str:
        return f"CpuSet.parse({str(self)!r})"

    @classmethod
    def of(cls, *cpus: int) -> CpuSet:
        """The set of exactly these CPUs."""
        return cls(frozenset(cpus))

    @classmethod
    def parse(cls, text: str) -> CpuSet:
        """Reads ``0-3,8`` or ``0-31:1/2`` (one CPU of every two), with or without a trailing newline.

        Empty text is the empty set. Raises ValueError, in words fit for a user, for everything that
        the kernel would not take and for CPUs above ``MAX_CPU``.
        """
        stripped = text.strip()
        if not stripped:
            return cls()
        members: set[int] = set()
        for part in stripped.split(","):
            members.update(_expand(part, stripped))
        return cls(frozenset(members))

    def __str__(self) -> str:
        return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in self._runs())

    def _runs(self) -> Iterator[tuple[int, int]]:
        """First and last CPU of each unbroken run, ascending."""
        ordered = sorted(self._cpus)
        start = 0
        for at, cpu in enumerate(ordered):
            if at + 1 == len(ordered) or ordered[at + 1] != cpu + 1:
                yield ordered[start], cpu
                start = at + 1

    def __or__(self, other: CpuSet) -> CpuSet:
        return CpuSet(self._cpus | other._cpus)

    def __and__(self, other: CpuSet) -> CpuSet:
        return CpuSet(self._cpus & other._cpus)

    def __sub__(self, other: CpuSet) -> CpuSet:
        return CpuSet(self._cpus - other._cpus)

    def __le__(self, other: CpuSet) -> bool:
        return self._cpus <= other._cpus

    def __bool__(self) -> bool:
        return bool(self._cpus)

    def __len__(self) -> int:
        return len(self._cpus)

    def __iter__(self) -> Iterator[int]:
        return iter(sorted(self._cpus))

    def __contains__(self, cpu: object) -> bool:
        return cpu in self._cpus

    def isdisjoint(self, other: CpuSet) -> bool:
        """Whether the two sets have no CPU in common."""
        return self._cpus.isdisjoint(other._cpus)


def _expand(part: str, whole: str) -> Iterator[int]:
    """The CPUs of one comma-separated part; bounds are checked before anything is expanded."""
    match = _RANGE.fullmatch(part)
    if match is None:
        what = f'"{part}" in "{whole}"' if part != whole else f'"{whole}"'
        raise ValueError(f"{what} is not a CPU list such as 0-3,8")
    first = _number(match["first"])
    last = first if match["last"] is None else _number(match["last"])
    if first > last:
        raise ValueError(f'"{part}": a range must not end before it begins')
    if match["group"] is None:
        return iter(range(first, last + 1))
    used, group = _number(match["used"]), _number(match["group"])
    if not 1 <= used <= group:
        raise ValueError(f'"{part}": a stride is USED/GROUP with 1 <= USED <= GROUP')
    return (cpu for cpu in range(first, last + 1) if (cpu - first) % group < used)


def _number(digits: str) -> int:
    significant = digits.lstrip("0") or "0"
    if len(significant) > len(str(MAX_CPU)) or int(significant) > MAX_CPU:
        raise ValueError(f"CPU {digits[:20]} is out of range: 0 to {MAX_CPU}")
    return int(significant)
