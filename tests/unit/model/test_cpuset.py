"""CPU lists in the kernel's syntax, as values."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_nsexec.model.cpuset import MAX_CPU, CpuSet

members = st.frozensets(st.integers(0, 300), max_size=40)
sets = members.map(CpuSet)


@given(sets)
def test_printing_and_parsing_are_inverses(cpus: CpuSet) -> None:
    """Whatever a set prints is read back as the same set."""
    assert CpuSet.parse(str(cpus)) == cpus


@given(sets)
def test_the_printed_form_is_the_kernels(cpus: CpuSet) -> None:
    """Runs are ascending, and no two of them touch."""
    ends = [[int(word) for word in part.split("-")] for part in str(cpus).split(",") if part]
    for before, after in pairwise(ends):
        assert before[-1] + 1 < after[0]
    assert all(len(run) == 1 or run[0] < run[1] for run in ends)


@given(members, members)
def test_operators_are_those_of_sets(a: frozenset[int], b: frozenset[int]) -> None:
    """Union, intersection, difference, subset and disjointness agree with Python's own sets."""
    left, right = CpuSet(a), CpuSet(b)
    assert set(left | right) == a | b
    assert set(left & right) == a & b
    assert set(left - right) == a - b
    assert (left <= right) == (a <= b)
    assert left.isdisjoint(right) == a.isdisjoint(b)
    assert (len(left), bool(left), list(left)) == (len(a), bool(a), sorted(a))
    assert all(cpu in left for cpu in a)


@given(st.text(alphabet="0123456789-,:/ \n", max_size=24))
def test_text_is_read_or_refused(text: str) -> None:
    """No text at all makes it fail otherwise than by ValueError, nor yields a CPU out of range."""
    try:
        cpus = CpuSet.parse(text)
    except ValueError:
        return
    assert all(0 <= cpu <= MAX_CPU for cpu in cpus)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("\n", []),
        ("0\n", [0]),
        ("0-3,8", [0, 1, 2, 3, 8]),
        ("8,0-1,1", [0, 1, 8]),
        ("0-7:1/2", [0, 2, 4, 6]),
        ("1-9:2/4,20", [1, 2, 5, 6, 9, 20]),
        ("007", [7]),
        ("8191", [8191]),
    ],
)
def test_the_kernels_syntax_is_read(text: str, expected: list[int]) -> None:
    """Ranges, strides, trailing newline, overlaps and empty text mean what they mean to the kernel."""
    assert list(CpuSet.parse(text)) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0-", '"0-" is not a CPU list'),
        ("99x", '"99x" is not a CPU list'),
        ("0,,1", '"" in "0,,1" is not a CPU list'),
        ("-1", '"-1" is not a CPU list'),
        ("1 2", "is not a CPU list"),
        ("٣", "is not a CPU list"),
        ("3-1", "must not end before it begins"),
        ("0-7:0/2", "a stride is USED/GROUP"),
        ("0-7:3/2", "a stride is USED/GROUP"),
        ("0:1/2", "is not a CPU list"),
        ("8192", "out of range: 0 to 8191"),
        ("0-4294967295", "CPU 4294967295 is out of range"),
        ("9" * 5000, "out of range"),
    ],
)
def test_what_is_not_a_list_is_refused_in_clear_words(text: str, words: str) -> None:
    """Each mistake has its own sentence, and huge ranges are refused before they are expanded."""
    with pytest.raises(ValueError, match=r"CPU|range|stride") as caught:
        CpuSet.parse(text)
    assert words in str(caught.value)


def test_a_set_cannot_hold_what_a_list_cannot_say() -> None:
    """The cap holds for sets made by hand too."""
    with pytest.raises(ValueError, match="out of range"):
        CpuSet.of(0, MAX_CPU + 1)


def test_equal_sets_are_one_key() -> None:
    """Sets are hashable and compare by members, not by how they were written."""
    assert {CpuSet.parse("0-1"), CpuSet.parse("1,0\n"), CpuSet.of(0, 1)} == {CpuSet.of(1, 0)}
