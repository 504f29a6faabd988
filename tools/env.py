"""The environments of this checkout that are kept for all of them (testbed/environment.py).

``python3 -m tools.env checkout .venv`` makes .venv of what tools/requirements.txt locks; ``python3 -m tools.env docs``
prints the folder of what makes the documentation.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from testbed import environment
from testbed.paths import REPOSITORY

_LOCK: Final = REPOSITORY / "tools/requirements.txt"
_SCRIPT: Final = """#!/bin/sh
'''exec' "{python}" "$0" "$@"
' '''
"""
"""As pip begins a script whose interpreter's path is long or has a space: the shell starts Python on the same file."""


def copy(kept: Path, into: Path) -> None:
    """Makes INTO an environment like KEPT; whatever it was is gone. Raises CalledProcessError.

    Their files are the same ones (hard links), where one file system has both: pip takes half a minute for all of them,
    and so may a copy. Neither pip nor Python changes a file in place.
    """
    shutil.rmtree(into, ignore_errors=True)
    linked = subprocess.run(["cp", "--archive", "--link", str(kept), str(into)], stderr=subprocess.DEVNULL, check=False)
    if linked.returncode:
        shutil.rmtree(into, ignore_errors=True)
        subprocess.run(["cp", "--archive", str(kept), str(into)], check=True)
    for script in (into / "pyvenv.cfg", *(into / "bin").iterdir()):
        if not script.is_symlink():
            _move(script, kept, into)


def _move(script: Path, kept: Path, into: Path) -> None:
    """Names INTO where SCRIPT names KEPT; what is no text does not."""
    try:
        text = script.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return
    interpreter, _, rest = text.partition("\n")
    if interpreter.startswith(f"#!{kept}/"):
        text = _SCRIPT.format(python=into / "bin/python3") + rest
    mode = script.stat().st_mode
    script.unlink()  # the kept one stays as it is
    script.write_text(text.replace(str(kept), str(into)), encoding="utf-8")
    script.chmod(mode)


def main(name: str, *into: str) -> None:
    """Does what the words of the command line say."""
    if name == "checkout":
        copy(environment.ensure("tools", _LOCK, environment.locked(_LOCK)), Path(*into).absolute())
    else:
        # pip knows dependency groups since 25.1.
        print(environment.ensure("docs", REPOSITORY / "pyproject.toml", [("pip>=25.1",), ("--group", "docs")]))


if __name__ == "__main__":
    main(*sys.argv[1:])
