"""What an OpenSSL with a FIPS module inside (RHEL 8 and its like) wants of the archive before it starts at all.

Where the kernel is in FIPS mode, or OPENSSL_FORCE_FIPS_MODE is set, such a libcrypto computes an HMAC of itself and of
libssl as it is loaded, and compares it with ``.NAME.hmac`` beside each: where that is missing, or the library was
stripped, the process is aborted ("FATAL FIPS SELFTEST FAILURE"). PyInstaller takes these files along, and leaves alone
what they are about; here that is looked at, and the program started so. Other systems' OpenSSL has no such files, and
takes no notice of the variable.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING, Final

from release.errors import ReleaseError
from release.names import PROGRAM

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_KEY: Final = b"orboDeJITITejsirpADONivirpUkvarP"
"""Everybody's: crypto/fips/fips_standalone_hmac.c of that OpenSSL, and fipscheck. It finds damage, not attackers."""
_NOBODY: Final = "https://127.0.0.1:9"
"""The discard port: asked for, the program has loaded OpenSSL, and is refused."""


def beside(library: Path) -> Path:
    """Where a library's HMAC is, if it has one."""
    return library.with_name(f".{library.name}.hmac")


def hmac_of(library: Path) -> str:
    """64 hex digits."""
    return hmac.new(_KEY, library.read_bytes(), hashlib.sha256).hexdigest()


def check(folder: Path, taken: Iterable[Path]) -> None:
    """Insist that the archive in FOLDER starts in FIPS mode. TAKEN: its libraries, where the build machine has them.

    Raises ReleaseError.
    """
    found = [*doubts(folder, taken), *_start(folder)]
    if found:
        raise ReleaseError("the archive would not start in FIPS mode: " + "; ".join(found))


def doubts(folder: Path, taken: Iterable[Path]) -> list[str]:
    """One sentence for each library whose HMAC did not come along, or is another's."""
    left = [library for library in taken if beside(library).exists() and not [*folder.rglob(beside(library).name)]]
    found = [f"{beside(library)} did not come along" for library in left]
    for path in sorted(folder.rglob(".*.hmac")):
        library = path.with_name(path.name.removeprefix(".").removesuffix(".hmac"))
        if not library.is_file():
            found.append(f"{path.name} is there without {library.name}")
        elif path.read_text(encoding="ascii").strip() != hmac_of(library):
            found.append(f"{path.name} is not that of {library.name}, which was changed")
    return found


def _start(folder: Path) -> list[str]:
    if sys.platform != "linux":
        return []
    with tempfile.TemporaryDirectory(prefix="nsexec-fips-") as home:
        done = subprocess.run(
            [str(folder / PROGRAM), "-s", _NOBODY, "some-pod", "--", "id"],
            env={"PATH": os.defpath, "HOME": home, "LC_ALL": "C", "OPENSSL_FORCE_FIPS_MODE": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode == 1 and f"{_NOBODY} could not be reached" in done.stderr:
        return []
    return [f"with OPENSSL_FORCE_FIPS_MODE=1 it ends with {done.returncode}: {done.stderr.strip()[-500:]}"]
