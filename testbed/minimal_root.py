"""The smallest Debian there is, as a tree to chroot(8) into: no Python, no certificates, no locales."""

import os
import subprocess
import tarfile
import tempfile
from pathlib import Path

from testbed import rt_config
from testbed.errors import ClusterError
from testbed.paths import CACHE
from testbed.progress import long_step
from testbed.rt_disk import apt_sources

SOURCES = (Path("/etc/apt/sources.list.d/debian.sources"), Path("/etc/apt/sources.list"))


def unpack(into: Path) -> None:
    """Fill the folder INTO with Debian's essential packages, the same release as the real-time node's.

    Needs root for the owners. Raises ClusterError when mmdebstrap fails or is missing (python3 -m testbed packages rt).
    """
    kept = CACHE / f"root-{rt_config.SUITE}.tar"
    if not kept.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        sources = apt_sources(Path("/etc/os-release").read_text(encoding="utf-8"), SOURCES)
        with (
            long_step("smallest Debian", 1),
            tempfile.NamedTemporaryFile(prefix=".root-", suffix=".tar", dir=CACHE, delete=False) as scratch,
        ):
            argv = ["mmdebstrap", "--quiet", "--variant=essential", rt_config.SUITE, scratch.name, *sources]
            try:
                subprocess.run(argv, check=True, capture_output=True, text=True)
            except (OSError, subprocess.CalledProcessError) as error:
                os.unlink(scratch.name)  # noqa: PTH108 - its name is what there is
                raise ClusterError(f"mmdebstrap: {getattr(error, 'stderr', None) or error}") from error
            Path(scratch.name).replace(kept)
    with tarfile.open(kept) as tree:
        tree.extractall(into, [member for member in tree if not member.isdev()], filter="fully_trusted")  # noqa: S202
