"""CRI-O as the real-time node's runtime, set up as OpenShift's; RUNTIME=crio takes it from where it is installed.

Its sandboxes keep to the reserved CPUs (``infra_ctr_cpuset``). Under the handler ``high-performance`` an exec starts on
one CPU of the container (``exec_cpu_affinity``), a shared one where the container has some.
"""

import json
import shlex
from pathlib import Path
from typing import Final

from testbed import crio, images, rt_config, rt_vm
from testbed.progress import long_step

HANDLER: Final = "high-performance"
"""CRI-O's hooks for such workloads go by the word in the handler's name."""
_SHARED: Final = "/etc/crio/crio.conf.d/20-shared.conf"
_ALLOWED: Final = ("cpu-load-balancing", "cpu-quota", "irq-load-balancing", "cpu-shared")
_PLACE: Final = {"runc": "/usr/local/bin", "crun": "/usr/bin"}
"""The runc that the test bed compiles, and Debian's crun."""
_STORAGE: Final = "[overlay@/var/lib/containers/storage+/run/containers/storage]"
_PROGRAMS: Final = "opt/node/bin"
_LIBRARIES: Final = "opt/node/lib"
_C_LIBRARY: Final = "opt/node/libc"
_OF_C: Final = ("libc.so.6", "libm.so.6", "ld-linux-x86-64.so.2")
_BEGIN_SECONDS: Final = 300.0

_LINKED: Final = ("conmon", "skopeo")
# skopeo starts /proc/self/exe again, which may not be the loader; what conmon starts may not have its libraries.
_CONMON: Final = f"""#!/bin/sh
exec /{_C_LIBRARY}/{_OF_C[-1]} --library-path /{_C_LIBRARY}:/{_LIBRARIES} --argv0 conmon /{_PROGRAMS}/conmon "$@"
"""
_SKOPEO: Final = f"""#!/bin/sh
LD_LIBRARY_PATH=/{_LIBRARIES} exec /{_PROGRAMS}/skopeo "$@"
"""
_IMAGES: Final = """[Unit]
Description=Import the images that came with the payload
Requires=payload.service crio.service
After=payload.service crio.service

[Service]
Type=oneshot
RemainAfterExit=yes
"""

_UNIT: Final = f"""[Unit]
Description=CRI-O
Requires=payload.service
After=payload.service

[Service]
Type=notify
ExecStart=/usr/local/bin/crio
KillMode=process
Delegate=yes
LimitNOFILE=1048576
TasksMax=infinity
{rt_config.TIMER_SLACK}"""


def config(cni_folder: str) -> str:
    """Return CRI-O's configuration; where it says nothing, its own defaults hold.

    https://github.com/cri-o/cri-o/blob/main/docs/crio.conf.5.md
    """
    runtime = rt_config.distribution().oci_runtime
    handler = f"""runtime_path = "{_PLACE[runtime]}/{runtime}"
runtime_type = "oci"
runtime_root = "/run/{runtime}"
monitor_path = "/usr/local/bin/conmon\""""
    return f"""[crio]
storage_driver = "overlay"
[crio.runtime]
default_runtime = "{runtime}"
cgroup_manager = "systemd"
conmon_cgroup = "system.slice"
pinns_path = "/usr/local/bin/pinns"
infra_ctr_cpuset = "{rt_config.RESERVED}"
disable_hostport_mapping = true # it needs iptables or nft
[crio.runtime.runtimes.{runtime}]
{handler}
[crio.runtime.runtimes.{HANDLER}]
{handler}
exec_cpu_affinity = "first"
allowed_annotations = {json.dumps([f"{what}.crio.io" for what in _ALLOWED])}
[crio.image]
pause_image = "{images.PAUSE}"
pause_command = "" # the image's own
signature_policy = "/etc/containers/policy.json"
[crio.nri]
enable_nri = false
[crio.network]
network_dir = "/{cni_folder}/config"
plugin_dirs = ["/{cni_folder}/bin"]
"""


def files(cni_folder: str) -> dict[str, tuple[int, bytes]]:
    """Return path → (mode, content) of what it takes: programs, configuration, unit. Raises ClusterError.

    conmon and skopeo come with this machine's libraries, which the node's Debian has not, or in another release.
    """
    programs = {name: Path(path) for name, path in crio.programs_installed().items()}
    copies = [_copy(f"/opt/node/images/{archive.name}", name) for name, archive in images.ensure().items()]
    texts = {
        "etc/crio/crio.conf.d/10-node.conf": (0o644, config(cni_folder)),
        "etc/containers/policy.json": (0o644, json.dumps({"default": [{"type": "insecureAcceptAnything"}]})),
        "etc/systemd/system/crio.service": (0o644, _UNIT),
        # In the place of the disk's, which is for containerd.
        "etc/systemd/system/images.service": (0o644, _IMAGES + "".join(f"ExecStart={shlex.join(c)}\n" for c in copies)),
        "usr/local/bin/conmon": (0o755, _CONMON),
        "usr/local/bin/skopeo": (0o755, _SKOPEO),
    }
    linked = {path: content for name in _LINKED for path, content in images.with_libraries(programs[name]).items()}
    return {
        **{path: (mode, text.encode()) for path, (mode, text) in texts.items()},
        **{f"usr/local/bin/{name}": (0o755, programs[name].read_bytes()) for name in ("crio", "pinns", "runc")},
        **{f"{_folder(Path(path).name)}/{Path(path).name}": (0o755, content) for path, content in linked.items()},
    }


def begin() -> None:
    """Put it into containerd's place on the node that has just booted. Raises ClusterError."""
    with long_step("real-time node: CRI-O takes containerd's place", 1):
        rt_vm.ssh(["systemctl", "stop", "kubelet", "containerd"])
        rt_vm.ssh(["systemctl", "daemon-reload"])
        rt_vm.ssh(["systemctl", "start", "kubelet"], timeout_seconds=_BEGIN_SECONDS)


def share(cpus: str) -> None:
    """Let containers that ask for it (``cpu-shared.crio.io``) use CPUS besides their own; none of them for "".

    Raises ClusterError.
    """
    if cpus:
        rt_vm.ssh(["tee", _SHARED], stdin=f'[crio.runtime]\nshared_cpuset = "{cpus}"\n'.encode())
    else:
        rt_vm.ssh(["rm", "-f", _SHARED])
    rt_vm.ssh(["systemctl", "restart", "crio"])


def load(archive: str, name: str) -> None:
    """Import the image NAME of an archive that is on the node. Raises ClusterError."""
    rt_vm.ssh(_copy(archive, name))


def _copy(archive: str, name: str) -> list[str]:
    _, *words = crio.copying(archive, f"containers-storage:{_STORAGE}{name}")
    return ["/usr/local/bin/skopeo", *words]


def _folder(name: str) -> str:
    return _PROGRAMS if name in _LINKED else _C_LIBRARY if name in _OF_C else _LIBRARIES
