"""The environment that packages are made in: release/requirements.txt and nothing else (testbed/environment.py).

``python3 -m release.env`` makes it and prints its folder; nothing but the standard library is needed for that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from testbed import environment
from testbed.paths import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

_NAME: Final = "release"
_LOCK: Final = REPOSITORY / "release/requirements.txt"


def folder() -> Path:
    """Where it is or will be."""
    return environment.folder(_NAME, _LOCK, environment.locked(_LOCK))


def ensure() -> Path:
    """Return the environment's folder; make it first when it is not there. Raises CalledProcessError."""
    return environment.ensure(_NAME, _LOCK, environment.locked(_LOCK))


if __name__ == "__main__":
    print(ensure())
