"""The archive that needs no Python on the client: PyInstaller's one folder, with everybody's licences.

One folder, not one file: one file unpacks itself at every start. Modules lie in it as .pyc files, not packed into the
executable: in docs/how-to/releasing.md is what each choice costs.
"""

from __future__ import annotations

import ast
import gzip
import io
import re
import shutil
import sys
import tarfile
import zipfile
from importlib import metadata
from pathlib import Path
from time import gmtime
from typing import TYPE_CHECKING, Final

from release import fips, licences
from release.names import PROGRAM, ROOT, Platform
from release.packages import run

if TYPE_CHECKING:
    from collections.abc import Iterator

_EXCLUDED: Final = ("rich", "pygments", "readline", "sqlite3", "tkinter", "setuptools", "pip", "numpy", "IPython")
"""Imported by a library of ours only when it is asked for what we never ask for; readline's licence is the GPL, too."""
_PACKAGE: Final = "kubectl_nsexec"
_GLIBC: Final = re.compile(rb"GLIBC_(\d+)\.(\d+)")


def freeze(wheel: Path, site: Path, bill: str, work: Path) -> Path:
    """Return the folder WORK/kubectl-nsexec, complete: program, modules, licences, bill of materials, man page.

    SITE is a folder that WHEEL is installed in: its modules are taken from there, its other files from the wheel.
    Raises ReleaseError when PyInstaller fails, a licence is missing, or it would not start in FIPS mode.
    """
    more = [metadata.distribution(name) for name in ("pysocks", "pyinstaller")]
    licences.write(work / "licenses", [*licences.closure(PROGRAM, site), *more])  # before the step that takes long
    words = [*how(work), "--paths", str(site), "--hidden-import", "socks", "--collect-submodules", _PACKAGE]
    # The checkout must not be found on the way: what is frozen is what was installed. A fixed seed: sets are in .pyc.
    run(
        [sys.executable, "-m", "PyInstaller", *words, str(ROOT / "release/entry.py")],
        cwd=work,
        environment={"PYTHONHASHSEED": "1"},
    )
    folder = work / PROGRAM
    _take_from_wheel(wheel, folder)
    libraries = _libraries(work / "pyinstaller")
    licences.write_of_libraries(work / "licenses", libraries)
    shutil.move(work / "licenses", folder)
    shutil.copyfile(ROOT / "LICENSE", folder / "LICENSE")
    shutil.copyfile(ROOT / "README.md", folder / "README.md")
    (folder / f"{PROGRAM}.cdx.json").write_text(bill, encoding="utf-8")
    fips.check(folder, libraries)
    return folder


def how(work: Path) -> list[str]:
    """The options by which PyInstaller makes WORK/kubectl-nsexec, whatever is to be in it."""
    words = ["--onedir", "--noconfirm", "--noupx", "--debug", "noarchive", "--log-level", "WARN", "--name", PROGRAM]
    words += ["--distpath", str(work), "--workpath", str(work / "pyinstaller"), "--specpath", str(work)]
    words += [word for name in _EXCLUDED for word in ("--exclude-module", name)]
    if sys.platform == "linux" and shutil.which("strip"):
        words.append("--strip")
    return words


def _take_from_wheel(wheel: Path, folder: Path) -> None:
    """The package's data and the man pages, as the wheel has them.

    PyInstaller would strip, and on macOS sign, programs that are the node's.
    """
    with zipfile.ZipFile(wheel) as content:
        for name in content.namelist():
            _, is_shared, shared = name.partition(".data/data/")
            target = folder / shared if is_shared else folder / "_internal" / name
            if is_shared or (name.startswith(f"{_PACKAGE}/") and not name.endswith(".py")):
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content.read(name))


def _libraries(pyinstaller: Path) -> list[Path]:
    """The shared libraries that PyInstaller took, where it found them on this machine (its list, COLLECT-00.toc)."""
    listed = ast.literal_eval((pyinstaller / PROGRAM / "COLLECT-00.toc").read_text(encoding="utf-8"))[0]
    return [Path(source) for _, source, kind in listed if kind in {"BINARY", "EXTENSION"}]


def needs_glibc(folder: Path) -> tuple[int, int]:
    """The oldest glibc that everything in FOLDER can be loaded with, e.g. (2, 28); (0, 0) where nothing names one."""
    needed = {(int(a), int(b)) for path in folder.rglob("*") if path.is_file() for a, b in _wanted(path)}
    return max(needed, default=(0, 0))


def _wanted(path: Path) -> list[tuple[bytes, bytes]]:
    content = path.read_bytes()
    return _GLIBC.findall(content) if content[:4] == b"\x7fELF" else []


def pack(folder: Path, target: Path, where: Platform, made: int) -> Path:
    """Write FOLDER to TARGET in the platform's format, the same bytes for the same files; MADE: seconds since 1970.

    No links: krew refuses an archive with one.
    """
    write = _zip if where.suffix == "zip" else _tar_gz
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(write(folder, made))
    return target


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield f"{PROGRAM}/{path.relative_to(folder).as_posix()}", path


def mode(path: Path) -> int:
    """What a file has in an archive, whatever the umask of the build."""
    return 0o755 if path.stat().st_mode & 0o100 else 0o644


def _tar_gz(folder: Path, made: int) -> bytes:
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(filename="", fileobj=buffer, mode="wb", mtime=made) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for name, path in _files(folder):
            member = tarfile.TarInfo(name)
            member.size, member.mode, member.mtime = path.stat().st_size, mode(path), made
            with path.open("rb") as content:
                tar.addfile(member, content)
    return buffer.getvalue()


def _zip(folder: Path, made: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression=zipfile.ZIP_DEFLATED) as packed:
        for name, path in _files(folder):
            member = zipfile.ZipInfo(name, gmtime(made)[:6])
            member.external_attr = mode(path) << 16
            packed.writestr(member, path.read_bytes(), compress_type=zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
