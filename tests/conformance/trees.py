"""A folder of what is seldom copied whole, and what two folders are compared by."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MEGABYTE = 1024 * 1024


def fill(folder: Path, megabytes: int = 2) -> None:
    """Odd names, bytes that are no text, a program, a link, an empty folder."""
    (folder / "a b\n'c").write_bytes(os.urandom(megabytes * MEGABYTE) + b"\0\r\n\x1b")
    (folder / "program").write_bytes(b"#!/bin/sh\n")
    (folder / "program").chmod(0o755)
    (folder / "link").symlink_to("program")
    (folder / "empty/folder").mkdir(parents=True)


def tree(folder: Path) -> dict[str, object]:
    """Path → mode and content, or where a link leads."""
    return {str(path.relative_to(folder)): _content(path) for path in sorted(folder.rglob("*"))}


def _content(path: Path) -> object:
    if path.is_symlink():
        return str(path.readlink())
    return oct(path.stat().st_mode), path.read_bytes() if path.is_file() else None
