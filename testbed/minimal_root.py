"""Small Debians of any release, as trees to chroot(8) into; the smallest has no certificates, no locales, no Python."""

import os
import subprocess
import tarfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from testbed import debian, tarball
from testbed.errors import ClusterError
from testbed.paths import CACHE
from testbed.progress import long_step

_OF_THE_MACHINE: Final = (
    "/dev/null",
    "/dev/urandom",
    "/etc/hosts",
    "/etc/pip.conf",
    "/etc/resolv.conf",
    "/etc/ssl/certs/ca-certificates.crt",
    "/proc",
)
"""What Python and pip need, as far as the machine has it."""
_SHOWN: Final = (
    'root=$1; shift; while [ "$1" != -- ]; do mount --bind "$1" "$root$1"; shift; done; shift; exec chroot "$root" "$@"'
)
_HANDED_ON: Final = ("NSEXEC_BUILD_CACHE", "PIP_", "SOURCE_DATE_EPOCH", "XDG_CACHE_HOME")


def unpack(into: Path, suite: str = "bookworm", packages: Sequence[str] = ()) -> None:
    """Fill the folder INTO with Debian's essential packages of the release SUITE, and with PACKAGES, without devices.

    Needs root for the owners. Raises ClusterError when mmdebstrap fails or is missing (python3 -m testbed packages rt).
    """
    kept = CACHE / f"root-{'-'.join((suite, *packages))}.tar"
    if not kept.exists():
        more = [f"--include={','.join(packages)}"] if packages else []
        make(kept, suite, ["--variant=essential", *more])
    with tarfile.open(kept) as tree:
        tarball.unpack(tree, into)


def make(target: Path, suite: str, how: Sequence[str], minutes: float = 1) -> None:
    """Make the tar TARGET of a Debian of the release SUITE by mmdebstrap's options HOW. Raises ClusterError.

    ``minutes`` is about how long that takes.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = target.with_name(f".{os.getpid()}-{target.name}")
    argv = debian.mmdebstrap(suite, ["--quiet", *how], str(scratch))
    with long_step(f"Debian {suite}", minutes):
        try:
            subprocess.run(argv, check=True, capture_output=True, text=True)
        except (OSError, subprocess.CalledProcessError) as error:
            scratch.unlink(missing_ok=True)
            raise ClusterError(f"mmdebstrap: {(getattr(error, 'stderr', None) or str(error))[-2000:]}") from error
        scratch.replace(target)


def run(
    root: Path, argv: Sequence[str], shown: Iterable[Path] = (), folder: str = "/"
) -> subprocess.CompletedProcess[str]:
    """Run ARGV in the tree ROOT as root, with the machine's network, the paths SHOWN, and no other mount left behind.

    ``folder`` is the working directory in there.
    """
    places = [path for path in (*map(Path, _OF_THE_MACHINE), *shown) if path.exists()]
    for place in places:
        inside = root / place.relative_to("/")
        inside.parent.mkdir(parents=True, exist_ok=True)
        if place.is_dir():
            inside.mkdir(exist_ok=True)
        elif not inside.exists():
            inside.unlink(missing_ok=True)  # a link that leads nowhere
            inside.touch()
    kept = {name: value for name, value in os.environ.items() if name.startswith(_HANDED_ON)}
    environment = {**kept, "HOME": "/root", "LC_ALL": "C.UTF-8", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    inner = ["env", f"--chdir={folder}", *argv]
    words = ["unshare", "--mount", "sh", "-ec", _SHOWN, "sh", str(root), *map(str, places), "--", *inner]
    return subprocess.run(words, env=environment, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
