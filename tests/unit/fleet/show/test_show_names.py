"""Names of many targets in few words, as clustershell writes them."""

from __future__ import annotations

import re
from itertools import product

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kubectl_nsexec.fleet.show import folded, labels
from tests.unit.fleet.show.screen import place


def test_a_place_is_named_by_its_pod_and_by_its_container_where_that_is_not_enough() -> None:
    """Only the pod that has several has the longer name; pods of one name in two namespaces are two."""
    places = [
        place("du-0", container="main"),
        place("du-1", container="main"),
        place("du-1", container="dpdk"),
        place("du-1", namespace="other"),
    ]
    assert list(labels(places).values()) == ["ran/du-0", "ran/du-1/main", "ran/du-1/dpdk", "other/du-1"]


@pytest.mark.parametrize(
    ("names", "text"),
    [
        ("", ""),
        ("web", "web"),
        ("du-7", "du-7"),
        ("du-0 du-1 du-2", "du-[0-2]"),
        ("du-1 du-3 du-4 du-5", "du-[1,3-5]"),
        ("du-10 du-2 du-1 du-9 du-11", "du-[1-2,9-11]"),
        ("du-00 du-01 du-11", "du-[00-01,11]"),
        ("a08 a09 a10", "a[08-10]"),
        ("a8 a9 a10", "a[8-10]"),
        ("a08 a09 a10 a99 a100", "a[08-10,99,100]"),
        ("x1 x01 x2 x10", "x[1-2,01,10]"),
        ("0 00 000", "[0,00,000]"),
        ("ran/du-0 ran/cu-0 ran/du-1 other/du-0", "other/du-0,ran/cu-0,ran/du-[0-1]"),
        ("a1-b1 a1-b2 a2-b1", "a1-b[1-2],a2-b1"),
        ("rack-1-x0 rack-2-x0", "rack-[1-2]-x0"),
        ("rack-1-x0 rack-2-x1", "rack-1-x0,rack-2-x1"),
        ("n1a n2a n1b", "n[1-2]a,n1b"),
        ("du-1 du-1 du-1", "du-1"),
        ("web-7c9f8d6b5-abcde web-7c9f8d6b5-xyzzy", "web-7c9f8d6b5-abcde,web-7c9f8d6b5-xyzzy"),
    ],
)
def test_names_are_folded_as_nodeset_does(names: str, text: str) -> None:
    """Of several numbers the last one that differs; leading zeros stay what they are."""
    assert folded(names.split()) == text
    assert folded(reversed(names.split())) == text


def expanded(text: str) -> list[str]:
    """All names again, by the rules of nodeset(1): a first number with leading zeros gives its width to the range."""
    names = []
    for part in re.findall(r"(?:[^,\[]|\[[^\]]*\])+", text):
        pieces = re.split(r"\[([^\]]*)\]", part)
        choices = [[piece] if at % 2 == 0 else _numbers(piece) for at, piece in enumerate(pieces)]
        names += ["".join(words) for words in product(*choices)]
    return names


def _numbers(ranges: str) -> list[str]:
    numbers = []
    for one in ranges.split(","):
        first, _, last = one.partition("-")
        width = len(first) if first.startswith("0") else 0
        numbers += [str(number).zfill(width) for number in range(int(first), int(last or first) + 1)]
    return numbers


names_of_objects = st.from_regex(r"(ran/)?(du|cu)?(-?[0-9]{1,3}){0,3}[ab]?", fullmatch=True).filter(bool)


@given(st.sets(names_of_objects, max_size=40))
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_what_was_folded_expands_to_the_same_names(names: set[str]) -> None:
    """Each of them once."""
    assert sorted(expanded(folded(names))) == sorted(names)


@given(st.integers(0, 300), st.integers(1, 300), st.sampled_from([0, 3, 4]))
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_row_of_numbers_is_one_range(first: int, count: int, width: int) -> None:
    """However long, padded or not, as long as all are padded to the same width."""
    numbers = [str(number).zfill(width) for number in range(first, first + count)]
    inside = numbers[0] if count == 1 else f"[{numbers[0]}-{numbers[-1]}]"
    assert folded(f"du-{number}" for number in numbers) == f"du-{inside}"
