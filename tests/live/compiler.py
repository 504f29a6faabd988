"""What tests compile, made once for the same inputs and then kept in the test bed's cache.

Each checkout's ziglang is a new one to its own cache: it looks through all of its libc again, for 25 s of CPU time.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final

from testbed import once
from testbed.paths import CACHE

if TYPE_CHECKING:
    from collections.abc import Sequence

ZIG: Final = (sys.executable, "-m", "ziglang", "cc")


def compiled(program: Path, sources: Sequence[Path], compiler: Sequence[str]) -> Path:
    """Write PROGRAM, which COMPILER, with its flags, makes of SOURCES and of the headers beside them; return it.

    Raises AssertionError with what the compiler says.
    """
    kept = CACHE / f"compiled-{_key(sources, compiler)}"
    with once.alone("compiled"):
        if not kept.exists():
            with tempfile.TemporaryDirectory(prefix=".compiled-", dir=CACHE) as scratch:
                made = Path(scratch) / program.name
                # In what a sanitizer says no place of a checkout, for another one may take the program.
                here = f"-ffile-prefix-map={sources[0].parent}=."
                words = [*compiler, here, "-o", str(made), *map(str, sources)]
                done = subprocess.run(words, capture_output=True, text=True, check=False)
                assert done.returncode == 0, done.stderr
                made.replace(kept)
    program.parent.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy(kept, program))


def _key(sources: Sequence[Path], compiler: Sequence[str]) -> str:
    if tuple(compiler[: len(ZIG)]) == ZIG:
        words = [version("ziglang"), *compiler[len(ZIG) :]]
    else:
        says = subprocess.run([compiler[0], "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout
        words = [says, *compiler]
    folder = sources[0].parent
    return once.digest(folder, "*.h", *(path.name for path in sources), more=repr(words))
