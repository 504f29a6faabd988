"""Container images without a registry: OCI archives of one layer, the same bytes for the same inputs.

Their programs are Debian's static busybox and, in one, this machine's chrt(1) and oslat(8) with their libraries, so
they run on every node of this machine's architecture.
Format: https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md
"""

import io
import json
import platform
import subprocess
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from testbed import oci
from testbed.errors import ClusterError
from testbed.paths import IMAGES

PAUSE: Final = "localhost/testbed/pause:1"
BUSYBOX: Final = "localhost/testbed/busybox:1"
EMPTY: Final = "localhost/testbed/empty:1"
HOSTILE: Final = "localhost/testbed/hostile:1"

_BUSYBOX_PROGRAM: Final = Path("/bin/busybox")
# Busybox has none of them: a FIFO loop needs chrt, and oslat is the loop that measures what it loses.
_PROGRAMS: Final = (Path("/usr/bin/chrt"), Path("/usr/bin/oslat"))
_PATH: Final = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64", "ppc64le": "ppc64le", "s390x": "s390x"}
# Waits for ever, ends on SIGTERM at once, and reaps what a shared PID namespace leaves to it.
_WAIT: Final = "trap 'exit 0' TERM INT; while :; do sleep 86400 & wait $!; done"
_NOT_A_PROGRAM: Final = b"the image's own file, in the way of whoever looks for the node's\n"


@dataclass(frozen=True)
class Image:
    """One image: its name, its files and its configuration.

    ``files`` maps absolute paths to content (mode 0755 for programs and libraries, else 0644), or to
    ``("link", target)``; ``config`` is the "config" object of the image configuration (User, Env, Entrypoint, …).
    """

    name: str
    files: Mapping[str, bytes | tuple[str, str]]
    config: Mapping[str, object]
    folders: Mapping[str, int] = field(default_factory=dict)
    """Empty folders and their modes."""

    @property
    def archive(self) -> Path:
        """Where :func:`ensure` writes it."""
        return IMAGES / f"{self.name.rpartition('/')[2].partition(':')[0]}.tar"


def ensure() -> dict[str, Path]:
    """Write every image that the tests use and return their archives by name.

    Raises ClusterError when a program is missing that they are to be filled with.
    """
    images = _all()
    IMAGES.mkdir(parents=True, exist_ok=True)
    for image in images:
        content = oci_archive(image)
        if not image.archive.exists() or image.archive.read_bytes() != content:
            image.archive.write_bytes(content)
    return {image.name: image.archive for image in images}


def together() -> bytes:
    """All of them in one archive: to import each costs seconds on an emulated machine. Raises as :func:`ensure`."""
    return oci_archive(*_all())


def _all() -> list[Image]:
    try:
        busybox = _BUSYBOX_PROGRAM.read_bytes()
        applets = _output(str(_BUSYBOX_PROGRAM), "--list").split()
        more = {path: content for program in _PROGRAMS for path, content in with_libraries(program).items()}
    except (OSError, subprocess.CalledProcessError) as error:
        raise ClusterError(f"the test images need Debian's busybox-static, util-linux and rt-tests: {error}") from error
    return definitions(busybox, applets, more)


def definitions(busybox: bytes, applets: list[str], more: Mapping[str, bytes]) -> list[Image]:
    """Return the images that the tests use.

    BUSYBOX is the program, APPLETS the names it answers to, MORE what the image with a shell has besides.
    """
    shell: dict[str, bytes | tuple[str, str]] = {
        "/bin/busybox": busybox,
        **{f"/bin/{applet}": ("link", "busybox") for applet in applets if applet != "busybox"},
        "/etc/passwd": b"root:x:0:0:root:/root:/bin/sh\nworker:x:1000:1000:worker:/home/worker:/bin/sh\n",
        "/etc/group": b"root:x:0:\nworker:x:1000:\nextra:x:2000:worker\n",
    }
    folders = {"/root": 0o700, "/home/worker": 0o755, "/tmp": 0o1777}
    return [
        Image(PAUSE, {"/busybox": busybox}, {"Entrypoint": ["/busybox", "sh", "-c", _WAIT], "Env": ["PATH=/"]}),
        Image(BUSYBOX, {**shell, **more}, {"Cmd": ["sh", "-c", _WAIT], "Env": [_PATH]}, folders),
        # No shell, no folder, no user database: what a distroless image is.
        Image(EMPTY, {"/busybox": busybox}, {"Entrypoint": ["/busybox", "sh", "-c", _WAIT]}),
        Image(
            HOSTILE,
            {
                **shell,
                **{f"/usr/bin/{name}": _NOT_A_PROGRAM for name in ("sh", "nsenter", "taskset", "env", "sha256sum")},
                **{f"/usr/sbin/{name}": _NOT_A_PROGRAM for name in ("chroot", "sh")},
            },
            {
                "User": "1000",
                "Entrypoint": ["/bin/busybox", "sh", "-c", _WAIT],
                "WorkingDir": "/home/worker",
                "Env": [
                    "PATH=/nowhere:relative",
                    "LD_PRELOAD=/nonexistent.so",
                    "LD_LIBRARY_PATH=/nonexistent",
                    "ENV=/nonexistent/profile",
                    "BASH_ENV=/nonexistent/profile",
                    "IFS=aeiou/",
                    "LANG=xx_XX.UTF-8",
                    "PS4=$(exit 1)",
                    "HOSTNAME=not-me",
                ],
            },
            folders,
        ),
    ]


def oci_archive(*several: Image) -> bytes:
    """Return the images as an OCI image layout in a tar archive, reproducibly: no clock, no owner from this machine."""
    blobs: dict[str, bytes] = {}  # by digest: what images share is in it once
    manifests = []
    for image in several:
        layer = _layer(image)
        configuration = json.dumps(
            {
                "architecture": _ARCHITECTURES.get(platform.machine(), platform.machine()),
                "os": "linux",
                "config": dict(image.config),
                "rootfs": {"type": "layers", "diff_ids": [oci.digest(layer)]},
                "history": [{"created_by": "testbed"}],
            }
        ).encode()
        manifest = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": f"{oci.MEDIA}.manifest.v1+json",
                "config": oci.descriptor(f"{oci.MEDIA}.config.v1+json", configuration),
                "layers": [oci.descriptor(f"{oci.MEDIA}.layer.v1.tar", layer)],
            }
        ).encode()
        named = {"io.containerd.image.name": image.name, "org.opencontainers.image.ref.name": image.name}
        manifests.append({**oci.descriptor(f"{oci.MEDIA}.manifest.v1+json", manifest), "annotations": named})
        blobs |= {oci.digest(blob): blob for blob in (layer, configuration, manifest)}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        oci.add(tar, "oci-layout", oci.VERSION_FILE)
        oci.add(tar, "index.json", json.dumps({"schemaVersion": 2, "manifests": manifests}).encode())
        for digest, blob in blobs.items():
            oci.add(tar, oci.blob_path(digest), blob)
    return buffer.getvalue()


def _layer(image: Image) -> bytes:
    buffer = io.BytesIO()
    parents = {str(parent) for path in [*image.files, *image.folders] for parent in Path(path).parents}
    folders = dict.fromkeys(parents - {"/"}, 0o755) | dict(image.folders)
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path, mode in sorted(folders.items()):
            member = tarfile.TarInfo(path.lstrip("/"))
            member.type, member.mode = tarfile.DIRTYPE, mode
            if path.startswith("/home/"):
                member.uid = member.gid = 1000
            tar.addfile(member)
        for path, content in sorted(image.files.items()):
            if isinstance(content, bytes):
                program = Path(path).name == "busybox" or Path(path).parent.name in {"bin", "sbin"} or ".so" in path
                oci.add(tar, path.lstrip("/"), content, 0o755 if program else 0o644)
            else:
                member = tarfile.TarInfo(path.lstrip("/"))
                member.type, member.linkname = tarfile.SYMTYPE, content[1]
                tar.addfile(member)
    return buffer.getvalue()


def with_libraries(program: Path) -> dict[str, bytes]:
    """Return PROGRAM and the shared libraries that ldd(1) finds for it, by the paths they are looked for at.

    Raises OSError or CalledProcessError when it is missing.
    """
    words = _output("ldd", str(program)).split()
    paths = [str(program), *(word for word in words if word.startswith("/"))]
    return {path: Path(path).read_bytes() for path in paths}


def _output(*argv: str) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout
