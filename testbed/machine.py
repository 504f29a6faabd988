"""What a kubelet changes on the machine it runs on, noted before it starts and given back when it has ended.

The note outlives us in the state folder: whatever happens, ``down`` knows what was there before.
"""

import contextlib
import json
import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from testbed.errors import ClusterError
from testbed.paths import STATE

_NOTE: Final = STATE / "machine-before.json"
_CGROUPS: Final = Path("/sys/fs/cgroup")
_PROC_SYS: Final = Path("/proc/sys")
# kubelet: pkg/kubelet/cm/container_manager_linux.go setupKernelTunables
_SYSCTLS: Final = (
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
)
# Fixed paths that kubelet, containerd and CRI-O write to whatever their configuration says.
_FOLDERS: Final = (
    "/run/containerd",
    "/run/crio",
    "/run/netns",
    "/var/lib/cni",
    "/var/lib/containerd",
    "/var/lib/kubelet",
    "/var/log/containers",
    "/var/log/pods",
)


def will_touch() -> list[str]:
    """Return, one line each, what a host node changes outside the state folder."""
    return [
        "mount propagation of / (shared, as a kubelet needs it); given back by cluster-down",
        f"sysctls {' '.join(name.replace('/', '.') for name in _SYSCTLS)}; given back by cluster-down",
        f"cgroups {_CGROUPS}/**/kubepods*; removed by cluster-down",
        f"{' '.join(_FOLDERS)}; what was not there before is removed by cluster-down",
    ]


def remember() -> None:
    """Note how the machine is now; a note that is there already stays, it is from before.

    Raises ClusterError when somebody else's pods run here: two kubelets must not share the machine's cgroups.
    """
    if _NOTE.exists():
        return
    busy = [folder for folder in kubepods() if _processes(folder)]
    if busy:
        raise ClusterError(f"another kubelet's pods run on this machine ({busy[0]}); the host node would disturb them")
    before = {
        "shared_mounts": sorted({point for point, shared in _mounts() if shared}),
        "sysctls": {name: (_PROC_SYS / name).read_text().strip() for name in _SYSCTLS if (_PROC_SYS / name).exists()},
        "absent": [folder for folder in _FOLDERS if not Path(folder).exists()],
        "kubepods": [str(folder) for folder in kubepods()],
    }
    STATE.mkdir(parents=True, exist_ok=True)
    scratch = _NOTE.with_suffix(".new")
    scratch.write_text(json.dumps(before, indent=1) + "\n")
    scratch.replace(_NOTE)


def share_mounts() -> None:
    """Make ``/`` a shared mount if it is not; else no mount of the host reaches a pod (mount_namespaces(7))."""
    if not dict(_mounts()).get("/", False):
        _mount("--make-rshared", "/")


def keep_in_memory(folder: Path) -> None:
    """Put FOLDER into memory (a tmpfs) unless it is; :func:`unmount_below` forgets it.

    Container runtime and kubelet wait for the disk hundreds of times for one pod. That takes time, and the disk of some
    virtual machines interrupts one CPU that cannot be chosen: with bad luck the isolated one.
    """
    if str(folder) in dict(_mounts()):
        return
    folder.mkdir(parents=True, exist_ok=True)
    _mount("--types=tmpfs", "tmpfs", str(folder))


def give_back() -> list[str]:
    """Undo what :func:`remember` noted and return what could not be undone, one line each; empty is well."""
    if not _NOTE.exists():
        return []
    before = json.loads(_NOTE.read_text())
    created = [folder for folder in kubepods() if str(folder) not in before["kubepods"]]
    failures = [failure for folder in created for failure in _remove_cgroup(folder)]
    for name, value in before["sysctls"].items():
        with contextlib.suppress(OSError):
            if (_PROC_SYS / name).read_text().strip() != value:
                (_PROC_SYS / name).write_text(value)
    _restore_propagation(set(before["shared_mounts"]))
    alone = not _daemons()
    failures += [failure for folder in before["absent"] for failure in _prune(Path(folder), wholly=alone)]
    if not failures:
        _NOTE.unlink()
    return failures


def _restore_propagation(shared_before: set[str]) -> None:
    """Make ``/`` and all below private again, unless ``/`` was shared: then :func:`share_mounts` did nothing."""
    if "/" in shared_before:
        return
    _mount("--make-rprivate", "/")  # recursively: a mount may hide another one at the same place
    for point, _ in list(_mounts()):
        if point in shared_before:
            _mount("--make-shared", point)


def unmount_below(*roots: Path) -> None:
    """Unmount everything at or below ROOTS, the innermost first."""
    points = [point for point, _ in _mounts() if any(Path(point).is_relative_to(root) for root in roots)]
    for point in sorted(points, key=len, reverse=True):
        subprocess.run(["umount", "--lazy", point], check=False, capture_output=True)


def remove_tree(folder: Path) -> None:
    """Remove FOLDER and all that is in it.

    Raises ClusterError when something is mounted below it: what the mount shows is not ours to delete.
    """
    mounted = [point for point, _ in _mounts() if Path(point).is_relative_to(folder)]
    if mounted:
        raise ClusterError(f"{folder} is not removed: {mounted[0]} is still mounted there; umount it and try again")
    shutil.rmtree(folder, ignore_errors=True)


def kubepods() -> list[Path]:
    """Return the top cgroup folders of pods: one per v1 hierarchy, or one on v2."""
    names = ("kubepods", "kubepods.slice")
    parents = [_CGROUPS, *(child for child in _CGROUPS.iterdir() if (child / "cgroup.procs").exists())]
    return sorted(parent / name for parent in parents for name in names if (parent / name).is_dir())


def _processes(cgroup: Path) -> list[str]:
    found = []
    for procs in cgroup.rglob("cgroup.procs"):
        with contextlib.suppress(OSError):
            found += procs.read_text().split()
    return found


def _remove_cgroup(folder: Path) -> list[str]:
    if folder.suffix == ".slice" and Path("/run/systemd/system").is_dir():
        subprocess.run(["systemctl", "stop", folder.name], check=False, capture_output=True)
    if not folder.exists():
        return []
    for path, _, _ in os.walk(folder, topdown=False):
        with contextlib.suppress(OSError):
            Path(path).rmdir()
    if not folder.exists():
        return []
    return [f"cgroup {folder} still holds processes {' '.join(_processes(folder))}"]


def _prune(folder: Path, *, wholly: bool) -> list[str]:
    """Remove FOLDER: WHOLLY, or only what nobody can miss (empty files and folders, sockets, FIFOs, dangling links).

    Return what is left, one line or none.
    """
    if wholly:
        remove_tree(folder)
    for parent, _, files in os.walk(folder, topdown=False):
        for name in files:
            path = Path(parent) / name
            kind = path.lstat().st_mode
            leftover = stat.S_ISSOCK(kind) or stat.S_ISFIFO(kind) or (stat.S_ISLNK(kind) and not path.exists())
            if leftover or path.stat().st_size == 0:
                path.unlink()
        with contextlib.suppress(OSError):
            Path(parent).rmdir()
    if not folder.exists():
        return []
    left = sorted(str(path) for path in folder.rglob("*") if not path.is_dir())
    return [f"{folder} was not there before and holds {', '.join(left[:3])}"]


def _daemons() -> set[str]:
    """Return the names of running programs that may use the same fixed folders by now."""
    names = set()
    for comm in Path("/proc").glob("[0-9]*/comm"):
        with contextlib.suppress(OSError):
            if (comm.parent / "exe").exists():  # a zombie has none
                names.add(comm.read_text().strip())
    return names & {"containerd", "containerd-shim", "dockerd", "crio", "conmon", "kubelet", "podman"}


def _mounts() -> Iterator[tuple[str, bool]]:
    """Yield (mount point, whether it is shared) from proc_pid_mountinfo(5)."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields = line.split()
        point = fields[4].encode().decode("unicode_escape")  # a blank is written \040
        yield point, any(word.startswith("shared:") for word in fields[6 : fields.index("-")])


def _mount(*arguments: str) -> None:
    done = subprocess.run(["mount", *arguments], check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise ClusterError(f"mount {' '.join(arguments)} failed: {done.stderr.strip()}")
