"""Where mmdebstrap has the packages of a Debian release from, on this machine."""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

_OS_RELEASE: Final = Path("/etc/os-release")
_SOURCES: Final = (Path("/etc/apt/sources.list.d/debian.sources"), Path("/etc/apt/sources.list"))


def mmdebstrap(suite: str, options: Sequence[str], target: str) -> list[str]:
    """Return mmdebstrap's command line for a tree of the release SUITE, by the machine's own mirror if any."""
    sources = apt_sources(suite, _OS_RELEASE.read_text(encoding="utf-8"), _SOURCES)
    return ["mmdebstrap", *_leave_for_an_old_mirror(), *options, suite, target, *sources]


def apt_sources(suite: str, os_release: str, candidates: Sequence[Path]) -> list[str]:
    """Pick the machine's own apt sources when it runs the Debian SUITE, so that its mirror is used; else mmdebstrap's.

    ``os_release`` is the text of ``/etc/os-release``; ``candidates`` are tried in order. Returns words for mmdebstrap.
    """
    facts = dict(line.split("=", 1) for line in os_release.splitlines() if "=" in line)
    same = (facts.get("ID"), facts.get("VERSION_CODENAME")) == ("debian", suite)
    found = [str(path) for path in candidates if path.is_file() and path.stat().st_size]
    return found[:1] if same else []


def _leave_for_an_old_mirror() -> list[str]:
    """Where apt on this machine may use a mirror whose files have expired (it stands still), mmdebstrap may as well."""
    argv = ["apt-config", "shell", "told", "Acquire::Check-Valid-Until/b"]
    told = subprocess.run(argv, capture_output=True, text=True, check=False).stdout
    return ['--aptopt=Acquire::Check-Valid-Until "false"'] if "false" in told else []
