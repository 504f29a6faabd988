"""Which container runtime the real-time node has: RUNTIME says it, and without it it is containerd as we compile it."""

import os
from typing import Final

from testbed.errors import ClusterError

CONTAINERD: Final = "containerd"
DEBIAN: Final = "debian"
"""Debian's own containerd and runc."""
CRIO: Final = "crio"
"""CRI-O, where it is installed on this machine."""

_SOCKETS: Final = {
    CONTAINERD: "/run/containerd/containerd.sock",
    DEBIAN: "/run/containerd/containerd.sock",
    CRIO: "/run/crio/crio.sock",
}


def chosen() -> str:
    """Return the word of RUNTIME. Raises ClusterError when it names no runtime of that node."""
    name = os.environ.get("RUNTIME") or CONTAINERD
    if name not in _SOCKETS:
        raise ClusterError(f"RUNTIME={name}: for the real-time node there are {', '.join(_SOCKETS)}")
    return name


def compiled() -> bool:
    """Whether the node gets the containerd that the test bed compiles. Raises ClusterError as ``chosen``."""
    return chosen() != DEBIAN


def socket() -> str:
    """Return where the kubelet finds it. Raises ClusterError as ``chosen``."""
    return _SOCKETS[chosen()]


def bundle(container_id: str) -> str:
    """Return the folder of a container's config.json on the node. Raises ClusterError as ``chosen``."""
    if chosen() == CRIO:
        return f"/run/containers/storage/overlay-containers/{container_id}/userdata"
    return f"/run/containerd/io.containerd.runtime.v2.task/k8s.io/{container_id}"


def scope(container_id: str) -> str:
    """Return the name of a container's cgroup folder in its pod's. Raises ClusterError as ``chosen``."""
    return f"{'crio' if chosen() == CRIO else 'cri-containerd'}-{container_id}.scope"
