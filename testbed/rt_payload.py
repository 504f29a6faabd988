"""The second disk of the real-time node: a bare tar with everything that belongs to this one cluster."""

import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from testbed import cni, pki, rt_config, rt_confinement, rt_crio, rt_runtime
from testbed.paths import API_SERVER_IN_VM, RT_KUBELET_HEALTH_PORT, RT_KUBELET_PORT, RT_NODE

KUBELET_CONFIG: Final = "etc/kubernetes/kubelet.yaml"
_CNI: Final = "opt/node/cni"
_PKI: Final = "etc/kubernetes/pki"


def kubelet_config(
    *,
    policy: str = "static",
    reserved: str = rt_config.RESERVED,
    strict: bool = False,
    reconcile: str = "1s",  # what the kubelet does to a helper, it does while the helper starts
) -> str:
    """Return the kubelet's configuration; ``strict`` turns on the CPU manager's ``strict-cpu-reservation``.

    https://kubernetes.io/docs/reference/config-api/kubelet-config.v1beta1/ (JSON is YAML).
    """
    config: dict[str, Any] = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "port": RT_KUBELET_PORT,
        "healthzPort": RT_KUBELET_HEALTH_PORT,
        "readOnlyPort": 0,
        "authentication": {"x509": {"clientCAFile": f"/{_PKI}/ca.crt"}, "webhook": {"enabled": True}},
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": f"/{_PKI}/serving.crt",
        "tlsPrivateKeyFile": f"/{_PKI}/serving.key",
        "containerRuntimeEndpoint": f"unix://{rt_runtime.socket()}",
        "cgroupDriver": "systemd",
        "cpuCFSQuota": rt_config.distribution().cpu_quotas,
        "cpuManagerPolicy": policy,
        "cpuManagerPolicyOptions": {"strict-cpu-reservation": "true"} if strict else {},
        "reservedSystemCPUs": reserved,
        "makeIPTablesUtilChains": False,
        "resolvConf": "",
        "cpuManagerReconcilePeriod": reconcile,
        "runtimeRequestTimeout": "10m",
        "evictionHard": {"memory.available": "10Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
    }
    return json.dumps(config, indent=1, sort_keys=True) + "\n"


def containerd_config(pause_image: str, oci_runtime: str, lsm: str) -> str:
    """Return containerd's configuration: systemd cgroups and our own pause image. 1.6 to 2.2 all read version 2.

    ``oci_runtime``: the program that is the default runtime, found by PATH: a payload's before Debian's.
    """
    cri = 'plugins."io.containerd.grpc.v1.cri"'
    return f"""version = 2
disabled_plugins = ["io.containerd.internal.v1.opt"] # it writes to /opt
[{cri}]
sandbox_image = "{pause_image}"
enable_selinux = {str(lsm == "selinux").lower()}
[{cri}.cni]
conf_dir = "/{_CNI}/config"
bin_dir = "/{_CNI}/bin"
[{cri}.containerd]
default_runtime_name = "{oci_runtime}"
[{cri}.containerd.runtimes.{oci_runtime}]
runtime_type = "io.containerd.runc.v2"
[{cri}.containerd.runtimes.{oci_runtime}.options]
BinaryName = "{oci_runtime}"
SystemdCgroup = true
"""


def write(
    folder: Path, kubelet: Path, runtime: Iterable[Path], images: Mapping[str, bytes], pause_image: str, public_key: str
) -> tuple[Path, str]:
    """Write the payload into FOLDER and return its path and a digest that changes with its content.

    RUNTIME: programs that take the place of Debian's: containerd, shim, ctr, and runc where that is the default.
    IMAGES: archives that the node imports, by name.
    """
    crt, key = pki.certificate("rt-kubelet-serving", RT_NODE, "testbed", ["IP:127.0.0.1", f"DNS:{RT_NODE}"])
    pki.certificate("rt-kubelet", f"system:node:{RT_NODE}", "system:nodes")
    kubeconfig = pki.kubeconfig(folder / "kubelet.kubeconfig", "rt-kubelet", API_SERVER_IN_VM)
    files: dict[str, tuple[int, bytes]] = {
        "opt/node/kubelet": (0o755, kubelet.read_bytes()),
        KUBELET_CONFIG: (0o644, kubelet_config().encode()),
        "etc/kubernetes/kubelet.kubeconfig": (0o600, kubeconfig.read_bytes()),
        f"{_PKI}/ca.crt": (0o644, pki.CA_CRT.read_bytes()),
        f"{_PKI}/serving.crt": (0o644, crt.read_bytes()),
        f"{_PKI}/serving.key": (0o600, key.read_bytes()),
        "etc/containerd/config.toml": (
            0o644,
            containerd_config(
                pause_image, rt_config.distribution().oci_runtime, rt_confinement.confinement().lsm
            ).encode(),
        ),
        "root/.ssh/authorized_keys": (0o600, public_key.encode()),
        **{  # sshd reads them as the user
            f"home/{user}/.ssh/authorized_keys": (0o644, public_key.encode())
            for user in (rt_config.SUDOER, rt_config.STRANGER)
        },
        **{path: (mode, text.encode()) for path, (mode, text) in cni.files(f"{_CNI}/bin", f"{_CNI}/config").items()},
        **{f"usr/local/bin/{path.name}": (0o755, path.read_bytes()) for path in runtime},
        **(rt_crio.files(_CNI) if rt_runtime.chosen() == rt_runtime.CRIO else {}),
        **{f"opt/node/images/{name}": (0o644, content) for name, content in images.items()},
    }
    content = _tar(files)
    target = folder / "payload.tar"
    scratch = folder / "payload.tar.new"
    scratch.write_bytes(content)
    scratch.chmod(0o600)
    scratch.replace(target)
    return target, hashlib.sha256(content).hexdigest()


def _tar(files: Mapping[str, tuple[int, bytes]]) -> bytes:
    # One file system block after the other, no times and no names: equal inputs make equal bytes.
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, (mode, data) in sorted(files.items()):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), mode
            tar.addfile(member, io.BytesIO(data))
    return buffer.getvalue()
