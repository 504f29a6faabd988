"""Runs the fuzz targets for some seconds each: ``python -m tests.fuzz [--seconds N] [--seed N] [TARGET[:FILE]…]``.

A target in C is a file beside this one, driver.c its loop; gcc compiles them with its sanitizers. ``events`` and
``threads`` are Python.
Each begins with what lies in corpus/TARGET. An input that breaks one is left in crashes/ and named: TARGET:FILE runs it
alone; what it was about then belongs into the corpus.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, NamedTuple

_HERE: Final = Path(__file__).resolve().parent
_ROOT: Final = _HERE.parents[1]
_SHIM: Final = _ROOT / "kubectl_nsexec/node/shim"
_COMPILE: Final = (
    *("gcc", "-std=c11", "-g", "-O1", "-Wall", "-Wextra", "-Werror", f"-I{_SHIM}", f"-I{_HERE}"),
    # Not position-independent: the driver tells edges apart by address.
    *("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-no-pie", "-fno-pie"),
)
_COVERED: Final = "-fsanitize-coverage=trace-pc"
_ENVIRONMENT: Final = {"ASAN_OPTIONS": "detect_leaks=0", "UBSAN_OPTIONS": "print_stacktrace=1"}
"""Leak checks need ptrace; what the targets take they free."""


class Target(NamedTuple):
    """``sources``: of the shim, under test; ``faked``: what they call, and the target defines as fake_NAME."""

    sources: tuple[str, ...]
    faked: tuple[str, ...]
    helpers: tuple[str, ...] = ()
    """Of the shim, as they are."""


_IN_C: Final = {
    "identity": Target(("identity.c",), ()),
    "devices": Target(("devices.c", "programs.c"), ("open", "openat", "close", "faccessat", "write_all", "syscall")),
    "exec_env": Target((), ("getenv", "setenv", "clearenv")),  # it includes its source
    "frames": Target(("frames.c",), ("read", "write", "close")),
    "terminal": Target((), ("read", "write", "ioctl"), ("users.c",)),  # it includes its source
}
_TARGETS: Final = (*_IN_C, "events", "threads")


def _compile(name: str, target: Target, folder: Path) -> Path:
    fakes = [f"-D{function}=fake_{function}" for function in target.faked]
    units = [
        (_HERE / "driver.c", []),
        (_HERE / "rescue.c", []),
        (_SHIM / "report.c", ["-Dfail=fail_and_end"]),
        (_SHIM / "cpus.c", []),
        *((_SHIM / helper, []) for helper in target.helpers),
        *((_SHIM / source, [_COVERED, "-Dcalloc=tracked_calloc", *fakes]) for source in target.sources),
        (_HERE / f"{name}.c", [] if target.sources else [_COVERED, *fakes]),
    ]
    objects = []
    for number, (source, flags) in enumerate(units):
        objects.append(str(folder / f"{name}-{number}.o"))
        subprocess.run([*_COMPILE, *flags, "-c", "-o", objects[-1], str(source)], check=True)
    program = folder / name
    subprocess.run([*_COMPILE, "-o", str(program), *objects], check=True)
    return program


def _run(word: str, seconds: int, seed: int, folder: Path) -> bool:
    """Whether TARGET, or TARGET:FILE, found nothing; says so on stdout."""
    name, _, file = word.partition(":")
    files = [file] if file else [str(path) for path in sorted((_HERE / "corpus" / name).iterdir())]
    crashes = _HERE / "crashes"
    crashes.mkdir(exist_ok=True)
    crash = crashes / f"{name}-{seed}"
    words = ["0" if file else str(seconds), str(seed), str(crash), *files]
    if name in _IN_C:
        command = [str(_compile(name, _IN_C[name], folder)), *words]
    else:
        command = [sys.executable, "-m", f"tests.fuzz.{name}", *words]
    environment = {**os.environ, **_ENVIRONMENT}
    done = subprocess.run(
        command, env=environment, cwd=_ROOT, capture_output=True, text=True, errors="replace", check=False
    )
    if done.returncode == 0:
        print(f"fuzz {name}: {done.stdout.strip()}")  # noqa: T201 - the result
        return True
    print(f"fuzz {name}: BROKEN by {crash.relative_to(_ROOT)}\n{done.stdout}{done.stderr}")  # noqa: T201
    return False


def main() -> int:
    """The exit status: 1 when a target was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--seconds", type=int, default=15, help="of each target")
    parser.add_argument("--seed", type=int, default=1, help="other inputs with another one")
    parser.add_argument("targets", nargs="*", default=_TARGETS, metavar="TARGET[:FILE]")
    given = parser.parse_args()
    if unknown := [word for word in given.targets if word.partition(":")[0] not in _TARGETS]:
        parser.error(f"no such target: {' '.join(unknown)}; there are {', '.join(_TARGETS)}")
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as two:
        found = list(two.map(lambda word: _run(word, given.seconds, given.seed, Path(folder)), given.targets))
    return 0 if all(found) else 1


if __name__ == "__main__":
    sys.exit(main())
