"""The host node's containerd and runc, compiled from Go modules, with a socket, root and state of their own."""

import hashlib
import os
import signal
import subprocess
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from testbed import binaries, cni, images, machine, processes
from testbed.errors import ClusterError
from testbed.paths import RUN, STATE

NAME: Final = "containerd"
SOCKET: Final = RUN / "containerd.sock"
_HOME: Final = STATE / "containerd"
_CNI_BIN: Final = STATE / "cni" / "bin"
_CNI_CONFIG: Final = STATE / "cni" / "net.d"
_START_TIMEOUT_SECONDS: Final = 30.0
_DRAIN_TIMEOUT_SECONDS: Final = 20.0


def config(programs: Path, *, systemd_cgroups: bool) -> str:
    """Return containerd's configuration (version 3, of containerd 2.x); ``programs``: the folder of shim and runc."""
    cri = 'plugins."io.containerd.cri.v1.runtime"'
    runc = f"{cri}.containerd.runtimes.runc"
    return f"""version = 3
root = "{_HOME / "root"}"
state = "{_HOME / "state"}"
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.nri.v1.nri"] # they write to /opt and /run/nri
[grpc]
address = "{SOCKET}"
[{cri}]
restrict_oom_score_adj = true # a machine without CAP_SYS_RESOURCE may not lower it
[{cri}.cni]
bin_dirs = ["{_CNI_BIN}"]
conf_dir = "{_CNI_CONFIG}"
[{runc}]
runtime_type = "io.containerd.runc.v2"
runtime_path = "{programs / "containerd-shim-runc-v2"}" # else Debian's, if that is installed
[{runc}.options]
BinaryName = "{programs / "runc"}"
SystemdCgroup = {str(systemd_cgroups).lower()}
[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = "{images.PAUSE}"
"""


def up(*, systemd_cgroups: bool) -> Path:
    """Start containerd unless it runs, import the test images that it lacks, and return its socket."""
    programs = binaries.RUNTIME.ensure()
    cni.write(_CNI_BIN, _CNI_CONFIG)
    machine.keep_in_memory(_HOME)
    RUN.mkdir(parents=True, exist_ok=True)
    file = _HOME / "config.toml"
    file.write_text(config(programs, systemd_cgroups=systemd_cgroups))
    processes.start(NAME, [str(programs / "containerd"), "--config", str(file)])
    processes.wait_until(
        "containerd answers", lambda: _ctr("version").returncode == 0, _START_TIMEOUT_SECONDS, process=NAME
    )
    _import(images.ensure().values())
    return SOCKET


def forget(image: str) -> None:
    """Remove IMAGE, if it was pulled, under all of its names: the tag, the digest and the id."""
    for row in _ctr("images", "list", f"name=={image}").stdout.splitlines()[1:]:
        names = _ctr("images", "list", "--quiet", f"target.digest=={row.split()[2]}").stdout.split()
        done = _ctr("images", "remove", "--sync", *names)
        if done.returncode != 0:
            raise ClusterError(f"ctr images remove {' '.join(names)} failed: {done.stderr.strip()}")


def idle() -> bool:
    """Whether no container of ours runs. The kubelet keeps the dead ones for a minute: they do not count."""
    return not _running()


def down() -> None:
    """Kill and remove every container that is left, end containerd and its shims; the kubelet has to be gone."""
    if processes.alive(NAME):
        _drain()
    processes.stop(NAME)
    for shim in shims():
        # Its containers are the children of its own; they die with their init, which the shim would only report.
        for pid in [*_children(shim), shim]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    _wait(lambda: not shims(), "containerd's shims end")


def shims() -> list[int]:
    """Return the pids of shims that belong to our containerd: their command line names its socket."""
    ours = f"-address\0{SOCKET}\0".encode()
    found = []
    for cmdline in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            content = cmdline.read_bytes()
            if content.startswith(b"/") and b"containerd-shim" in content.split(b"\0")[0] and ours in content:
                found.append(int(cmdline.parent.name))
    return found


def _drain() -> None:
    for container in _ctr("task", "list", "--quiet").stdout.split():
        _ctr("task", "kill", "--all", "--signal", "SIGKILL", container)
    _wait(lambda: not _running(), "containers of the host node end")
    for container in _ctr("containers", "list", "--quiet").stdout.split():
        _ctr("task", "delete", "--force", container)
        _ctr("containers", "delete", container)


def _running() -> list[str]:
    rows = _ctr("task", "list").stdout.splitlines()[1:]
    return [row.split()[0] for row in rows if row.split()[-1] == "RUNNING"]


def _children(pid: int) -> list[int]:
    with suppress(OSError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def _import(archives: Iterable[Path]) -> None:
    for archive in archives:
        imported = _HOME / f"{archive.name}.imported"
        digest = hashlib.sha256(archive.read_bytes()).hexdigest()
        if imported.exists() and imported.read_text() == digest:
            continue
        load(archive)
        imported.write_text(digest)


def load(archive: Path) -> None:
    """Import the images of an archive. Raises ClusterError."""
    done = _ctr("images", "import", str(archive))
    if done.returncode != 0:
        raise ClusterError(f"ctr images import {archive} failed: {done.stderr.strip()}")


def _wait(condition: Callable[[], bool], what: str) -> None:
    processes.wait_until(what, condition, _DRAIN_TIMEOUT_SECONDS)


def _ctr(*arguments: str) -> subprocess.CompletedProcess[str]:
    argv = [str(binaries.RUNTIME.folder() / "ctr"), "--address", str(SOCKET), "--namespace", "k8s.io", *arguments]
    return subprocess.run(argv, capture_output=True, text=True, check=False)
