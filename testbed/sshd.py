"""An sshd of our own on loopback that lets root in, and the configuration by which the user's ssh finds it."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import subprocess
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from testbed.paths import CACHE
from testbed.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

BANNER: Final = "Authorized use only, says the banner."
_SEPARATION: Final = Path("/run/sshd")
"""Debian's sshd wants this folder, which its service makes, and for each connection anew."""
_PATIENCE_SECONDS: Final = 20.0


class Sshd:
    """``environment``: what leads ``oc nsexec`` to it, whatever the node's address. Its files are in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        for name in ("host", "user"):
            _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name)
        public = (folder / "host.pub").read_text()
        (folder / "known").write_text(f"[127.0.0.1]:{self.port} {public}")
        (folder / "banner").write_text(f"{BANNER}\n")
        self.write(
            "sshd_config",
            ListenAddress=f"127.0.0.1:{self.port}",
            HostKey=folder / "host",
            AuthorizedKeysFile=folder / "user.pub",
            PidFile="none",
            StrictModes="no",
            UsePAM="no",
            PasswordAuthentication="no",
            PermitRootLogin="yes",
            Banner=folder / "banner",
        )
        self.configure()
        (folder / "bin").mkdir()
        ssh = folder / "bin/ssh"
        ssh.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {folder}/ssh_config "$@"\n')
        ssh.chmod(0o755)

    def write(self, name: str, **settings: object) -> None:
        """One of OpenSSH's configuration files in the folder, a setting a line."""
        (self.folder / name).write_text("".join(f"{key} {value}\n" for key, value in settings.items()))

    def configure(self, **settings: object) -> None:
        """The user's ssh_config: that of any test, and SETTINGS."""
        usual: dict[str, object] = {
            "Port": self.port,
            "IdentityFile": self.folder / "user",
            "IdentitiesOnly": "yes",
            "UserKnownHostsFile": self.folder / "known",
            "StrictHostKeyChecking": "yes",
        }
        self.write("ssh_config", **settings, **{key: usual[key] for key in usual if key not in settings})

    @property
    def environment(self) -> Mapping[str, str]:
        """What a user's environment has besides."""
        return {"PATH": f"{self.folder}/bin:{os.environ['PATH']}", "NSEXEC_VIA": "ssh", "NSEXEC_SSH_USER": "root"}

    def sessions(self) -> list[int]:
        """The server's processes that serve a connection; what these have started for it is not the server's."""
        found = [pid for child in _children(self.process.pid) for pid in (child, *_children(child))]
        return [pid for pid in found if _name(pid).startswith("sshd")]

    @contextmanager
    def running(self) -> Iterator[Sshd]:
        """It listens while the block runs. Raises ClusterError when it does not begin to."""
        with used_by_all(_SEPARATION, CACHE / "sshd.lock"):
            with (self.folder / "log").open("wb") as log:
                self.process = subprocess.Popen(
                    ["/usr/sbin/sshd", "-D", "-e", "-f", self.folder / "sshd_config"], stderr=log
                )
            try:
                wait_until("sshd on loopback", lambda: _listens(self.port), _PATIENCE_SECONDS)
                yield self
            finally:
                for pid in [*self.sessions(), self.process.pid]:
                    with suppress(ProcessLookupError):
                        os.kill(pid, 15)
                self.process.wait(_PATIENCE_SECONDS)


@contextmanager
def used_by_all(folder: Path, lock_file: Path) -> Iterator[None]:
    """The folder is there while the block runs; the last of its users, in any process, removes it if one has made it.

    Each holds a lock that all may share (flock(2)). The lock file's content says that the folder was made.
    """
    lock_file.parent.mkdir(parents=True, exist_ok=True)
    with lock_file.open("a+b") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        with suppress(FileExistsError):
            folder.mkdir()
            lock.write(b"made")
            lock.flush()
        try:
            yield
        finally:
            with suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(lock.fileno()).st_size:
                    lock.truncate(0)
                    folder.rmdir()


def _name(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text()
    return ""


def _children(pid: int) -> list[int]:
    with suppress(OSError):
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def _listens(port: int) -> bool:
    with socket.socket() as link:
        return link.connect_ex(("127.0.0.1", port)) == 0


def _run(*words: str | Path) -> None:
    subprocess.run(words, check=True)
