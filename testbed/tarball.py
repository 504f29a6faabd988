"""Unpacking what we or Debian have packed, by every Python from Debian 12's on."""

import tarfile
from pathlib import Path


def unpack(tree: tarfile.TarFile, into: Path) -> None:
    """Put everything in TREE but devices into the folder INTO, as it was packed; owners, too, where we are root.

    Python 3.11.2, which is Debian 12's, knows no ``filter`` yet (PEP 706, since 3.11.4); later ones want one.
    """
    tree.extraction_filter = _as_packed
    tree.extractall(into, [member for member in tree if not member.isdev()])  # noqa: S202 - it is nobody else's


def _as_packed(member: tarfile.TarInfo, _into: str) -> tarfile.TarInfo:
    return member
