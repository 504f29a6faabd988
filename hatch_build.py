"""Compiles the shim (kubectl_nsexec/node/shim/*.c) into the package, by hatchling's hook or by hand.

The hook makes the man pages as well (tools/man_page.py). The numbers of the system calls
(kubectl_nsexec/identity/seccomp/syscalls.json) come from the kernel's headers that the compiler brings.

A wheel has it for every architecture. An editable install, which is for work on a checkout, has it for this machine and
the most usual node: a compiler that has never worked here makes a C library for each first, in half a minute.
``python hatch_build.py [ARCHITECTURE…]`` builds the others in place. Where NSEXEC_BUILD_CACHE names a folder, what was
compiled once from the same inputs is taken from there.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

if TYPE_CHECKING:
    from collections.abc import Iterable

NODE_FOLDER = Path("kubectl_nsexec/node")
SOURCES = NODE_FOLDER / "shim"
TARGETS = {
    "amd64": "x86_64-linux-musl",
    "arm64": "aarch64-linux-musl",
    "ppc64le": "powerpc64le-linux-musl",
    "s390x": "s390x-linux-musl",
}
"""The node's architecture, in Kubernetes' word, → zig's target."""
MOST_NODES = "amd64"
MACHINES = {"aarch64": "arm64", "x86_64": "amd64"}
"""The kernel's word for an architecture (uname(2)) → Kubernetes', where that is another one."""
SYSCALLS = Path("kubectl_nsexec/identity/seccomp/syscalls.json")
NOTICES = Path("kubectl_nsexec/node/NOTICES")
LINKED = {"musl, the C library": "lib/libc/musl/COPYRIGHT", "Zig's compiler-rt": "LICENSE"}
"""What is linked into the shim → its licence, which wants to be handed on, among ziglang's files."""
HEADERS = {
    "x86_64": "x86-linux-any/asm/unistd_64.h",
    "x32": "x86-linux-any/asm/unistd_x32.h",
    "x86": "x86-linux-any/asm/unistd_32.h",
    "aarch64": "aarch64-linux-any/asm/unistd_64.h",
    "arm": "arm-linux-any/asm/unistd-eabi.h",
    "ppc64le": "powerpc-linux-any/asm/unistd_64.h",
    "s390x": "s390x-linux-any/asm/unistd_64.h",
}
"""Architecture → the kernel's list of its system calls, among ziglang's headers."""
FEWEST_CALLS = 300
BASES = {"__X32_SYSCALL_BIT": 0x40000000, "__NR_SYSCALL_BASE": 0}
ARM_PRIVATE = {"breakpoint": 0xF0001, "cacheflush": 0xF0002, "set_tls": 0xF0005}
"""__ARM_NR_ of arm's asm/unistd.h: calls that are in no list."""
MAN_PAGES = Path("build/man1")
FLAGS = ["-std=c11", "-Os", "-s", "-Wall", "-Wextra", "-Werror"]
HARDENING = ["-static", "-pie", "-fPIE", "-fstack-protector-strong", "-Wl,-z,relro,-z,now,-z,noexecstack"]
"""Static, and yet loaded at a random address (static PIE), with canaries and nothing writable that need not be.

_FORTIFY_SOURCE would do nothing: musl has no checked variants of its functions.
"""


def build_shim(root: Path, architectures: Iterable[str] = tuple(TARGETS)) -> list[Path]:
    """Compile what is missing or older than its sources; the programs, relative to ``root``, the checkout.

    Side by side, for each compiler uses one CPU. ziglang carries compiler and libc, so the bytes depend on its version
    and the sources only.
    Raises KeyError for an architecture that TARGETS lacks, subprocess.CalledProcessError when it does not compile (the
    compiler has said why on stderr).
    """
    folder = root / SOURCES
    inputs = [*folder.glob("*.[ch]"), Path(__file__)]
    newest = max(path.stat().st_mtime for path in inputs)

    def made(architecture: str) -> Path:
        program = root / NODE_FOLDER / "bin" / f"shim-{architecture}"
        if not program.exists() or program.stat().st_mtime < newest:
            _make(folder, TARGETS[architecture], program)
        return program.relative_to(root)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(made, architectures))


def for_work_here() -> set[str]:
    """The architectures of an editable install."""
    here = MACHINES.get(platform.machine(), platform.machine())
    return {MOST_NODES, here} & TARGETS.keys()


def _make(folder: Path, target: str, program: Path) -> None:
    """Take ``program`` from the cache, else compile it and leave it there."""
    cache = os.environ.get("NSEXEC_BUILD_CACHE")
    if not cache:
        _compile(folder, target, program)
        return
    kept = Path(cache) / f"shim-{_key(folder, target)}"
    if not kept.exists():
        _compile(folder, target, program)
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent) as scratch:  # another build may do the same now
            Path(shutil.copy(program, scratch)).replace(kept)
    program.parent.mkdir(exist_ok=True)
    shutil.copyfile(kept, program)
    program.chmod(0o755)


def _key(folder: Path, target: str) -> str:
    """Names everything that the program's bytes depend on."""
    key = hashlib.sha256(repr((target, FLAGS, HARDENING, metadata.version("ziglang"))).encode())
    for path in sorted(folder.glob("*.[ch]")):
        key.update(hashlib.sha256(path.name.encode() + b"\0" + path.read_bytes()).digest())
    return key.hexdigest()[:16]


def _compile(folder: Path, target: str, program: Path) -> None:
    """Compile every source into ``program``, whole or not at all."""
    program.parent.mkdir(exist_ok=True)
    # Relative names: neither the place of the checkout nor of the result may show in the program.
    sources = sorted(path.name for path in folder.glob("*.c"))
    with tempfile.TemporaryDirectory(dir=program.parent) as scratch:
        made = Path(scratch) / program.name
        command = [sys.executable, "-m", "ziglang", "cc", "-target", target, *FLAGS, *HARDENING]
        subprocess.run([*command, "-o", os.path.relpath(made, folder), *sources], cwd=folder, check=True)
        made.replace(program)


def write_syscalls(root: Path) -> Path:
    """Write the numbers of all system calls by architecture and name; the file, relative to ``root``.

    Raises ValueError when the headers do not look as expected.
    """
    import ziglang  # type: ignore[import-untyped]  # noqa: PLC0415 - a source distribution is made without

    file = root / SYSCALLS
    folder = Path(ziglang.__file__).parent / "lib/libc/include"
    tables = {architecture: _numbers((folder / header).read_text()) for architecture, header in HEADERS.items()}
    tables["arm"] |= ARM_PRIVATE
    text = json.dumps(tables, sort_keys=True, separators=(",", ":")) + "\n"
    if not file.exists() or file.read_text() != text:
        file.write_text(text)
    return SYSCALLS


def write_notices(root: Path) -> Path:
    """Write the licences of what is linked into the shim; the file, relative to ``root``."""
    import ziglang  # noqa: PLC0415 - as above

    carried = Path(ziglang.__file__).parent
    texts = {what: (carried / place).read_text(encoding="utf-8") for what, place in LINKED.items()}
    notices = "\n".join(f"In bin/shim-*: {what}\n\n{text}" for what, text in texts.items())
    (root / NOTICES).write_text(notices, encoding="utf-8")
    return NOTICES


def _numbers(header: str) -> dict[str, int]:
    """Name → number, of lines like ``#define __NR_read (__X32_SYSCALL_BIT + 0)``."""
    found = re.findall(r"^#define __NR_(\w+)\s+(?:\((\w+)\s*\+\s*(\d+)\)|(\d+))\s*$", header, re.MULTILINE)
    numbers = {name: BASES[base] + int(added) if base else int(plain) for name, base, added, plain in found}
    if numbers.get("read") is None or len(numbers) < FEWEST_CALLS:
        raise ValueError(f"{len(numbers)} system calls found in a header of the kernel")
    return numbers


def write_man_pages(root: Path) -> dict[str, str]:
    """Write the man pages; each file, relative to ``root`` → where it goes below the prefix of an installation.

    Raises subprocess.CalledProcessError when the command line's options cannot be read.
    """
    command = [sys.executable, "-m", "tools.man_page", str(MAN_PAGES)]
    written = subprocess.run(command, cwd=root, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    return {file: f"share/man/man1/{Path(file).name}" for file in written}


class ShimHook(BuildHookInterface):  # type: ignore[misc] # hatchling carries no types
    """Hatchling's build hook: the programs are artifacts of the wheel (of an editable install as well)."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile before the wheel's files are collected (``version`` is "standard" or "editable")."""
        if self.target_name != "wheel":
            return
        root = Path(self.root)
        architectures = for_work_here() if version == "editable" else TARGETS
        made = [*build_shim(root, architectures), write_syscalls(root), write_notices(root)]
        build_data["artifacts"] += [f"/{path.as_posix()}" for path in made]
        build_data["shared_data"] |= write_man_pages(root)


if __name__ == "__main__":
    checkout = Path(__file__).resolve().parent
    programs = build_shim(checkout, sys.argv[1:] or TARGETS)
    for built in [*programs, write_syscalls(checkout), write_notices(checkout)]:
        print(built)  # noqa: T201 # the one line that a developer wants
