"""What kubectl's option parser (pflag) takes and ours does not, put into words that both take."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from kubectl_nsexec.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_TRUE, _FALSE = {"1", "t", "T", "true", "TRUE", "True"}, {"0", "f", "F", "false", "FALSE", "False"}
"""Go's strconv.ParseBool."""
_LONG_WITH_VALUE = re.compile(r"(--[^=]+)=(.*)", re.DOTALL)
_SHORT_WITH_VALUE = re.compile(r"(-[A-Za-z]+)=(.*)", re.DOTALL)


def plain(words: list[str], switches: Collection[str]) -> list[str]:
    """``words`` without pflag's own forms: ``--stdin=true``, ``-i=false``, ``-n=ran``, ``-v=6``.

    ``switches`` are the options without a value, e.g. ``{"-i", "--stdin"}``. Raises UsageError for a value that is
    no boolean.
    """
    return [made for word in words for made in _plain(word, switches)]


def completed(words: list[str], missing: Mapping[str, str]) -> list[str]:
    """``words`` with the value that ``missing`` has for an option that stands there without one.

    Pflag calls it NoOptDefVal; but here the value may be the next word, too.
    """
    following = [*words, "-"][1:]
    without = [word in missing and after.startswith("-") for word, after in zip(words, following, strict=True)]
    return [f"{word}={missing[word]}" if alone else word for word, alone in zip(words, without, strict=True)]


def _plain(word: str, switches: Collection[str]) -> list[str]:
    found = _LONG_WITH_VALUE.fullmatch(word) or _SHORT_WITH_VALUE.fullmatch(word)
    if found is None:
        return [word]
    option, value = found.groups()
    option, before = (option, []) if option.startswith("--") else (f"-{option[-1]}", _before_the_last(option))
    if option not in switches:
        return [word] if option.startswith("--") else [*before, option, value]
    if value in _TRUE:
        return [*before, option]
    if value in _FALSE:
        return before
    raise UsageError(f'invalid argument "{value}" for "{option}" flag: it is neither true nor false')


def _before_the_last(shorts: str) -> list[str]:
    """``-i`` of ``-iv``: several letters share a dash, and a value is the last one's."""
    return [shorts[:-1]] if len(shorts) > len("-x") else []
