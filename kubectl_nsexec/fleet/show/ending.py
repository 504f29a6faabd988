"""The end of many commands on stderr: a table of those that failed, and one line of all."""

from __future__ import annotations

import os
import textwrap
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final

from kubectl_nsexec.fleet.show.names import folds, labels
from kubectl_nsexec.fleet.show.outcome import Outcome, outcome, reason
from kubectl_nsexec.ui import width

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kubectl_nsexec.fleet.result import Result
    from kubectl_nsexec.ui.console import Console

_MOST_REASONS: Final = 3
"""In the line; the table has them all."""
_MOST_NAMES: Final = 8
"""In a row of the table, folded."""


def summary(results: Sequence[Result], console: Console, program: str) -> None:
    """The table, what leads to the pages of its codes, and the line; with ``--quiet`` only where something failed.

    ``program``: ``oc nsexec`` or ``kubectl nsexec``, as the user called us.
    """
    if rows := failures(results):
        room = width.of(console.stderr_fd) if os.isatty(console.stderr_fd) else None
        console.say(_table(rows, room))
        for code in dict.fromkeys(result.code for result in results if result.code):
            console.say(f"more: {program} --explain {code}")
        console.say(line(results))
    else:
        console.notice(line(results))


def _table(rows: Sequence[tuple[str, str, str, str]], room: int | None) -> str:
    """Those rows; on a terminal that has no ROOM for a table, each in lines of its own."""
    from kubectl_nsexec.ui import output  # noqa: PLC0415 - not every run prints one

    table = output.table(["OUTCOME", "REASON", "COUNT", "TARGETS"], rows)
    if room is None or max(map(len, table.splitlines())) <= room:
        return table
    lines = []
    for kind, why, count, names in rows:
        lines += _wrapped(f"{kind}, {count}: {why}", room, "", "  ")
        lines += _wrapped(names.replace(",", ", "), room, "    ", "    ")
    return "\n".join(lines)


def _wrapped(text: str, room: int, first: str, then: str) -> list[str]:
    """Broken at spaces alone: names stay whole."""
    return textwrap.wrap(
        text, room, initial_indent=first, subsequent_indent=then, break_long_words=False, break_on_hyphens=False
    )


def line(results: Iterable[Result]) -> str:
    """``12 of 14 ok, 1 failed (exit 2), 1 not started (node not Ready)``; ``14 of 14 ok.`` where all is well."""
    found: dict[Outcome, Counter[str]] = defaultdict(Counter)
    for result in results:
        found[outcome(result)][reason(result)] += 1
    counts = {kind: sum(reasons.values()) for kind, reasons in found.items()}
    total, ok = sum(counts.values()), counts.get(Outcome.OK, 0)
    if total == ok:
        return f"{ok} of {total} ok."
    others = [kind for kind in Outcome if kind in counts and kind is not Outcome.OK]
    return ", ".join(
        [f"{ok} of {total} ok", *(f"{counts[kind]} {kind.value}{_reasons(found[kind])}" for kind in others)]
    )


def failures(results: Iterable[Result]) -> list[tuple[str, str, str, str]]:
    """(outcome, reason and code, count, names) of each reason; within an outcome the most frequent first."""
    every = list(results)
    names = labels(result.place for result in every)
    by_reason: dict[Outcome, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for result in every:
        code = f" [{result.code}]" if result.code else ""
        by_reason[outcome(result)][reason(result) + code].append(names[result.place])
    return [
        (kind.value, why, str(len(which)), _few(which))
        for kind in Outcome
        if kind is not Outcome.OK
        for why, which in sorted(by_reason[kind].items(), key=lambda item: -len(item[1]))
    ]


def _reasons(reasons: Counter[str]) -> str:
    """`` (exit 2, exit 3)``, the most frequent first."""
    known = [why for why, _ in reasons.most_common() if why]
    shown = known[:_MOST_REASONS] + ["…"] * (len(known) > _MOST_REASONS)
    return f" ({', '.join(shown)})" if shown else ""


def _few(names: Iterable[str]) -> str:
    """The names folded; those of pods with random names do not fold, and may be thousands."""
    parts = folds(names)
    left = sum(part.names for part in parts[_MOST_NAMES:])
    shown = ",".join(part.text for part in parts[:_MOST_NAMES])
    return f"{shown} and {left} more" if left else shown
