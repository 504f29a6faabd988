"""The real-time node's disk: Debian with a PREEMPT_RT kernel, written without root and kept in the cache.

mmdebstrap unpacks the packages into a tar, the files of :mod:`testbed.rt_config` are laid over it, and ``mke2fs -d``
turns the tree into a file system. Nothing is mounted. What belongs to one cluster (certificates, the kubelet, images,
the ssh key) is left out: it comes with a second disk at boot, so one disk serves every cluster and every clone.
"""

import hashlib
import io
import os
import shutil
import subprocess
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Final, NamedTuple

from testbed import debian, rt_config, rt_confinement
from testbed.errors import ClusterError
from testbed.once import alone
from testbed.paths import CACHE
from testbed.progress import long_step

DISK_SIZE: Final = "6G"  # sparse: an unused block costs nothing
# A password that matches none: one that locks the account locks its keys out too, where sshd has no PAM.
_USERS: Final = tuple(
    f'--customize-hook=chroot "$1" useradd -m -s /bin/bash -p "*" {user}'
    for user in (rt_config.SUDOER, rt_config.STRANGER)
)
_FAILED_LOG: Final = CACHE / "rt-disk.log"
_STEP_LIMIT_SECONDS: Final = 1800.0


class Disk(NamedTuple):
    """Files of one finished build, all in one folder of the cache; never written to after the build."""

    image: Path
    kernel: Path
    initrd: Path


def key() -> str:
    """Twelve hex digits that change whenever anything that goes into the disk changes."""
    inputs = (rt_config.PACKAGES, rt_config.INITRAMFS, rt_config.FILES, rt_config.LINKS, DISK_SIZE, _USERS)
    text = repr((rt_config.distribution(), rt_confinement.confinement(), *inputs))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def ensure() -> Disk:
    """Return the disk, built first if the cache has none for the present inputs.

    Raises ClusterError when a tool is missing or a step fails; the message names the log.
    """
    folder = CACHE / f"rt-{key()}"
    if not folder.is_dir():
        with alone("rt-disk"):
            if not folder.is_dir():
                _build(folder)
    return Disk(folder / "disk.img", folder / "vmlinuz", folder / "initrd.img")


def _build(folder: Path) -> None:
    tools = ["mmdebstrap", "mke2fs", *(["fakeroot", "newuidmap"] if os.geteuid() else [])]
    missing = [tool for tool in tools if not shutil.which(tool, path=_tool_path())]
    if missing:
        raise ClusterError(f"the real-time node's disk needs {', '.join(missing)}: python3 -m testbed packages cluster")
    work = folder.with_name(f"{folder.name}.building-{os.getpid()}")
    work.mkdir(parents=True)
    log_path = work / "build.log"
    step = "packages"
    try:
        with log_path.open("wb") as log, long_step("real-time node's disk", 2, lambda: f"{step}"):
            _run(_mmdebstrap(work / "root.tar"), log)
            step = "file system"
            (work / "config.tar").write_bytes(_config_tar())
            _run(_assemble(work), log)
        for name in ("root.tar", "config.tar"):
            (work / name).unlink()
        work.rename(folder)
    except subprocess.SubprocessError as error:
        shutil.copyfile(log_path, _FAILED_LOG)
        raise ClusterError(f"real-time node's disk: {step}: {_short(error)}; see {_FAILED_LOG}") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _short(error: subprocess.SubprocessError) -> str:
    # The exception's own text repeats the whole command line, scripts and all.
    if isinstance(error, subprocess.CalledProcessError):
        return f"{error.cmd[0]} ended with status {error.returncode}"
    return f"not done within {_STEP_LIMIT_SECONDS:.0f} s"


def _run(command: Sequence[str], log: IO[bytes]) -> None:
    environment = {**os.environ, "PATH": _tool_path()}
    subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        env=environment,
        check=True,
        timeout=_STEP_LIMIT_SECONDS,
    )


def _tool_path() -> str:
    return os.environ.get("PATH", "") + ":/usr/sbin:/sbin"  # mke2fs lives where a user's PATH does not look


def _mmdebstrap(tar: Path) -> list[str]:
    # The initramfs is made while the kernel package is configured, so its settings must be there before.
    hooks = [
        f'--essential-hook=mkdir -p "$1/{path.parent}" && printf "%s\\n" {" ".join(words)} > "$1/{path}"'
        for path, words in ((Path(name), words) for name, words in rt_config.INITRAMFS.items())
    ]
    excluded = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "man", "locale", "info")]
    debian_of_node, confinement = rt_config.distribution(), rt_confinement.confinement()
    packages = (*rt_config.PACKAGES, *confinement.packages, debian_of_node.oci_runtime, *debian_of_node.packages)
    include = f"--include={','.join(packages)}"
    return debian.mmdebstrap(
        debian_of_node.suite, ["--variant=minbase", include, *hooks, *_USERS, *confinement.hooks, *excluded], str(tar)
    )


def _assemble(work: Path) -> list[str]:
    # /dev is left out: the kernel fills it, and making device nodes is what would need root. fakeroot, for those who
    # are not root, makes mke2fs see the owners that tar set.
    script = """set -eu
cd "$1"; mkdir root; trap 'rm -rf root' EXIT
tar x -C root -f root.tar --exclude='./dev/*'
tar x -C root -f config.tar
[ -z "$3" ] || chroot root sh -c "$3"
cp root/boot/vmlinuz-* vmlinuz; cp root/boot/initrd.img-* initrd.img
truncate -s "$2" disk.img
mke2fs -q -t ext4 -d root disk.img
"""
    shell = ["sh", "-c", script, "assemble", str(work), DISK_SIZE, rt_confinement.confinement().when_packed]
    return shell if os.geteuid() == 0 else ["fakeroot", "--", *shell]


def _config_tar() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, text in {**rt_config.FILES, **rt_confinement.confinement().files}.items():
            data = text.encode()
            member = tarfile.TarInfo(f"./{name}")
            member.size, member.mode = len(data), 0o644
            tar.addfile(member, io.BytesIO(data))
        for name, target in rt_config.LINKS.items():
            member = tarfile.TarInfo(f"./{name}")
            member.type, member.linkname = tarfile.SYMTYPE, target
            tar.addfile(member)
    return buffer.getvalue()
