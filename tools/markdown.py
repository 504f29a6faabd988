"""Markdown as GitHub and MyST read it, for the pages that come of the source (tools/reference_pages.py)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MADE = "<!-- Made by `make docs` (tools/reference_pages.py) of the source; a test compares. -->\n"


def page(title: str, lines: Iterable[str]) -> str:
    """A whole page."""
    return "\n".join([MADE, f"# {title}\n", *lines]).rstrip("\n") + "\n"


def code(text: str) -> str:
    """``text`` in the font of code."""
    return f"`{text}`"


def marked(text: str) -> str:
    """Flags, variables and paths in a sentence as code, where nobody has marked them."""
    if "`" in text:
        return text
    return re.sub(r"(?<![\w/-])(--?[a-z][\w-]*(=\w+| ssh\b)?|-[A-Z]\b|\$[A-Z_]+|~?/[a-z][\w./-]*\w)", r"`\1`", text)


def bullets(sentences: Iterable[str]) -> Iterator[str]:
    """A list, and the blank line that ends it."""
    yield from (f"- {marked(sentence)}" for sentence in sentences)
    yield ""


def table(names: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """A table, where a pipe ends a cell, and the blank line that ends it."""
    yield f"| {' | '.join(names)} |"
    yield f"|{' --- |' * len(names)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"
    yield ""
