"""Whether a commit can be released: what ``make release-check`` asks, here and in the release workflow."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from release import licences, manifest, packages, sbom
from release.errors import ReleaseError
from release.names import PROGRAM, changelog_version, version

if TYPE_CHECKING:
    from collections.abc import Callable


def doubts(root: Path, tag: str | None = None) -> list[str]:
    """What stands against a release of the checkout ROOT, one line each; empty when nothing does.

    ``tag`` is the tag it would be released by, e.g. ``v1.2.3``.
    """
    with tempfile.TemporaryDirectory(prefix="nsexec-release-") as work:
        checks: list[Callable[[], None]] = [
            lambda: _clean(root),
            lambda: _dated(root),
            lambda: _tagged(root, tag),
            lambda: _manifest(root),
            lambda: _same_twice(root, Path(work)),
            lambda: _lawful(Path(work)),
        ]
        return [doubt for check in checks for doubt in _doubt(check)]


def _doubt(check: Callable[[], None]) -> list[str]:
    try:
        check()
    except ReleaseError as error:
        return [str(error)]
    return []


def _clean(root: Path) -> None:
    git = ["git", "-C", str(root), "status", "--porcelain"]
    done = subprocess.run(git, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ReleaseError(f"{root} is no git checkout: {done.stderr.strip()}")
    if done.stdout:
        raise ReleaseError(f"the tree is not clean: {', '.join(line[3:] for line in done.stdout.splitlines()[:5])}")


def _dated(root: Path) -> None:
    number, day = changelog_version((root / "CHANGELOG.md").read_text(encoding="utf-8"))
    version(root)
    if not day[:1].isdigit():
        raise ReleaseError(f"CHANGELOG.md says of {number} {day!r}: put the day of the release there, as 2026-01-31")


def _tagged(root: Path, tag: str | None) -> None:
    if tag is not None and tag != f"v{version(root)}":
        raise ReleaseError(f"the tag is {tag}, the version {version(root)}: a release is tagged v{version(root)}")


def _manifest(root: Path) -> None:
    if (root / "plugin.yaml").read_text(encoding="utf-8") != manifest.checked_in(version(root)):
        raise ReleaseError("plugin.yaml is not what release/plugin.yaml.in gives: python -m release manifest")


def _same_twice(root: Path, work: Path) -> None:
    """Two copies of the commit in two places, with other umasks and time zones, give one wheel and one sdist."""
    epoch = str(packages.made_at(root))
    sums = []
    for name, umask, zone in (("one", 0o022, "UTC"), ("two", 0o077, "Asia/Kolkata")):
        source = work / name / "source"
        before, environment = os.umask(umask), dict(os.environ)
        try:
            packages.run(["git", "clone", "--quiet", "--no-hardlinks", str(root), str(source)], cwd=work)
            os.environ.update({"TZ": zone, "SOURCE_DATE_EPOCH": epoch})
            if name == "two":
                os.environ.pop("NSEXEC_BUILD_CACHE", None)  # what the cache has must be what the compiler makes
            built = packages.build(work / name / "dist", source)
        finally:
            os.umask(before)
            os.environ.clear()
            os.environ.update(environment)
        sums.append([packages.sha256(path) for path in built])
    for what, first, second in zip(("wheel", "sdist"), *sums, strict=True):
        if first != second:
            raise ReleaseError(f"two builds of the {what} differ: {first[:12]}… and {second[:12]}…")


def _lawful(work: Path) -> None:
    """Everything that would be bundled has a licence, and the bill of materials says what it all is."""
    wheel = next((work / "one/dist").glob("*.whl"), None)
    if wheel is None:
        raise ReleaseError("licences and bill of materials were not looked at: there is no wheel")
    packages.install(wheel, work / "site")
    everything = licences.closure(PROGRAM, work / "site")
    licences.write(work / "licenses", everything, [])
    bill = json.loads(sbom.bill(everything, PROGRAM, packages.sha256(wheel), 0))
    unlicensed = [each["name"] for each in bill["components"] if not each.get("licenses") and each["type"] == "library"]
    if unlicensed:
        raise ReleaseError(f"the bill of materials has no licence for {', '.join(unlicensed)}")
