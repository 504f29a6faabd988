"""CRI-O as the host node's runtime, where it is installed: RUNTIME=crio takes crio and pinns from PATH or CRIO=.

What the real-time node has of it is in :mod:`testbed.rt_crio`.
"""

import json
import os
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import IO, Final, cast

from testbed import binaries, cni, images, machine, processes
from testbed.errors import ClusterError
from testbed.paths import RUN, STATE

NAME: Final = "crio"
SOCKET: Final = RUN / "crio.sock"
_ATTACH: Final = RUN / "attach"
_HOME: Final = STATE / "crio"
_CNI_BIN: Final = STATE / "cni" / "bin"
_CNI_CONFIG: Final = STATE / "cni" / "net.d"
_START_TIMEOUT_SECONDS: Final = 30.0

_REGISTRIES: Final = """[[registry]]
location = "127.0.0.1"
insecure = true
"""
"""See containers-registries.conf(5): without TLS, as containerd has it for loopback by itself."""

# CRI-O has no option for machines where containers may not lower oom_score_adj (no CAP_SYS_RESOURCE) or that have no
# hugetlb controller: the bundle is trimmed on its way to runc. Every runc knows version 1.0.2 of the bundle.
_RUNC: Final = """#!/usr/bin/env python3
import json, os, sys
def trim(path, bundle):
    spec = json.load(open(path))
    process = spec["process"] if bundle else spec
    process.pop("oomScoreAdj", None)
    for held in (process.get("capabilities") or {}).values():
        if "CAP_SYS_RESOURCE" in held:
            held.remove("CAP_SYS_RESOURCE")
    if bundle:
        spec["ociVersion"] = "1.0.2"
        spec.get("linux", {}).get("resources", {}).pop("hugepageLimits", None)
    json.dump(spec, open(path, "w"))
words = [part for word in sys.argv[1:] for part in (word.split("=", 1) if word.startswith("--") else [word])]
for word, value in zip(words, words[1:]):
    if word in ("--bundle", "-b"):
        trim(value + "/config.json", True)
    if word in ("--process", "-p"):
        trim(value, False)
os.execv(RUNC, [RUNC, *sys.argv[1:]])
"""


def config(*, systemd_cgroups: bool, pinns: str, conmon: str) -> str:
    """Return CRI-O's configuration. ``infra_ctr_cpuset`` stays out: with cgroupfs on v1 CRI-O stumbles over it."""
    manager = (
        'cgroup_manager = "systemd"\nconmon_cgroup = "system.slice"'
        if systemd_cgroups
        else 'cgroup_manager = "cgroupfs"\nconmon_cgroup = "pod"'
    )
    return f"""[crio]
root = "{_HOME / "root"}"
runroot = "{_HOME / "run"}"
storage_driver = "overlay"
log_dir = "{_HOME / "log"}"
version_file = "{_HOME / "version"}"
clean_shutdown_file = "{_HOME / "clean"}"
[crio.api]
listen = "{SOCKET}"
stream_address = "127.0.0.1"
[crio.runtime]
default_runtime = "runc"
{manager}
pinns_path = "{pinns}"
container_exits_dir = "{_HOME / "exits"}"
container_attach_socket_dir = "{_ATTACH}"
namespaces_dir = "{_HOME / "namespaces"}"
hooks_dir = ["{_HOME / "hooks"}"]
apparmor_profile = "unconfined"
disable_hostport_mapping = true # it needs iptables or nft, and no pod of the tests has a port of the host's
[crio.runtime.runtimes.runc]
runtime_path = "{_HOME / "runc"}"
runtime_type = "oci"
runtime_root = "{_HOME / "runc-root"}"
monitor_path = "{conmon}"
[crio.image]
pause_image = "{images.PAUSE}"
pause_command = "" # the image's own
signature_policy = "{_HOME / "policy.json"}"
signature_policy_dir = "{_HOME / "policies"}" # it would make this and the next one in /etc/crio
namespaced_auth_dir = "{_HOME / "auth"}"
[crio.nri]
enable_nri = false # its socket would be in /run/nri
[crio.network]
network_dir = "{_CNI_CONFIG}"
plugin_dirs = ["{_CNI_BIN}"]
"""


def up(*, systemd_cgroups: bool) -> Path:
    """Start CRI-O unless it runs, copy the test images into its storage, and return its socket."""
    programs = programs_installed()
    cni.write(_CNI_BIN, _CNI_CONFIG)
    machine.keep_in_memory(_HOME)
    for folder in (_HOME / "hooks", _HOME / "exits", _ATTACH):
        folder.mkdir(parents=True, exist_ok=True)
    (_HOME / "policy.json").write_text(json.dumps({"default": [{"type": "insecureAcceptAnything"}]}))
    registries = _HOME / "registries.conf"
    registries.write_text(_REGISTRIES)
    wrapper = _HOME / "runc"
    wrapper.write_text(_RUNC.replace("\nimport json", f"\nRUNC = {programs['runc']!r}\nimport json", 1))
    wrapper.chmod(0o755)
    file = _HOME / "crio.conf"
    file.write_text(config(systemd_cgroups=systemd_cgroups, pinns=programs["pinns"], conmon=programs["conmon"]))
    if not processes.alive(NAME):
        for archive in images.ensure().values():
            load(archive)
    files = ["--config", str(file), "--config-dir", "", "--registries-conf", str(registries)]
    processes.start(NAME, [programs["crio"], *files])
    processes.wait_until("CRI-O answers", SOCKET.is_socket, _START_TIMEOUT_SECONDS, process=NAME)
    return SOCKET


def down() -> None:
    """End CRI-O; its conmons end with their containers, which the kubelet has removed."""
    processes.stop(NAME)


def load(archive: Path) -> None:
    """Import the image of an archive. Raises ClusterError."""
    with tarfile.open(archive) as tar:
        (entry,) = json.load(cast("IO[bytes]", tar.extractfile("index.json")))["manifests"]
    name = entry["annotations"]["io.containerd.image.name"]
    _run(copying(str(archive), _stored(name)))


def copying(archive: str, stored: str) -> list[str]:
    """Return skopeo's words for importing an archive as the image STORED (containers-transports(5))."""
    return ["skopeo", "copy", "--quiet", "--insecure-policy", f"oci-archive:{archive}", stored]


def forget(image: str) -> None:
    """Remove IMAGE, if it was pulled or imported."""
    if subprocess.run(["skopeo", "inspect", "--raw", _stored(image)], capture_output=True, check=False).returncode == 0:
        _run(["skopeo", "delete", _stored(image)])


def _stored(image: str) -> str:
    return f"containers-storage:[overlay@{_HOME / 'root'}+{_HOME / 'run'}]{image}"


def idle() -> bool:
    """Whether no container of ours has a monitor; conmon's command line names our state folder."""
    return not monitors()


def monitors() -> list[int]:
    """Return the pids of the conmons whose command line names our CRI-O's folders."""
    found = []
    for cmdline in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = cmdline.read_bytes().split(b"\0")
        except OSError:
            continue
        if words[0].endswith(b"/conmon") and any(str(_HOME).encode() in word for word in words):
            found.append(int(cmdline.parent.name))
    return found


def programs_installed() -> dict[str, str]:
    """Return what CRI-O takes, by name: the paths on this machine. Raises ClusterError when something is missing."""
    crio = os.environ.get("CRIO") or shutil.which("crio")
    beside = Path(crio).parent / "pinns" if crio else None
    found = {
        "crio": crio,
        "pinns": str(beside) if beside and beside.exists() else shutil.which("pinns"),
        "runc": str(binaries.RUNTIME.ensure() / "runc"),
        **{name: shutil.which(name) for name in ("conmon", "skopeo")},
    }
    missing = [name for name, path in found.items() if not path]
    if missing:
        raise ClusterError(
            f"RUNTIME=crio: {', '.join(missing)} not found on PATH (crio and pinns also by CRIO=/path/crio)"
        )
    return {name: str(path) for name, path in found.items()}


def _run(argv: list[str]) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ClusterError(f"{' '.join(argv)} failed: {done.stderr.strip()}")
