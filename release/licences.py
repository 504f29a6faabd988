"""The licences of everything that an archive bundles: fail closed, so that nothing goes out without its own.

Python distributions carry theirs in ``.dist-info`` (PEP 639), Python its own in its library folder, and a shared
library of the build machine's comes from a package of its system, which has them where its packager put them.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import sysconfig
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from release.errors import ReleaseError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_OF_THE_SYSTEM: Final = {Path("/"), Path("/usr")}
"""Where a Python is that is itself a package of the system: what lies there is other packages' as well."""
_LICENCE: Final = re.compile(r"licen[cs]e|copying|notice|authors|copyright", re.IGNORECASE)


def closure(name: str, site: Path) -> list[metadata.Distribution]:
    """NAME, installed in the folder SITE, and all that it requires here, by name.

    Raises ReleaseError for one that is not installed.
    """
    found: dict[str, metadata.Distribution] = {}
    wanted = [name]
    while wanted:
        key = canonicalize_name(wanted.pop())
        if key in found:
            continue
        here = next(iter(metadata.distributions(name=key, path=[str(site), *sys.path])), None)
        if here is None:
            raise ReleaseError(f"{key} is not installed in {sys.prefix}: python -m release lock, and make dist anew")
        found[key] = here
        requirements = [Requirement(text) for text in found[key].requires or []]
        wanted += [each.name for each in requirements if each.marker is None or each.marker.evaluate({"extra": ""})]
    return [found[key] for key in sorted(found)]


def write(folder: Path, distributions: Iterable[metadata.Distribution]) -> None:
    """Fill FOLDER with one folder of licences for each distribution and for Python.

    Raises ReleaseError for what has no licence.
    """
    for each in distributions:
        _copy(folder / f"{each.name}-{each.version}", _of_distribution(each), each.name)
    version = sysconfig.get_python_version()
    _copy(folder / f"Python-{version}", _of_python(version), "Python")


def write_of_libraries(folder: Path, libraries: Sequence[Path]) -> None:
    """Add to FOLDER one folder for each package of LIBRARIES, shared libraries where the build machine has them.

    Raises ReleaseError for one that has no licence or is of no package.
    """
    for package, files in _packages(libraries).items():
        _copy(folder / package, files, package)


def _of_distribution(one: metadata.Distribution) -> list[Path]:
    inside = [file for file in one.files or [] if file.parts[0].endswith(".dist-info")]
    return [Path(str(one.locate_file(file))) for file in inside if any(map(_LICENCE.search, file.parts[1:]))]


def _of_python(version: str) -> list[Path]:
    base = Path(sys.base_prefix)
    places = (
        Path(sysconfig.get_path("stdlib")) / "LICENSE.txt",
        base / "LICENSE.txt",
        base / "LICENSE",
        *_documents(f"python{version}"),
        *_documents(f"libpython{version}-minimal"),
    )
    return [place for place in places if place.is_file()][:1]


def _packages(libraries: Sequence[Path]) -> dict[str, list[Path]]:
    """System package → its licences, of the LIBRARIES that are not Python's own."""
    own = {Path(sys.base_prefix).resolve(), Path(sys.prefix).resolve()} - _OF_THE_SYSTEM
    found: dict[str, list[Path]] = {}
    for library in libraries:
        real = library.resolve()
        if any(real.is_relative_to(folder) for folder in own):
            continue  # Python's installer and a wheel say for themselves what they bundle
        package = _owner(real)
        found[package] = _documents(package)
    return found


def _owner(library: Path) -> str:
    """The system's package that LIBRARY is of. Raises ReleaseError when none is known."""
    for argv in (["dpkg-query", "--search", str(library)], ["rpm", "-qf", "--qf", "%{NAME}", str(library)]):
        if shutil.which(argv[0]):
            done = subprocess.run(argv, capture_output=True, text=True, check=False)
            if done.returncode == 0:
                return done.stdout.split(":")[0].strip()
    # With /usr merged into / (usrmerge) dpkg may know the file by its old name.
    if library.is_relative_to("/usr/lib") and (alias := Path("/", *library.parts[2:])).exists():
        done = subprocess.run(["dpkg-query", "--search", str(alias)], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return done.stdout.split(":")[0].strip()
    raise ReleaseError(f"{library} would be bundled, and no package of this system owns it: its licence is not known")


def _documents(package: str) -> list[Path]:
    """Where Debian and RPM systems keep PACKAGE's licences."""
    debian = Path("/usr/share/doc") / package / "copyright"
    rpm = Path("/usr/share/licenses") / package
    return [debian] if debian.is_file() else sorted(rpm.glob("*")) if rpm.is_dir() else []


def _copy(folder: Path, files: list[Path], what: str) -> None:
    if not files:
        raise ReleaseError(f"{what} would be bundled, and no licence of it was found")
    folder.mkdir(parents=True)
    for file in files:
        shutil.copyfile(file, folder / file.name)
