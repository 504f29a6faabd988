"""Compiles the last link (kubectl_nsexec/node/*.c) into the package, by hatchling's hook or by hand.

``python hatch_build.py`` builds it in place, for work on a checkout.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NODE_FOLDER = Path("kubectl_nsexec/node")
TARGETS = {"amd64": "x86_64-linux-musl"}
"""The node's architecture, in Kubernetes' word, → zig's target."""
FLAGS = ["-std=c11", "-Os", "-static", "-s", "-Wall", "-Wextra", "-Werror"]


def build_last_link(root: Path) -> list[Path]:
    """Compile what is missing or older than its sources; the programs, relative to ``root``, the checkout.

    ziglang carries compiler and libc, so the bytes depend on its version and the sources only.
    Raises subprocess.CalledProcessError when it does not compile (the compiler has said why on stderr).
    """
    folder = root / NODE_FOLDER
    inputs = [*folder.glob("*.[ch]"), Path(__file__)]
    newest = max(path.stat().st_mtime for path in inputs)
    programs = []
    for architecture, target in TARGETS.items():
        program = folder / "bin" / f"last-link-{architecture}"
        if not program.exists() or program.stat().st_mtime < newest:
            _compile(folder, target, program)
        programs.append(program.relative_to(root))
    return programs


def _compile(folder: Path, target: str, program: Path) -> None:
    """Compile every source into ``program``, whole or not at all."""
    program.parent.mkdir(exist_ok=True)
    # Relative names: neither the place of the checkout nor of the result may show in the program.
    sources = sorted(path.name for path in folder.glob("*.c"))
    with tempfile.TemporaryDirectory(dir=program.parent) as scratch:
        made = Path(scratch) / program.name
        command = [sys.executable, "-m", "ziglang", "cc", "-target", target, *FLAGS]
        subprocess.run([*command, "-o", os.path.relpath(made, folder), *sources], cwd=folder, check=True)
        made.replace(program)


class LastLinkHook(BuildHookInterface):  # type: ignore[misc] # hatchling carries no types
    """Hatchling's build hook: the program is an artifact of the wheel (of an editable install as well)."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile before the wheel's files are collected (``version`` is "standard" or "editable")."""
        del version
        if self.target_name != "wheel":
            return
        build_data["artifacts"] += [f"/{program.as_posix()}" for program in build_last_link(Path(self.root))]


if __name__ == "__main__":
    for built in build_last_link(Path(__file__).resolve().parent):
        print(built)  # noqa: T201 # the one line that a developer wants
