"""Names of targets: each alone, and many folded into one, as clustershell's nodeset(1) and dshbak(1) write them."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from kubectl_nsexec.fleet.result import Place

    Words = tuple[str, ...]
    """A name cut at its numbers: text, number, text, number … text."""

_NUMBER = re.compile(r"([0-9]+)")


def labels(places: Iterable[Place]) -> dict[Place, str]:
    """``ns/pod`` of each place, ``ns/pod/container`` where the pod has several among them."""
    every = list(places)
    targets = Counter((place.namespace, place.pod) for place in every)
    return {
        place: f"{place.namespace}/{place.pod}"
        + (f"/{place.container}" if targets[place.namespace, place.pod] > 1 else "")
        for place in every
    }


def folded(names: Iterable[str]) -> str:
    """All the names in few: ``ran/du-[0-1,3],ran/web`` of ``ran/du-0``, ``ran/du-1``, ``ran/du-3`` and ``ran/web``.

    Of names with several numbers the last one that differs is folded. Leading zeros are kept: ``[08-11]`` stands for
    08, 09, 10, 11, and ``[8-11]`` for 8, 9, 10, 11. ``nodeset --expand`` gives the same set back.
    """
    return ",".join(fold.text for fold in folds(names))


class Fold(NamedTuple):
    """Names as one, and how many they are."""

    text: str
    names: int


def folds(names: Iterable[str]) -> list[Fold]:
    """The parts of ``folded``, in the order of their first numbers."""
    alike: dict[Words, list[Words]] = defaultdict(list)
    for name in sorted(set(names), key=_natural):
        words = tuple(_NUMBER.split(name))
        alike[words[::2]].append(words)
    return [fold for group in alike.values() for fold in _folds_of(group)]


def _folds_of(group: list[Words]) -> Iterator[Fold]:
    """Of names that differ in their numbers only."""
    differing = [at for at in range(1, len(group[0]), 2) if len({words[at] for words in group}) > 1]
    if not differing:
        yield Fold("".join(group[0]), 1)
        return
    at = differing[-1]
    by_rest: dict[tuple[Words, Words], list[str]] = defaultdict(list)
    for words in group:
        by_rest[words[:at], words[at + 1 :]].append(words[at])
    for (before, after), numbers in by_rest.items():
        inside = numbers[0] if len(numbers) == 1 else f"[{_ranges(numbers)}]"
        yield Fold("".join((*before, inside, *after)), len(numbers))


def _ranges(numbers: Sequence[str]) -> str:
    """``0-1,3``. Numbers of one width, of which one has leading zeros, are a row of their own."""
    padded = {len(number) for number in numbers if number[0] == "0" and number != "0"}
    rows: dict[int, list[str]] = defaultdict(list)
    for number in sorted(numbers, key=int):
        rows[len(number) if len(number) in padded else 0].append(number)
    return ",".join(part for row in sorted(rows.values(), key=lambda row: len(row[0])) for part in _row(row))


def _row(ordered: Sequence[str]) -> Iterator[str]:
    """The ranges of numbers that are counted on from one to the next."""
    first = last = ordered[0]
    for number in ordered[1:]:
        if int(number) != int(last) + 1:
            yield _range(first, last)
            first = number
        last = number
    yield _range(first, last)


def _range(first: str, last: str) -> str:
    return first if first == last else f"{first}-{last}"


def _natural(name: str) -> list[tuple[str, int, str]]:
    """``du-2`` before ``du-10``."""
    words = [*_NUMBER.split(name), ""]
    return [(text, int(number or 0), number) for text, number in zip(words[::2], words[1::2], strict=True)]
