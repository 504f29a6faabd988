"""The commands behind ``make dist``, ``make release-check`` and the release workflow: ``python -m release COMMAND``."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from release import check, manifest, oci_layout, packages
from release.errors import ReleaseError
from release.names import (
    DIST,
    PLATFORMS,
    PROGRAM,
    ROOT,
    archive_name,
    image_name,
    image_reference,
    this_platform,
    version,
)


def main() -> int:
    """Runs the command line and returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m release", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    of = {"dist": _dist, "manifest": _manifest, "join": _join, "lock": _lock, "check": _check}
    for name, command in of.items():
        added = commands.add_parser(name, help=command.__doc__, description=command.__doc__)
        if name in {"dist", "join"}:
            added.add_argument("--into", type=Path, default=DIST, help="the folder of the packages (dist)")
        if name == "dist":
            added.add_argument("--glibc", help="fail when the archive needs a newer one, e.g. 2.28")
        if name == "join":
            added.add_argument("--images", type=Path, nargs="*", help="platforms' images, to be one in that folder")
        if name == "check":
            added.add_argument("--tag", help="the tag that the version has to agree with, e.g. v1.2.3")
    arguments = parser.parse_args()
    try:
        of[arguments.command](arguments)
    except ReleaseError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _dist(arguments: argparse.Namespace) -> None:
    """Build wheel, sdist, this platform's archive and container image, the bill of materials and krew's manifest."""
    from release import archive, image, licences, sbom  # noqa: PLC0415 - all else needs the standard library only

    number, where, into = version(), this_platform(), arguments.into.resolve()
    into.mkdir(parents=True, exist_ok=True)
    for old in into.iterdir():
        old.unlink()
    wheel, sdist = packages.build(into)
    made = packages.made_at()
    with tempfile.TemporaryDirectory(prefix="nsexec-archive-") as scratch:
        work, site = Path(scratch), Path(scratch) / "site"
        packages.install(wheel, site)
        bill = sbom.bill(licences.closure(PROGRAM, site), PROGRAM, packages.sha256(wheel), made)
        (into / f"{PROGRAM}-{number}.cdx.json").write_text(bill, encoding="utf-8")
        folder = archive.freeze(wheel, site, bill, work)
        glibc = archive.needs_glibc(folder)
        if arguments.glibc and glibc > tuple(map(int, arguments.glibc.split("."))):
            raise ReleaseError(f"the archive needs glibc {glibc[0]}.{glibc[1]}, more than {arguments.glibc}")
        packed = archive.pack(folder, into / archive_name(number, where), where, made)
        written = [packed]
        if where.os == "linux":
            written.append(image.write(folder, into / image_name(number), number, where, made))
    _write_manifest(into)
    needs = f", needs glibc {glibc[0]}.{glibc[1]} or newer" if any(glibc) else ""
    print(f"{into}: {wheel.name}, {sdist.name}, plugin.yaml, {PROGRAM}-{number}.cdx.json")
    for path in written:
        print(f"{path}: {path.stat().st_size / 1e6:.0f} MB{needs if path == packed else ''}")


def _join(arguments: argparse.Namespace) -> None:
    """Render krew's manifest for exactly the archives that are there; make one image of several platforms'."""
    if arguments.images:
        number = version()
        target = arguments.into / image_name(number)
        oci_layout.joined(target, arguments.images, image_reference(number), packages.made_at())
    _write_manifest(arguments.into)


def _write_manifest(into: Path) -> None:
    number = version()
    sums = {
        where: packages.sha256(into / archive_name(number, where))
        for where in PLATFORMS
        if (into / archive_name(number, where)).is_file()
    }
    if not sums:
        raise ReleaseError(f"{into} has no archive of version {number}")
    (into / "plugin.yaml").write_text(manifest.rendered(number, sums), encoding="utf-8")


def _manifest(_: argparse.Namespace) -> None:
    """Write the checked-in plugin.yaml."""
    (ROOT / "plugin.yaml").write_text(manifest.checked_in(version()), encoding="utf-8")


def _lock(_: argparse.Namespace) -> None:
    """Write both requirements.txt: the newest versions that pyproject.toml and release/requirements.in allow."""
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or "uv"
    words = [
        "--universal",
        "--python-version",
        "3.10",
        "--generate-hashes",
        "--no-annotate",
        "--no-header",
        "--upgrade",
    ]
    of = {
        "release/requirements.txt": ["release/requirements.in"],
        # What both have is the same version: the tests run with what the archive bundles.
        "tools/requirements.txt": ["--group", "dev", "--constraint", "release/requirements.txt"],
    }
    for written, more in of.items():
        argv = [uv, "pip", "compile", "--quiet", *words, "pyproject.toml", *more, "--output-file", written]
        subprocess.run(argv, cwd=ROOT, check=True)


def _check(arguments: argparse.Namespace) -> None:
    """Say whether this commit can be released; every doubt on a line of its own."""
    found = check.doubts(ROOT, arguments.tag)
    if found:
        raise ReleaseError("not fit for a release:\n" + "\n".join(f"  - {doubt}" for doubt in found))
    print(f"{version()} can be released: clean tree, day, manifest, licences, bill of materials, reproducible")


if __name__ == "__main__":
    sys.exit(main())
