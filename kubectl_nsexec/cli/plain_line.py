"""A plain command line, read without the option parser: by that it takes nearly as long as a whole ``kubectl exec``.

Plain is what is written as --options writes it: ``-n ran``, ``-it``, ``--keep 5m``, ``--keep=5m``. All else is the
option parser's: mistakes, --help, values that begin with a dash, a flag twice. What is read here, that would read alike
(tests/unit/cli/test_plain_line.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kubectl_nsexec.cli.options import SHORT, SWITCHES, VARIABLES, WORDS, Given

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Values = dict[str, Any]


def read(words: Sequence[str], environment: Mapping[str, str]) -> Given | None:
    """The words before ``--``; None where the option parser has to read them."""
    values: Values = {}
    left = iter(words)
    for word in left:
        flag, equals, value = word.partition("=")
        if not word.startswith("-"):
            _add(values, "pod", word)
        elif not equals and (switches := _switches(word)):
            values |= dict.fromkeys(switches, True)
        elif flag not in WORDS or flag in SWITCHES or (equals and flag in SHORT):
            return None
        else:
            value = value if equals else next(left, "-")
            if value.startswith("-") or not _add(values, WORDS[flag], value):
                return None
    return Given(_by_environment(environment) | values)


def _switches(word: str) -> list[str]:
    """The fields of ``--stdin`` or ``-it``; none where not all of it are switches."""
    flags = [word] if word.startswith("--") else [f"-{letter}" for letter in word[1:]]
    return [SWITCHES[flag] for flag in flags] if all(flag in SWITCHES for flag in flags) else []


def _add(values: Values, field: str, value: str) -> bool:
    """Whether there is room for it: of two values of one flag the option parser knows which one counts."""
    several = getattr(Given, field) == ()
    if field in values and not several:
        return False
    values[field] = (*values.get(field, ()), value) if several else value
    return True


def _by_environment(environment: Mapping[str, str]) -> Values:
    found = {field: environment.get(variable, "") for field, variable in VARIABLES.items()}
    return {field: value for field, value in found.items() if value}
