"""Many pods at once, as one value: which, how many at a time, when to stop, how they are shown. And its parsing."""

from __future__ import annotations

import math
import re
from typing import Final, Literal, NamedTuple

from kubectl_nsexec.errors import UsageError

DEFAULT_FANOUT, DEFAULT_PER_NODE = 32, 1
Mode = Literal["lines", "gather", "group", "json"]
"""How the outputs are shown."""
LINES: Final = "lines"
GATHER: Final = "gather"
GROUP: Final = "group"
JSON: Final = "json"
Color = Literal["always", "never", "auto"]
COLORS: Final[tuple[Color, ...]] = ("auto", "always", "never")
_AMOUNT = re.compile(r"([0-9]{1,9})(%?)")
_WHOLE = 100


class Amount(NamedTuple):
    """``N``, or ``N%`` of a whole."""

    number: int
    percent: bool = False

    def at_least(self, whole: int) -> int:
        """So many of ``whole``, of a part one more: what is not less than was asked for."""
        return math.ceil(whole * self.number / _WHOLE) if self.percent else self.number

    def at_most(self, whole: int) -> int:
        """So many of ``whole``, a part not counted: what is not more than was allowed."""
        return whole * self.number // _WHOLE if self.percent else self.number


class ShowOptions(NamedTuple):
    """How the outputs of many commands are shown, and where they are kept."""

    mode: Mode = LINES
    diff: bool = False
    """Of ``gather``: blocks but the largest are shown as what differs from it."""
    keep_order: bool = False
    """Of ``group``: blocks in the order of the places."""
    output_dir: str | None = None
    color: Color | None = None
    """None: by the environment and the terminal."""
    base64: bool = False
    """Of ``json``: outputs are base64 even where they are text."""


class Fleet(NamedTuple):
    """Which pods a command runs in, and how."""

    selector: str = ""
    field_selector: str = ""
    all_namespaces: bool = False
    nodes: tuple[str, ...] = ()
    """Only pods on these; none: on any."""
    containers: tuple[str, ...] = ()
    """In each of them; none: in each pod's default one."""
    all_pods: bool = False
    """All of those that ``Request.pod`` leads to."""
    exclude: tuple[str, ...] = ()
    """``NAMESPACE/POD``, as a shell's patterns (fnmatch(3))."""
    pick: Amount | None = None
    skip_unsafe: bool = False
    yes: bool = False
    fanout: int = DEFAULT_FANOUT
    per_node: int = DEFAULT_PER_NODE
    deadline_seconds: float | None = None
    max_fail: Amount | None = None
    """So many may fail before no more are started; None: any number."""
    shown: ShowOptions = ShowOptions()


def amount(text: str, option: str, least: int) -> Amount:
    """Of ``N`` or ``N%``. Raises UsageError naming ``option``, also for less than ``least`` or more than 100%."""
    found = _AMOUNT.fullmatch(text)
    if found is None:
        raise UsageError(f'{option}: "{text}" is neither a number nor a percentage such as 10%')
    made = Amount(int(found[1]), percent=bool(found[2]))
    if made.number < least:
        raise UsageError(f"{option}: must be at least {least}, not {text}")
    if made.percent and made.number > _WHOLE:
        raise UsageError(f"{option}: {text} is more than all")
    return made


def count(text: str, option: str) -> int:
    """A whole number, 1 or more. Raises UsageError naming ``option``."""
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise UsageError(f'{option}: "{text}" is not a number')
    if int(text) < 1:
        raise UsageError(f"{option}: must be at least 1, not {text}")
    return int(text)
