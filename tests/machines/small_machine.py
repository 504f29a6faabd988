"""A small machine that enters something like a container once for each session that a test gives it."""

from __future__ import annotations

import base64
import json
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from kubectl_nsexec.node import shim
from kubectl_nsexec.protocol.exit_marker import ExitMarker
from testbed import small_vm

if TYPE_CHECKING:
    from collections.abc import Mapping

INIT = Path(__file__).with_name("init.sh")
EVERY_CAPABILITY = "000001ffffffffff"
EVERYTHING = dict.fromkeys(("bounding", "permitted", "effective"), EVERY_CAPABILITY)
"""Of a kernel that has 41 capabilities, whatever this machine's has."""


class Answer(NamedTuple):
    """What a session ended with; ``event`` is the shim's first line, ``told`` the status in its exit marker."""

    code: int
    event: Mapping[str, object]
    output: str
    told: int | None = None
    outlived: bool = False
    """Whether the command runs on."""


def ask(
    architecture: str,
    sessions: Mapping[str, bytes],
    folder: Path,
    *,
    arguments: str = "",
    policy: bytes = b"",
    profiles: bytes = b"",
) -> dict[str, Answer]:
    """Boots a machine for SESSIONS (records by name) and returns their answers.

    FOLDER is for its content; ARGUMENTS are more for its kernel; POLICY is SELinux's, which it then enforces; PROFILES
    are AppArmor's, and each session then begins in the one that its name has before an underscore.
    """
    programs = {
        "init": INIT.read_bytes(),
        "bin/busybox": small_vm.ensure(architecture).busybox.read_bytes(),
        "shim": shim(architecture),
    }
    others = {f"sessions/{name}": records for name, records in sessions.items()}
    if policy:
        others["policy"] = policy
    if profiles:
        others["profiles"] = profiles
    shown = small_vm.boot(architecture, _initrd(folder, {**programs, **others}), arguments)
    ended = re.findall(r"<<<(\w+) (\d+)(\+?) (\S*)>>>", shown)
    assert {name for name, *_ in ended} == set(sessions), f"the machine did not answer all: {shown[-1000:]}"
    return {name: _answer(int(code), base64.b64decode(output), bool(on)) for name, code, on, output in ended}


def _initrd(folder: Path, content: Mapping[str, bytes]) -> Path:
    root = folder / "root"
    for name, data in content.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
        (root / name).chmod(0o755)
    archive = folder / "initrd.cpio"
    names = "\n".join(str(path.relative_to(root)) for path in sorted(root.rglob("*"))).encode()
    with archive.open("wb") as file:
        subprocess.run(["busybox", "cpio", "-o", "-H", "newc"], input=names, cwd=root, stdout=file, check=True)
    return archive


def _answer(code: int, output: bytes, outlived: bool) -> Answer:  # noqa: FBT001 - a word of the machine's own
    first, _, rest = output.partition(b"\n")
    event, word = json.loads(first.removeprefix(b"n0nce ")), ExitMarker("n0nce")
    said = word.take(bytearray(rest), whole=True)
    assert word.status in {None, code}
    return Answer(code, event, said.decode(), word.status, outlived)
