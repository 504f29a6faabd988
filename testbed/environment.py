"""Python environments in the test bed's cache: made once, never changed, so that all checkouts can use them at once."""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from testbed.once import alone
from testbed.paths import CACHE

_Pip = Sequence[str]
"""What pip install is told."""
_QUIET: Final = ("--quiet", "--disable-pip-version-check")


def locked(lock: Path) -> list[_Pip]:
    """What makes an environment of the requirements file LOCK, and of nothing else."""
    return [("--require-hashes", "-r", str(lock))]


def folder(name: str, source: Path, installs: Sequence[_Pip]) -> Path:
    """Where it is or will be, by what is installed, the content of SOURCE, which says more of that, and the Python."""
    words = [[Path(word).name for word in each] for each in installs]  # of every checkout the same
    made_of = f"{sys.version}\n{_python()}\n{words}\n".encode() + source.read_bytes()
    return CACHE / f"{name}-{hashlib.sha256(made_of).hexdigest()[:12]}"


def ensure(name: str, source: Path, installs: Sequence[_Pip]) -> Path:
    """Return its folder; make it first when it is not there. Raises CalledProcessError."""
    made = folder(name, source, installs)
    with alone(name):  # an environment knows its own place, so it cannot be made beside it and moved
        if not ((made / "complete").exists() and (made / "bin/python3").exists()):  # whose Python may have gone
            shutil.rmtree(made, ignore_errors=True)
            print(f"installing {name} (about a minute)", file=sys.stderr)
            subprocess.run([_python(), "-m", "venv", str(made)], check=True)
            for words in installs:
                pip = [str(made / "bin/pip"), "install", *_QUIET, *words]
                subprocess.run(pip, cwd=source.parent, check=True, stdout=sys.stderr)
            (made / "complete").touch()
    return made


def _python() -> str:
    """The Python that runs, by no link that may be gone tomorrow: an environment is one to it."""
    return str(Path(sys.executable).resolve())
