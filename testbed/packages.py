"""Debian packages, by what they are for; only what is missing is installed, and only for that is root asked for."""

import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from testbed.errors import ClusterError
from testbed.once import alone
from testbed.progress import say

BASE: Final = ("ca-certificates", "groff-base", "libseccomp2", "python3-venv", "shellcheck")
C: Final = ("gcc", "libc6-dev")
HERMETIC: Final = ("busybox-static", "rsync", *C)
CLUSTER: Final = ("busybox-static", "etcd-server", "openssl", "rt-tests")
SHELLS: Final = ("bash-completion", "fish", "zsh")
ON_TERMINALS: Final = ("screen", "sudo", "tmux")
GATHERS_LINES: Final = ("clustershell", "pdsh")
COMPILES_RUNC: Final = ("gcc", "libc6-dev", "libseccomp-dev", "pkg-config")
HOST: Final = (
    "iproute2",
    "openssh-client",
    "openssh-server",
    "rsync",
    "util-linux",
    *COMPILES_RUNC,
    *GATHERS_LINES,
    *SHELLS,
    *ON_TERMINALS,
)
DOCS: Final = ("chromium", "chromium-driver", "fonts-dejavu-core")
TREES: Final = ("debian-archive-keyring", "mmdebstrap")
PACKAGING: Final = ("binutils", "git", "openssl", *TREES)
RT: Final = ("e2fsprogs", "fakeroot", "openssh-client", "qemu-system-x86", "uidmap", *COMPILES_RUNC, *TREES)
SMALL_VM: Final = (
    "apparmor",
    "busybox-static",
    "qemu-system-arm",
    "qemu-system-misc",
    "qemu-system-ppc",
    "qemu-system-x86",
    "secilc",
    "uidmap",
    *TREES,
)

BY_PURPOSE: Final[dict[str, tuple[str, ...]]] = {
    "base": BASE,
    "c": C,
    "hermetic": HERMETIC,
    "cluster": CLUSTER,
    "host": HOST,
    "rt": RT,
    "packaging": PACKAGING,
    "docs": DOCS,
    "small-vm": SMALL_VM,
    "all": BASE + C + CLUSTER + DOCS + HOST + PACKAGING + RT + SMALL_VM,
}

_STARTS_A_SERVICE: Final = {
    "openssh-server": "ssh.service on port 22 (the tests start one of their own, on loopback)",
    "etcd-server": "etcd.service on 127.0.0.1:2379 (the test bed does not use it: its own has other ports and data)",
}
_APT: Final = ("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-y")


def ensure(*purposes: str) -> None:
    """Install what is missing of the packages for PURPOSES (keys of BY_PURPOSE).

    On a system without dpkg nothing is installed, and what is wanted is said instead.
    Raises ClusterError when root is needed and cannot be had, or apt-get fails.
    """
    wanted = sorted({package for purpose in purposes for package in BY_PURPOSE[purpose]})
    if shutil.which("dpkg-query") is None:
        say(f"not a Debian system; what these packages carry has to be there already: {' '.join(wanted)}")
        return
    if missing_of(wanted):
        with alone("packages"):
            _ensure(wanted)


def _ensure(wanted: list[str]) -> None:
    missing = missing_of(wanted)  # somebody else may have installed them while we waited
    if not missing:
        return
    say(f"installing Debian packages: {' '.join(missing)}")
    if Path("/run/systemd/system").is_dir():
        for package in missing:
            if package in _STARTS_A_SERVICE:
                say(f"  {package} makes Debian start {_STARTS_A_SERVICE[package]}")
    root = _as_root()
    if not _known(missing):
        _update(root)
    if _install(root, missing):
        _update(root)  # the lists may be older than the archive
        if said := _install(root, missing):
            raise ClusterError(f"apt-get could not install {' '.join(missing)}:\n{said}")
    still = missing_of(wanted)
    if still:
        raise ClusterError(f"apt-get ended well, and yet these are missing: {' '.join(still)}")


def missing_of(wanted: Iterable[str]) -> list[str]:
    """Return those of WANTED that are not installed, sorted."""
    names = sorted(wanted)
    query = ["dpkg-query", "--show", "--showformat", "${binary:Package}\t${db:Status-Status}\n", *names]
    done = subprocess.run(query, capture_output=True, text=True, check=False)  # status 1 when it knows one of them not
    rows = (line.split("\t") for line in done.stdout.splitlines())
    installed = {row[0].partition(":")[0] for row in rows if row[-1] == "installed"}
    return [name for name in names if name not in installed]


def _known(names: Iterable[str]) -> bool:
    show = ["apt-cache", "show", "--no-all-versions", *names]
    return subprocess.run(show, capture_output=True, check=False).returncode == 0


def _as_root() -> list[str]:
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") is None:
        raise ClusterError("installing packages needs root, and there is no sudo: run this once as root")
    return ["sudo"]


def _update(root: list[str]) -> None:
    if said := _complaint([*root, *_APT, "update"]):
        raise ClusterError(f"apt-get update failed:\n{said}")


def _install(root: list[str], names: Iterable[str]) -> str:
    return _complaint([*root, *_APT, "install", "--no-install-recommends", *names])


def _complaint(argv: list[str]) -> str:
    """Run ARGV: what it says where it fails, else nothing, for its success is a hundred lines. sudo asks on the tty."""
    done = subprocess.run(argv, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return "" if done.returncode == 0 else done.stdout.strip() or f"exit status {done.returncode}"
