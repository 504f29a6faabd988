"""Whether the names before lines are coloured, and how."""

from __future__ import annotations

import os
import sys
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_COLOURS = (32, 33, 34, 35, 36, 92, 93, 94, 95, 96)
"""Foregrounds of ECMA-48, SGR, that are legible on dark and on light; red is for errors."""
_OFF = "\x1b[0m"


def coloured(asked: str | None, fd: int, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether names on ``fd`` have a colour: ``--color`` over NO_COLOR over FORCE_COLOR over whether it is a terminal.

    ``asked`` is that flag's value; ``auto`` leaves it to the environment, as no flag does. The variables count when
    they are not empty, whatever they say (https://no-color.org, https://force-color.org).
    """
    if asked in ("always", "never"):
        return asked == "always"
    if environment.get("NO_COLOR"):
        return False
    if environment.get("FORCE_COLOR"):
        return True
    return os.isatty(fd) and _understands(environment)


def _understands(environment: Mapping[str, str]) -> bool:
    """The old console of Windows shows the sequences instead; it sets neither variable."""
    if sys.platform == "win32":
        return bool(environment.get("WT_SESSION") or environment.get("TERM"))
    return environment.get("TERM") != "dumb"


def in_colour(name: str) -> str:
    """The name in a colour that it has in every run."""
    return f"\x1b[{_COLOURS[zlib.crc32(name.encode()) % len(_COLOURS)]}m{name}{_OFF}"
