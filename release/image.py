"""The container image: the archive's folder, the C library that it needs of a system, and nothing else.

No shell, no package manager, no certificates of authorities. The C library comes from the system that the archive was
built on, as all other shared libraries in it do, and with its licence.
"""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from release import archive, licences, oci_layout
from release.errors import ReleaseError
from release.names import HOMEPAGE, PROGRAM, image_reference
from testbed import oci

if TYPE_CHECKING:
    from collections.abc import Iterator

    from release.names import Platform
    from release.oci_layout import Json

HOME: Final = f"/opt/{PROGRAM}"
USER: Final = 65532
"""As in other images without a shell ("nonroot"). OpenShift gives the process a number of its own."""
_OPENED: Final = ("libgcc_s.so.1", "libnss_dns.so.2", "libnss_files.so.2", "libresolv.so.2")
"""What glibc opens by name, so that no file says that it is needed: to end threads, to look up names."""
_FILES: Final = {
    "/etc/group": f"nonroot:x:{USER}:\n",
    "/etc/nsswitch.conf": "hosts: files dns\n",  # glibc before 2.34 would look for more
    "/etc/passwd": f"nonroot:x:{USER}:{USER}:nonroot:/:/sbin/nologin\n",
}
_FOLDERS: Final = {"/tmp": 0o1777}  # noqa: S108 - the image's


def write(folder: Path, target: Path, version: str, where: Platform, made: int) -> Path:
    """Write the image of FOLDER, the archive's, as an archive of its own; ``made``: seconds since 1970.

    Raises ReleaseError when a library cannot be found, or comes without its licence.
    """
    layer = _layer(folder, made)
    return oci_layout.write(
        target, [oci_layout.image(layer, _config(version), where, made)], image_reference(version), made
    )


def _config(version: str) -> Json:
    return {
        "User": f"{USER}:{USER}",
        "Env": [f"PATH={HOME}"],
        "Entrypoint": [f"{HOME}/{PROGRAM}"],
        "WorkingDir": "/",
        "Labels": {
            "org.opencontainers.image.title": PROGRAM,
            "org.opencontainers.image.version": version,
            "org.opencontainers.image.source": HOMEPAGE,
            "org.opencontainers.image.description": "Like exec, but off the container's isolated CPUs",
        },
    }


def _layer(folder: Path, made: int) -> bytes:
    with tempfile.TemporaryDirectory(prefix="nsexec-image-") as scratch:
        more = Path(scratch) / "licenses"
        libraries = needed(folder)
        licences.write_of_libraries(more, [*libraries.values()])
        files = {f"{HOME}/{name}": path for name, path in _below(folder)}
        files |= {f"{HOME}/licenses/{name}": path for name, path in _below(more)}
        contents = {name: (path.read_bytes(), archive.mode(path)) for name, path in files.items()}
    contents |= {name: (path.read_bytes(), 0o755) for name, path in libraries.items()}
    contents |= {name: (text.encode(), 0o644) for name, text in _FILES.items()}
    return _tar(contents, made)


def _below(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in folder.rglob("*"):
        if path.is_file():
            yield path.relative_to(folder).as_posix(), path


def _tar(contents: dict[str, tuple[bytes, int]], made: int) -> bytes:
    """Folders before what is in them; everything is root's."""
    buffer = io.BytesIO()
    parents = {str(parent) for path in contents for parent in Path(path).parents} - {"/"}
    folders = dict.fromkeys(parents, 0o755) | _FOLDERS
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path, mode in sorted(folders.items()):
            member = tarfile.TarInfo(path.lstrip("/"))
            member.type, member.mode, member.mtime = tarfile.DIRTYPE, mode, made
            tar.addfile(member)
        for path, (content, mode) in sorted(contents.items()):
            oci.add(tar, path.lstrip("/"), content, mode, made)
    return buffer.getvalue()


def needed(folder: Path) -> dict[str, Path]:
    """The libraries that FOLDER takes from the system: where they are looked for → where they are on this machine.

    Raises ReleaseError for one that is not there.
    """
    program, own = folder / PROGRAM, folder / "_internal"
    # The program finds what is in the folder only once it runs: what it is linked with itself comes from the system.
    found = _loaded([program], {}) | _loaded(_elf(own), {"LD_LIBRARY_PATH": str(own)})
    found = {path for path in found if not path.is_relative_to(folder)}
    c_library = next(path for path in found if path.name == "libc.so.6")
    opened = {c_library.with_name(name) for name in _OPENED if not (own / name).exists()}
    return {str(path): path for path in sorted(found | {path for path in opened if path.exists()})}


def _elf(folder: Path) -> list[Path]:
    return [path for _, path in sorted(_below(folder)) if path.read_bytes()[:4] == b"\x7fELF"]


def _loaded(programs: list[Path], environment: dict[str, str]) -> set[Path]:
    """What ld.so(8) would load for PROGRAMS, itself included. Raises ReleaseError where it would find too little."""
    done = subprocess.run(
        ["ldd", *map(str, programs)],
        env={**os.environ, "LC_ALL": "C", **environment},
        capture_output=True,
        text=True,
        check=False,  # it fails where one is linked statically, as those for the nodes
    )
    lines = [line.split() for line in done.stdout.splitlines() if line.startswith("\t")]
    found = {Path(word) for words in lines for word in words if word.startswith("/")}
    missing = {words[0] for words in lines if words[1:] == ["=>", "not", "found"]}
    if missing or not found:
        raise ReleaseError(
            f"the image would lack {', '.join(sorted(missing)) or 'a C library: ' + done.stderr.strip()}"
        )
    return found
