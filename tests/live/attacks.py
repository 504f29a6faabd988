"""An image that was built to attack whoever looks into a pod of it, by everything that an image can say."""

from __future__ import annotations

import platform
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final

from testbed.images import Image
from tests.live import compiler

if TYPE_CHECKING:
    from tests.live.nodes import Node

NAME: Final = "localhost/testbed/attack:1"
MARK: Final = "/run/nsexec-attack"
"""What attack.c leaves on a node where any of it ran with rights there."""
WORD: Final = "ATTACKED"
WAIT: Final = "trap 'exit 0' TERM INT; while :; do /bin/busybox sleep 86400 & wait $!; done"

_PROGRAMS: Final = (
    *(
        "sh",
        "bash",
        "dash",
        "busybox",
        "nsenter",
        "chroot",
        "env",
        "cat",
        "head",
        "timeout",
        "base64",
        "mkdir",
        "mkfifo",
    ),
    *("readlink", "grep", "sed", "tr", "id", "sha256sum", "taskset", "shim", "nsexec-shim", "nsexec"),
)
_FOLDERS: Final = (
    "/usr/bin",
    "/usr/sbin",
    "/sbin",
    "/host/bin",
    "/host/usr/bin",
    "/host/usr/sbin",
    "/nsexec/bin",
    "/opt/bin",
)
"""Where they lie: below what the helper mounts today or once did."""
_VOLUMES: Final = (
    *("/host", "/host/bin", "/host/usr", "/host/usr/bin", "/nsexec", "/nsexec/bin", "/nsexec/program", "/nsexec/run"),
    *(
        "/usr",
        "/usr/bin",
        "/usr/sbin",
        "/usr/lib",
        "/lib",
        "/lib64",
        "/bin",
        "/sbin",
        "/etc",
        "/run",
        "/opt",
        "/opt/bin",
    ),
)
_LIBRARY: Final = "/opt/lib/evil.so"


def image(folder: Path) -> Image:
    """Preloaded library, loader cache, name service, declared volumes with programs, and a hostile configuration."""
    program = _compiled(folder / "program", "musl", "-static")
    library = _compiled(folder / "library", "gnu", "-shared", "-fPIC")
    evil = "/opt/bin/sh"
    return Image(
        NAME,
        {
            "/bin/busybox": Path("/bin/busybox").read_bytes(),
            "/bin/sh": ("link", "busybox"),
            **{f"{where}/{name}": program for where in _FOLDERS for name in _PROGRAMS},
            _LIBRARY: library,
            "/etc/ld.so.preload": f"{_LIBRARY} /nowhere/at-all.so\n".encode(),
            "/etc/ld.so.cache": _cache(folder / "root", library),
            "/opt/lib/libselinux.so.1": library,
            "/opt/lib/libnss_evil.so.2": library,
            "/etc/nsswitch.conf": b"passwd: evil files\ngroup: evil files\nhosts: evil\n",
            "/etc/profile": f"{evil}\n".encode(),
            "/etc/passwd": b"root:x:1000:1000:::/opt/bin/sh\n",
            "/etc/group": b"root:x:0:root\nevil:x:4242:root\n",
        },
        {
            "User": "1000",
            "WorkingDir": "/opt/bin",
            "Entrypoint": ["/bin/busybox", "sh", "-c", WAIT],
            "Shell": [evil, "-c"],
            "StopSignal": "SIGCONT",
            "Healthcheck": {"Test": ["CMD", evil], "Interval": 1_000_000_000},
            "Volumes": {path: {} for path in _VOLUMES},
            "Env": [
                "PATH=/opt/bin",
                f"LD_PRELOAD={_LIBRARY}",
                "LD_LIBRARY_PATH=/opt/lib",
                "LD_AUDIT=/opt/lib/evil.so",
                "ENV=/etc/profile",
                "BASH_ENV=/etc/profile",
                "IFS=aeiou/",
                f"NSEXEC_AGENT={evil}",
                f"NSEXEC_SHIM={evil}",
                "NSEXEC_HOST=/host",
                "NSEXEC_RUN=/nsexec",
                "NSEXEC_POD_UID=evil",
                "NSEXEC_SESSION=1",
            ],
        },
    )


def load(node: Node, made: Image) -> None:
    """Gives the image to the node's runtime, and takes an old mark away."""
    node.load(made)
    node.inside(f"rm -f {MARK}")


def marked(node: Node) -> bool:
    """Whether anything of it ran with rights on the node."""
    return bool(node.inside(f"ls {MARK} 2>/dev/null || :").strip())


def _compiled(target: Path, libc: str, *flags: str) -> bytes:
    words = ("-target", f"{platform.machine()}-linux-{libc}", "-Os", "-s", "-Wall", "-Werror", *flags)
    return compiler.compiled(target, [Path(__file__).with_name("attack.c")], [*compiler.ZIG, *words]).read_bytes()


def _cache(root: Path, library: bytes) -> bytes:
    """A loader cache that leads to the library, as ldconfig(8) writes it in a root of its own."""
    for folder in ("etc", "opt/lib"):
        (root / folder).mkdir(parents=True)
    (root / "etc/ld.so.conf").write_text("/opt/lib\n")
    (root / "opt/lib/libselinux.so.1").write_bytes(library)
    subprocess.run(["/sbin/ldconfig", "-r", root, "-X"], check=True)
    return (root / "etc/ld.so.cache").read_bytes()
