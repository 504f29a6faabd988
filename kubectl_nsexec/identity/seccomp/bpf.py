"""Classic BPF for seccomp filters: a decision over a system call becomes a program (seccomp(2)).

A piece of code is a tuple of instructions that always ends the program (RET), wherever it is put: so pieces nest, and
every jump goes forward over a piece of known length.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_INSTRUCTIONS = 4096
"""BPF_MAXINSNS of the kernel."""
_HALF = 0xFFFFFFFF
_FARTHEST = 255
"""What a conditional jump reaches; JA reaches anywhere."""

LOAD_WORD = 0x20
"""BPF_LD | BPF_W | BPF_ABS: 32 bits of struct seccomp_data into the accumulator."""
AND = 0x54
RETURN = 0x06
_ALWAYS = 0x05
IF_EQUAL, IF_GREATER, IF_GREATER_OR_EQUAL = 0x15, 0x25, 0x35


class Instruction(NamedTuple):
    """struct sock_filter of linux/filter.h; the jumps are counted from the next instruction."""

    code: int
    k: int
    if_true: int = 0
    if_false: int = 0

    def packed(self) -> bytes:
        """8 bytes, big-endian on every machine: the node turns them into its own."""
        return self.code.to_bytes(2, "big") + bytes((self.if_true, self.if_false)) + (self.k & _HALF).to_bytes(4, "big")


Code = tuple[Instruction, ...]


def ret(action: int) -> Code:
    """End with this SECCOMP_RET_ value."""
    return (Instruction(RETURN, action),)


def load(offset: int) -> Code:
    """Take 32 bits of struct seccomp_data, to be followed by a piece that looks at them."""
    return (Instruction(LOAD_WORD, offset),)


def branch(condition: int, k: int, then: Code, otherwise: Code) -> Code:
    """THEN when what was loaded compares with K as CONDITION (an IF_ constant) says, else OTHERWISE."""
    if len(otherwise) <= _FARTHEST:
        return (Instruction(condition, k, if_true=len(otherwise)), *otherwise, *then)
    jump = Instruction(_ALWAYS, len(otherwise))
    return (Instruction(condition, k, if_true=0, if_false=1), jump, *otherwise, *then)


def search(ranges: Sequence[tuple[int, Code]]) -> Code:
    """By binary search, the piece of the range that what was loaded is in.

    ``ranges``: (first number, piece), ascending; a range ends where the next one begins, and the first begins at 0.
    """
    if len(ranges) == 1:
        return ranges[0][1]
    middle = len(ranges) // 2
    return branch(IF_GREATER_OR_EQUAL, ranges[middle][0], search(ranges[middle:]), search(ranges[:middle]))


class Then(Enum):
    """Where a step of a condition leads."""

    NEXT = auto()
    """To the step after it."""
    HOLDS = auto()
    FAILS = auto()


class Step(NamedTuple):
    """An instruction whose jumps are not settled yet."""

    code: int
    k: int
    if_true: Then = Then.NEXT
    if_false: Then = Then.NEXT


class Word(NamedTuple):
    """64 bits of struct seccomp_data, loaded by halves; ``high`` is None where only the lower half counts."""

    low: int
    high: int | None
    mask: int = 2**64 - 1

    def halves(self, value: int) -> list[tuple[list[Step], int]]:
        """The upper half, if it counts, and the lower: what loads it, and the same half of VALUE."""
        places = [(self.high, 32)] if self.high is not None else []
        return [
            (self._load(offset, self.mask >> shift & _HALF), value >> shift & _HALF)
            for offset, shift in [*places, (self.low, 0)]
        ]

    def _load(self, offset: int, mask: int) -> list[Step]:
        return [Step(LOAD_WORD, offset), *([Step(AND, mask)] if mask != _HALF else [])]


def equal(word: Word, value: int, yes: Then, no: Then) -> list[Step]:
    """Leads to YES when the masked word is VALUE, else to NO."""
    *upper, (load_low, low) = word.halves(value)
    steps = [*load_low, Step(IF_EQUAL, low, yes, no)]
    for load_high, high in upper:
        steps = [*load_high, Step(IF_EQUAL, high, Then.NEXT, no), *steps]
    return steps


def above(word: Word, value: int, yes: Then, no: Then, *, or_equal: bool) -> list[Step]:
    """Leads to YES when the word is greater than VALUE (``or_equal``: or VALUE itself), unsigned, else to NO."""
    *upper, (load_low, low) = word.halves(value)
    steps = [*load_low, Step(IF_GREATER_OR_EQUAL if or_equal else IF_GREATER, low, yes, no)]
    for load_high, high in upper:
        steps = [*load_high, Step(IF_GREATER, high, yes, Then.NEXT), Step(IF_EQUAL, high, Then.NEXT, no), *steps]
    return steps


def when(conditions: Sequence[Sequence[Step]], then: Code, otherwise: Code) -> Code:
    """THEN when all CONDITIONS hold, else OTHERWISE; short enough for conditional jumps, as six arguments are."""
    settled: list[Instruction] = []
    length = sum(map(len, conditions))
    for condition in conditions:
        end = len(settled) + len(condition)
        for step in condition:
            after = len(settled) + 1
            ways = {Then.NEXT: 0, Then.HOLDS: end - after, Then.FAILS: length + len(then) - after}
            jumps = (ways[step.if_true], ways[step.if_false]) if step.code not in (LOAD_WORD, AND) else (0, 0)
            settled.append(Instruction(step.code, step.k, *jumps))
    return (*settled, *then, *otherwise)
