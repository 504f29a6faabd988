"""What --explain prints: the page of an error's code, from the package alone, so that it needs no network."""

from __future__ import annotations

import difflib
import re
import textwrap
from typing import TYPE_CHECKING

from kubectl_nsexec.cli.error_pages import GROUPS, PAGES
from kubectl_nsexec.cli.options import WITHOUT_VALUE
from kubectl_nsexec.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

_COLUMNS = 80
_NARROW_COLUMNS = 60
"""Of a terminal below which a sentence has no room beside a code."""
_CLOSE = 0.6
"""How alike two codes are, as difflib measures it, where one may be meant for the other."""
_NO_BREAK = "\N{NO-BREAK SPACE}"
_TYPED = re.compile("`([^`]*)`")
_OC = re.compile(r"(?<![\w/-])oc(?= )")


def shown(code: str, program: str, columns: int = _COLUMNS) -> str:
    """The page of ``code``, or the list of codes for the word that --explain without one stands for.

    For a terminal of so many columns; the last one stays free.

    ``code`` may have the brackets and capitals that somebody typed. Raises UsageError for one that there is not,
    naming those that are like it.
    """
    plain = code.strip("[] ").lower()
    if plain == WITHOUT_VALUE["--explain"]:
        return "\n".join(_list(program, columns - 1))
    if plain not in PAGES:
        close = difflib.get_close_matches(plain, PAGES, cutoff=_CLOSE)
        like = f"; did you mean {' or '.join(close)}?" if close else ""
        raise UsageError(f'--explain: no error has the code "{code}"{like}\n{program} --explain lists them')
    return "\n".join(_page(plain, program, columns - 1))


def _page(code: str, program: str, columns: int) -> Iterator[str]:
    page = PAGES[code]
    yield f"{code} (exit status {page.exit_status})"
    yield ""
    yield from _wrapped(page.meaning, program, columns)
    for title, sentences in (("What usually causes it:", page.causes), ("What to do next:", page.steps)):
        yield from ("", title)
        for sentence in sentences:
            yield from _wrapped(sentence, program, columns, "  - ", "    ")


def _list(program: str, columns: int) -> Iterator[str]:
    narrow = columns < _NARROW_COLUMNS
    width = len("      ") if narrow else max(map(len, PAGES)) + len("    ")
    for title, group in GROUPS.items():
        yield f"{title}:"
        for code, page in group.items():
            if narrow:
                yield f"  {code}"
            first = " " * width if narrow else f"  {code}".ljust(width)
            yield from _wrapped(page.summary, program, columns, first, " " * width)
        yield ""
    yield from _wrapped(f"`{program} --explain CODE` says what causes it and what to do.", program, columns)


def _wrapped(sentence: str, program: str, columns: int, first: str = "", then: str = "") -> Iterator[str]:
    """Lines that begin with ``first``, and ``then``; none ends within what is to be typed.

    ``oc`` is kubectl where we are called so.
    """
    called = _OC.sub(program.partition(" ")[0], sentence)
    whole = _TYPED.sub(lambda found: found[1].replace(" ", _NO_BREAK), called)
    lines = textwrap.wrap(
        whole, columns, initial_indent=first, subsequent_indent=then, break_on_hyphens=False, break_long_words=False
    )
    yield from (line.replace(_NO_BREAK, " ") for line in lines)
