"""Names and places: the version, the platforms, what the files of a release are called."""

from __future__ import annotations

import platform
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from release.errors import ReleaseError

ROOT: Final = Path(__file__).resolve().parent.parent
DIST: Final = ROOT / "dist"
PROGRAM: Final = "kubectl-nsexec"
HOMEPAGE: Final = "https://github.com/kubectl-nsexec/kubectl-nsexec"

_HEADING: Final = re.compile(r"^## (\d+\.\d+\.\d+), (not released yet|\d{4}-\d\d-\d\d)$", re.MULTILINE)
_FIRST_HEADING: Final = re.compile(r"^## .*$", re.MULTILINE)
_CODE: Final = re.compile(r'^__version__ = "([^"]+)"$', re.MULTILINE)


@dataclass(frozen=True, order=True)
class Platform:
    """Where a client runs, in Go's words (``go tool dist list``), which are krew's."""

    os: str
    arch: str

    def __str__(self) -> str:
        """As in the archive's name."""
        return f"{self.os}-{self.arch}"

    @property
    def program(self) -> str:
        """The executable's name in the archive; krew starts nothing but ``.exe`` on Windows."""
        return f"{PROGRAM}.exe" if self.os == "windows" else PROGRAM

    @property
    def suffix(self) -> str:
        """Both are formats that krew extracts (internal/download/downloader.go)."""
        return "zip" if self.os == "windows" else "tar.gz"


PLATFORMS: Final = (
    Platform("linux", "amd64"),
    Platform("linux", "arm64"),
    Platform("darwin", "amd64"),
    Platform("darwin", "arm64"),
    Platform("windows", "amd64"),
)
_MACHINES: Final = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


def this_platform() -> Platform:
    """Where we run. Raises ReleaseError where no archive is made for."""
    system = "windows" if sys.platform == "win32" else sys.platform
    found = Platform(system, _MACHINES.get(platform.machine().lower(), platform.machine()))
    if found not in PLATFORMS:
        raise ReleaseError(f"no archive is made for {found}; there are {', '.join(map(str, PLATFORMS))}")
    return found


def archive_name(version: str, where: Platform) -> str:
    """E.g. ``kubectl-nsexec-0.1.0-linux-amd64.tar.gz``."""
    return f"{PROGRAM}-{version}-{where}.{where.suffix}"


def image_name(version: str) -> str:
    """The container image's archive, e.g. ``kubectl-nsexec-0.1.0.oci.tar``."""
    return f"{PROGRAM}-{version}.oci.tar"


def image_reference(version: str) -> str:
    """What the image is called where it is loaded from its archive; in a registry it has the site's name."""
    return f"localhost/{PROGRAM}:{version}"


def archive_uri(version: str, where: Platform) -> str:
    """Where a release's archive is downloaded from."""
    return f"{HOMEPAGE}/releases/download/v{version}/{archive_name(version, where)}"


def changelog_version(changelog: str) -> tuple[str, str]:
    """The version of the first heading, and the day it was released or ``not released yet``.

    Raises ReleaseError when that heading is no version.
    """
    first, found = _FIRST_HEADING.search(changelog), _HEADING.search(changelog)
    if first is None or found is None or found.start() != first.start():
        heading = first[0] if first else "no heading"
        raise ReleaseError(
            f"CHANGELOG.md begins with {heading!r}; it takes '## 1.2.3, not released yet' or '## 1.2.3, 2026-01-31'"
        )
    return found[1], found[2]


def code_version(source: str) -> str:
    """``__version__`` in the text of kubectl_nsexec/__init__.py. Raises ReleaseError when there is none."""
    found = _CODE.search(source)
    if found is None:
        raise ReleaseError('kubectl_nsexec/__init__.py has no line __version__ = "…"')
    return found[1]


def version(root: Path = ROOT) -> str:
    """The version of a checkout. Raises ReleaseError when CHANGELOG.md and the code do not agree on it."""
    told, _ = changelog_version((root / "CHANGELOG.md").read_text(encoding="utf-8"))
    coded = code_version((root / "kubectl_nsexec/__init__.py").read_text(encoding="utf-8"))
    if told != coded:
        raise ReleaseError(f"CHANGELOG.md is about {told}, kubectl_nsexec/__init__.py says {coded}: make them agree")
    return told
