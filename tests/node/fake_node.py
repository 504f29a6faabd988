"""A node in a folder: proc and cgroup trees, and the host's files, as plain files that the agent takes for real."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kubectl_nsexec.model.cpuset import CpuSet
from kubectl_nsexec.node import agent_script

if TYPE_CHECKING:
    from pathlib import Path

HELPER_UID = "0aa1b2c3-0000-4000-8000-00000000000a"
TARGET_UID = "0bb1b2c3-0000-4000-8000-00000000000b"
HELPER_ID = "a" * 64
SANDBOX_ID = "5" * 64
TARGET_ID = "b0" * 32
NONCE = "n0nce"
SHELLS = {"dash": ["dash"], "bash": ["bash", "--posix"], "busybox": ["busybox", "ash"], "sh": ["sh"]}


@dataclass(frozen=True)
class Layout:
    """How kubelet and runtime name their cgroup folders. ``version`` v1|v2, ``driver`` systemd|cgroupfs.

    ``stray``: where the runtime's own cgroup is, when the kubelet's driver is systemd's and the runtime's is cgroupfs.
    """

    version: str = "v2"
    driver: str = "systemd"
    runtime: str = "crio"
    above: str = ""
    slices: str = ""
    stray: str | None = None

    def pod(self, uid: str, qos: str) -> str:
        """The pod's folder as /proc shows it; ``qos`` is "" for Guaranteed."""
        if self.driver == "cgroupfs":
            return f"{self.above}/kubepods/{qos + '/' if qos else ''}pod{uid}"
        top = f"{self.slices}kubepods"
        leaf = f"{top}-{qos}" if qos else top
        between = f"{leaf}.slice/" if qos else ""
        return f"{self.above}/{top}.slice/{between}{leaf}-pod{uid.replace('-', '_')}.slice"

    def container(self, container_id: str) -> str:
        """The container's folder inside its pod's."""
        if self.driver == "systemd":
            return f"{self.runtime}-{container_id}.scope"
        return f"crio-{container_id}" if self.runtime == "crio" else container_id

    def place(self, uid: str, qos: str, container_id: str) -> str:
        """The container's folder as /proc shows it."""
        pod = self.pod(uid, qos)
        if self.stray is None:
            return f"{pod}/{self.container(container_id)}"
        return f"{self.above}{self.stray}/{pod.rpartition('/')[2]}:{self.runtime}:{container_id}"


@dataclass
class FakeNode:
    """Trees below ``top``; the helper pod is there from the start, its CPUs already those of ``mask``."""

    top: Path
    layout: Layout = field(default_factory=Layout)
    mask: str = "0-1"
    online: str = "0-3"
    qos: str = ""
    within: tuple[str, ...] = ()
    """What the agent is started by."""

    def __post_init__(self) -> None:
        self.proc, self.cgroup, self.host, self.run = (self.top / name for name in ("proc", "cgroup", "host", "run"))
        for folder in (self.proc / "self", self.cgroup, self.run, self.host / "sys/devices/system/cpu"):
            folder.mkdir(parents=True)
        (self.host / "sys/devices/system/cpu/online").write_text(f"{self.online}\n")
        if self.layout.version == "v2":
            (self.cgroup / "cgroup.controllers").write_text("cpuset cpu\n")
        self.helper = self.layout.pod(HELPER_UID, "besteffort")
        self.own = self.layout.place(HELPER_UID, "besteffort", HELPER_ID)
        self.folder(self.helper, "0-3")
        for name in (HELPER_ID, SANDBOX_ID):
            self.folder(self.layout.place(HELPER_UID, "besteffort", name), "0-3")
        if self.layout.version == "v1":
            self.devices.mkdir(parents=True)
        self.target = self.layout.pod(TARGET_UID, self.qos)
        self.container = self.layout.place(TARGET_UID, self.qos, TARGET_ID)
        self.folder(self.container, "2-3")
        self.set_self(self.own)
        self.set_mask(self.mask)
        self.namespaces("self", mnt="helper", pid="host", net="host", ipc="helper", uts="host", cgroup="host")
        self.namespaces("1", mnt="host", pid="host", net="host", ipc="host", uts="host", cgroup="host")

    @property
    def base(self) -> Path:
        """Where the cpuset hierarchy is."""
        return self.cgroup if self.layout.version == "v2" else self.cgroup / "cpuset"

    @property
    def devices(self) -> Path:
        """The helper container's folder in the devices hierarchy of cgroup v1."""
        return self.cgroup / "devices" / self.own.lstrip("/")

    def at(self, path: str) -> Path:
        """The folder of a cgroup path."""
        return self.base / path.lstrip("/")

    def folder(self, path: str, cpus: str) -> Path:
        """A cgroup folder (with those above it) that allows ``cpus``."""
        folder = self.at(path)
        folder.mkdir(parents=True, exist_ok=True)
        for parent in (folder, folder.parent):
            (parent / "cpuset.cpus").write_text(f"{cpus}\n")
            (parent / "cpuset.mems").write_text("0\n")
            (parent / "cgroup.procs").touch()
        return folder

    def _cgroup_lines(self, path: str) -> str:
        if self.layout.version == "v2":
            return f"0::{path}\n"
        return f"9:memory:{path}\n3:cpuset:{path}\n4:devices:{path}\n0::/\n"

    def set_self(self, path: str) -> None:
        """What /proc/self/cgroup shows."""
        (self.proc / "self/cgroup").write_text(self._cgroup_lines(path))

    def set_mask(self, mask: str, name: str = "status") -> None:
        """What /proc/self/status shows of our CPUs."""
        (self.proc / "self" / name).write_text(
            f"Name:\tsh\nState:\tR (running)\nCapPrm:\t000001ffffffffff\nCpus_allowed_list:\t{mask}\n"
        )

    def namespaces(self, pid: str, /, **names: str) -> None:
        """Its ns folder: equal names are one namespace. User "host" unless given."""
        folder = self.proc / pid / "ns"
        folder.mkdir(parents=True, exist_ok=True)
        for kind, name in {"user": "host", **names}.items():
            inode = self.top / "nsfs" / f"{kind}-{name}"
            inode.parent.mkdir(exist_ok=True)
            inode.touch()
            (folder / kind).unlink(missing_ok=True)
            (folder / kind).symlink_to(inode)

    def process(
        self,
        pid: int,
        cgroup: str | None = None,
        /,
        *,
        inner: str = "1",
        state: str = "S (sleeping)",
        mask: str = "2-3",
        started: int = 500,
        comm: str = "loop",
        cmdline: bytes = b"/usr/bin/busy\0-x\0",
        parent: int = 1,
        **ns: str,
    ) -> Path:
        """A process in a cgroup (the target container's own by default); ``inner`` are its PIDs further in."""
        path = cgroup or self.container
        with (self.folder(path, "2-3") / "cgroup.procs").open("a") as procs:
            procs.write(f"{pid}\n")
        folder = self.proc / str(pid)
        folder.mkdir()
        pids = "\t".join([str(pid), *inner.split()])
        (folder / "status").write_text(
            f"Name:\tloop\nUmask:\t0022\nState:\t{state}\nPid:\t{pid}\nPPid:\t{parent}\nNSpid:\t{pids}\n"
            f"Cpus_allowed_list:\t{mask}\n"
        )
        zeros = " ".join(["0"] * 18)
        (folder / "stat").write_text(f"{pid} ({comm}) S {zeros} {started} 0 0\n")
        (folder / "comm").write_text(f"{comm}\n")
        (folder / "cmdline").write_bytes(cmdline)
        (folder / "cgroup").write_text(self._cgroup_lines(path))
        (folder / "environ").write_bytes(b"A=1\0B=two words\0")
        (folder / "cwd").symlink_to("/srv/app dir")
        root = self.top / "rootfs"
        root.mkdir(exist_ok=True)
        (folder / "root").symlink_to(root)
        names = dict.fromkeys(("mnt", "pid", "net", "ipc", "uts", "cgroup"), "container")
        self.namespaces(str(pid), **{**names, **ns})
        return folder

    def kubelet(self, policy: str, shared: str = "0-1") -> None:
        """The CPU manager's checkpoint, as the kubelet writes it; ``shared`` are the CPUs that nobody owns."""
        folder = self.host / "var/lib/kubelet"
        folder.mkdir(parents=True, exist_ok=True)
        state = {"policyName": policy, "defaultCpuSet": shared, "entries": {}, "checksum": 1}
        (folder / "cpu_manager_state").write_text(json.dumps(state, separators=(",", ":")))

    def kernel(self, **lists: str) -> None:
        """What the kernel says of its CPUs, by file: isolated="2-3"."""
        for name, cpus in lists.items():
            (self.host / "sys/devices/system/cpu" / name).write_text(f"{cpus}\n")

    def cores(self, *lists: str) -> None:
        """The CPUs of each core, as the kernel tells them at each of its CPUs."""
        for cpus in lists:
            for cpu in CpuSet.parse(cpus):
                folder = self.host / f"sys/devices/system/cpu/cpu{cpu}/topology"
                folder.mkdir(parents=True)
                (folder / "thread_siblings_list").write_text(f"{cpus}\n")

    def program(self, name: str, script: str) -> None:
        """A program of the node, found before the real one."""
        folder = self.top / "bin"
        folder.mkdir(exist_ok=True)
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)

    def shim(self, script: str) -> None:
        """What the agent runs as the shim."""
        (self.run / "shim").write_text(f"#!/bin/sh\n{script}\n")
        (self.run / "shim").chmod(0o755)

    def start(self, *words: str, shell: str = "sh", **variables: str) -> subprocess.Popen[bytes]:
        """The agent, as the helper container starts it."""
        environment = {
            "PATH": f"{self.top / 'bin'}:/usr/sbin:/usr/bin:/sbin:/bin",
            "NSEXEC_AGENT": agent_script(),
            "NSEXEC_POD_UID": HELPER_UID,
            "NSEXEC_PROC": str(self.proc),
            "NSEXEC_CGROUP": str(self.cgroup),
            "NSEXEC_HOST": str(self.host),
            "NSEXEC_RUN": str(self.run),
            "NSEXEC_SHIM": str(self.run / "shim"),
            **variables,
        }
        command = [*self.within, *SHELLS[shell], "-c", 'eval "$NSEXEC_AGENT"', "nsexec-agent", *words]
        pipe = subprocess.PIPE
        # Unbuffered: a line read ahead is lost to communicate().
        return subprocess.Popen(command, bufsize=0, stdin=pipe, stdout=pipe, stderr=pipe, env=environment)

    def enter(
        self,
        *,
        reserved: str = "0-1",
        host_pid: str = "0",
        process: str = "first",
        files: str = "container",
        more: str = "",
        **options: str,
    ) -> subprocess.Popen[bytes]:
        """A session into the target container. ``more``: what follows."""
        place = ("sess1", TARGET_UID, TARGET_ID, host_pid)
        return self.start("enter", NONCE, reserved, *place, process, files, *more.split(), **options)

    def session_folder(self, name: str = "sess1") -> Path:
        """The folder that a session makes."""
        return self.at(f"{self.helper}/nsexec-{name}")


def events(output: bytes) -> list[dict[str, object]]:
    """Every line must be one of ours."""
    lines = output.decode().splitlines()
    assert all(line.startswith(f"{NONCE} {{") for line in lines), lines
    return [json.loads(line.removeprefix(f"{NONCE} ")) for line in lines]


def look(process: subprocess.Popen[bytes]) -> dict[str, object]:
    """The only event of an agent that gets no word from us; it must have ended with 125 and said nothing else."""
    output, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (125, b""), (output, errors)
    (event,) = events(output)
    return event
