"""The environment that packages are made in: release/requirements.txt and nothing else, kept in the test bed's cache.

Never changed once it is made, so that every clone can use it at the same time. ``python3 -m release.env`` makes it and
prints its folder; nothing but the standard library is needed for that.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Final

from testbed.once import alone
from testbed.paths import CACHE, REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

_LOCK: Final = REPOSITORY / "release/requirements.txt"


def folder() -> Path:
    """Where it is or will be, by the lock's content and the Python that it is made of."""
    made_of = f"{sys.version}\n{sys.base_prefix}\n".encode() + _LOCK.read_bytes()
    return CACHE / f"release-{hashlib.sha256(made_of).hexdigest()[:12]}"


def ensure() -> Path:
    """Return the environment's folder; make it first when it is not there. Raises CalledProcessError."""
    with alone("release"):  # an environment knows its own place, so it cannot be made beside it and moved
        if not (folder() / "complete").exists():
            shutil.rmtree(folder(), ignore_errors=True)
            print("installing the release tools (about a minute)", file=sys.stderr)
            subprocess.run([sys.executable, "-m", "venv", str(folder())], check=True)
            pip = [str(folder() / "bin/pip"), "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
            subprocess.run([*pip, "-r", str(_LOCK)], check=True, stdout=sys.stderr)
            (folder() / "complete").touch()
    return folder()


if __name__ == "__main__":
    print(ensure())
