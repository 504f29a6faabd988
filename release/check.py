"""Whether a commit can be released: what ``make release-check`` asks, here and in the release workflow."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from release import manifest
from release.errors import ReleaseError
from release.names import changelog_version, version
from release.packages import made_at, run, sha256

if TYPE_CHECKING:
    from collections.abc import Callable


def doubts(root: Path, tag: str | None = None) -> list[str]:
    """What stands against a release of the checkout ROOT, one sentence each; empty when nothing does.

    ``tag`` is the tag it would be released by, e.g. ``v1.2.3``.
    """
    return [*of_the_commit(root, tag), *of_the_packages(root)]


def of_the_commit(root: Path, tag: str | None = None) -> list[str]:
    """Those of ``doubts`` that nothing has to be built for."""
    return _doubts(lambda: _clean(root), lambda: _dated(root), lambda: _tagged(root, tag), lambda: _manifest(root))


def of_the_packages(root: Path) -> list[str]:
    """Those that show when the last commit's packages are made, in two places at the same time."""
    with tempfile.TemporaryDirectory(prefix="nsexec-release-") as work:
        return _doubts(lambda: _same_twice(root, Path(work)))


def _doubts(*checks: Callable[[], None]) -> list[str]:
    # What two of them stumble over is said once.
    return [*dict.fromkeys(doubt for check in checks for doubt in _doubt(check))]


def _doubt(check: Callable[[], None]) -> list[str]:
    try:
        check()
    except ReleaseError as error:
        return [str(error)]
    return []


def _clean(root: Path) -> None:
    changed = _git(root, "status", "--porcelain").splitlines()
    if changed:
        raise ReleaseError(f"the tree is not clean: {', '.join(line[3:] for line in changed[:5])}")


def _dated(root: Path) -> None:
    number, day = changelog_version((root / "CHANGELOG.md").read_text(encoding="utf-8"))
    version(root)
    if not day[:1].isdigit():
        raise ReleaseError(f"CHANGELOG.md says of {number} {day!r}: put the day of the release there, as 2026-01-31")


def _tagged(root: Path, tag: str | None) -> None:
    if tag is None:
        return
    if tag != f"v{version(root)}":
        raise ReleaseError(f"the tag is {tag}, the version {version(root)}: a release is tagged v{version(root)}")
    there = _git(root, "for-each-ref", "--format=%(objectname:short) %(*objectname:short)", f"refs/tags/{tag}").split()
    here = _git(root, "rev-parse", "--short", "HEAD").strip()
    if there and there[-1] != here:
        raise ReleaseError(f"the tag {tag} is there already, at {there[-1]}, and this commit is {here}")


def _git(root: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ReleaseError(f"{root} is no git checkout: {done.stderr.strip()}")
    return done.stdout


def _manifest(root: Path) -> None:
    if (root / "plugin.yaml").read_text(encoding="utf-8") != manifest.checked_in(version(root)):
        raise ReleaseError("plugin.yaml is not what release/plugin.yaml.in gives: python -m release manifest")


def _same_twice(root: Path, work: Path) -> None:
    """Two copies of the commit, in two places, with other umasks, time zones and seeds of hashes, give the same files.

    ``make dist`` fails for itself where a licence is missing.
    """
    places = [
        (work / "one", 0o022, {"TZ": "UTC", "PYTHONHASHSEED": "1"}),
        # What the cache of compiled links has must be what the compiler makes.
        (work / "two/deeper", 0o077, {"TZ": "Asia/Kolkata", "PYTHONHASHSEED": "2", "NSEXEC_BUILD_CACHE": ""}),
    ]
    with ThreadPoolExecutor() as pool:
        made = [*pool.map(lambda place: _made(root, *place), places)]
    differ = [name for name in sorted(made[0].keys() | made[1].keys()) if made[0].get(name) != made[1].get(name)]
    # The manifest has the archive's checksum in it.
    differ = [name for name in differ if name != "plugin.yaml"] or differ
    if differ:
        raise ReleaseError(f"two builds of the same commit differ: {', '.join(differ)}")


def _made(root: Path, folder: Path, umask: int, environment: dict[str, str]) -> dict[str, str]:
    """File name → sha256 of what ``make dist`` makes of ROOT's last commit in FOLDER."""
    folder.mkdir(parents=True)
    run(["git", "clone", "--quiet", "--no-hardlinks", str(root), "source"], cwd=folder, umask=umask)
    more = {**environment, "SOURCE_DATE_EPOCH": str(made_at(root))}
    dist = [sys.executable, "-m", "release", "dist", "--into", str(folder / "dist")]
    try:
        run(dist, cwd=folder / "source", environment=more, umask=umask)
    except ReleaseError as error:
        said = re.findall(r"^error: (.*)$", str(error), re.MULTILINE)
        raise ReleaseError(said[-1] if said else str(error)) from error
    return {path.name: sha256(path) for path in (folder / "dist").iterdir()}
