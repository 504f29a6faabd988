"""An older Debian with a newer Python, to build what older systems can load; a tree in the cache."""

import hashlib
import shutil
import tarfile
from pathlib import Path
from typing import Final

from testbed import minimal_root, tarball
from testbed.paths import CACHE

SUITE: Final = "bullseye"
"""Debian 11: glibc 2.31. Debian 10's packages have gone from the mirrors."""
PYTHON: Final = Path("/opt/python/bin/python3")
_LIBRARIES: Final = ("libbz2-dev", "libexpat1-dev", "libffi-dev", "liblzma-dev", "libssl-dev", "uuid-dev", "zlib1g-dev")
_PACKAGES: Final = ("build-essential", "ca-certificates", "dpkg-dev", "git", *_LIBRARIES)
_SOURCE: Final = ("trixie", "python3.13")
"""Debian's release and source package of the Python that is compiled."""
_KEYRING: Final = "/usr/share/keyrings/debian-archive-keyring.gpg"
_FETCH: Final = f"""
mirror=$(sed -n 's/^deb \\(\\[.*\\] \\)\\?\\(http[^ ]*\\) .*/\\2/p' "$1/etc/apt/sources.list" | head -n 1)
cp {_KEYRING} "$1{_KEYRING}"
echo "deb-src [signed-by={_KEYRING}] $mirror {_SOURCE[0]} main" >"$1/etc/apt/sources.list.d/python.list"
chroot "$1" apt-get -q update
chroot "$1" sh -ec 'mkdir /build; cd /build; apt-get -q source --download-only {_SOURCE[1]}'
"""
_COMPILE: Final = """
cd /build
tar xf *.orig.tar.xz
cd Python-*
./configure --prefix=/opt/python --enable-shared --disable-test-modules LDFLAGS=-Wl,-rpath,/opt/python/lib
make -j"$(nproc)"
make install
rm -r /build
"""


def ensure() -> Path:
    """Return the tree, made first when it is not there (about 5 minutes on two cores). Raises ClusterError.

    It is nobody's to write to: what is built in there goes to a folder that ``minimal_root.run`` shows.
    """
    key = hashlib.sha256(repr((SUITE, _PACKAGES, _SOURCE, _FETCH, _COMPILE)).encode()).hexdigest()[:12]
    folder = CACHE / f"old-{key}"
    if not folder.is_dir():
        CACHE.mkdir(parents=True, exist_ok=True)
        packed, scratch = CACHE / f".{folder.name}.tar", CACHE / f".{folder.name}"
        how = ["--variant=apt", f"--include={','.join(_PACKAGES)}", f"--customize-hook={_FETCH}"]
        compiled = f"chroot \"$1\" sh -ec '{_COMPILE}' >&2"
        minimal_root.make(packed, SUITE, [*how, f"--customize-hook={compiled}"], minutes=5)
        shutil.rmtree(scratch, ignore_errors=True)
        with tarfile.open(packed) as tree:
            tarball.unpack(tree, scratch)
        packed.unlink()
        scratch.replace(folder)
    return folder
