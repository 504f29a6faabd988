"""Small machines of any architecture under QEMU's emulation: Debian's kernel and static busybox, no disk.

The packages are only unpacked, so nothing of them has to run for that; kernel and busybox are kept in the cache.
"""

import hashlib
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

from testbed.errors import ClusterError
from testbed.paths import CACHE
from testbed.progress import long_step

SUITE: Final = "bookworm"
_LIMIT_SECONDS: Final = 600.0
_LOG: Final = CACHE / "small-vm.log"
_KERNEL: Final = re.compile(r"\./boot/vmlinu[xz]-.+")
_BUSYBOX: Final = "./bin/busybox"


class Kind(NamedTuple):
    """How Debian and QEMU speak of an architecture."""

    debian: str
    kernel_package: str
    emulator: tuple[str, ...]
    console: str


KINDS: Final = {
    "amd64": Kind("amd64", "linux-image-amd64", ("qemu-system-x86_64",), "ttyS0"),
    "arm64": Kind("arm64", "linux-image-arm64", ("qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a57"), "ttyAMA0"),
    "ppc64le": Kind(
        "ppc64el", "linux-image-powerpc64le", ("qemu-system-ppc64", "-M", "pseries", "-vga", "none"), "hvc0"
    ),
    "s390x": Kind("s390x", "linux-image-s390x", ("qemu-system-s390x", "-M", "s390-ccw-virtio"), "ttysclp0"),
}
"""By Kubernetes' word for the architecture."""


class Parts(NamedTuple):
    """What a machine is made of, in the cache."""

    kernel: Path
    busybox: Path


def ensure(architecture: str) -> Parts:
    """Return kernel and busybox, unpacked first if the cache has none. Raises ClusterError, which names the log."""
    kind = KINDS[architecture]
    key = hashlib.sha256(repr((SUITE, kind)).encode()).hexdigest()[:12]
    folder = CACHE / f"small-vm-{architecture}-{key}"
    parts = Parts(folder / "kernel", folder / "busybox")
    if not folder.is_dir():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE, prefix=".small-vm-") as scratch:
            made = Path(scratch) / "made"
            made.mkdir()
            with long_step(f"kernel and busybox of {architecture}", 0.5):
                _unpack(kind, Path(scratch) / "packages.tar", made)
            made.rename(folder)
    return parts


def boot(architecture: str, initrd: Path, arguments: str = "") -> str:
    """Run a machine with the cpio archive INITRD until it turns itself off; what its console showed.

    ARGUMENTS: more for the kernel, as on its command line.

    Raises ClusterError when it does not end within ten minutes.
    """
    kind = KINDS[architecture]
    quiet = ["-m", "512", "-nographic", "-no-reboot", "-nodefaults", "-serial", "stdio", "-net", "none"]
    # A panic reboots, and -no-reboot makes that the end.
    words = f"console={kind.console} rdinit=/init quiet loglevel=1 panic=-1 {arguments}"
    command = [*kind.emulator, *quiet, "-kernel", str(ensure(architecture).kernel), "-initrd", str(initrd)]
    try:
        done = subprocess.run(
            [*command, "-append", words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_LIMIT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        shown = (error.output or b"")[-500:].decode(errors="replace")
        raise ClusterError(f"the {architecture} machine did not end in {_LIMIT_SECONDS:.0f} s: {shown}") from error
    return done.stdout.decode(errors="replace")


def mirror(sources: Iterable[str]) -> list[str]:
    """The first mirror of apt's own SOURCES (lines), as a word for mmdebstrap; none: mmdebstrap knows one.

    Not the whole file: its suites of security fixes are not always whole for every architecture.
    """
    for line in sources:
        found = re.match(r"(?:URIs:|deb\b[^#]*?)\s+(https?://\S+)", line)
        if found:
            return [found[1]]
    return []


def _unpack(kind: Kind, archive: Path, folder: Path) -> None:
    files = [Path("/etc/apt/sources.list.d/debian.sources"), Path("/etc/apt/sources.list")]
    lines = [line for file in files if file.is_file() for line in file.read_text(encoding="utf-8").splitlines()]
    command = [
        "mmdebstrap",
        "--variant=extract",
        f"--architectures={kind.debian}",
        f"--include={kind.kernel_package},busybox-static",
        SUITE,
        str(archive),
        *mirror(lines),
    ]
    with _LOG.open("wb") as log:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            timeout=_LIMIT_SECONDS,
            check=False,
            env={**os.environ, "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin"},
        )
    if done.returncode:
        raise ClusterError(f"mmdebstrap could not unpack {kind.kernel_package} for {kind.debian}; see {_LOG}")
    with tarfile.open(archive) as tar:
        for member in tar:
            name = "kernel" if _KERNEL.fullmatch(member.name) else "busybox" if member.name == _BUSYBOX else None
            content = tar.extractfile(member) if name else None
            if name and content:
                with (folder / name).open("wb") as file:
                    shutil.copyfileobj(content, file)
    missing = {"kernel", "busybox"} - {path.name for path in folder.iterdir()}
    if missing:
        raise ClusterError(f"the packages of {kind.debian} hold no {' and no '.join(sorted(missing))}")
