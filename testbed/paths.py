"""Where the test bed keeps things, and the addresses that its parts listen on (all of them loopback)."""

import os
from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).resolve().parent.parent

STATE: Final = Path(os.environ.get("CLUSTER_DIR") or REPOSITORY / ".cluster").resolve()
"""Everything of one cluster of this checkout: keys, logs, noted pids, data of etcd and of the runtime."""

CACHE: Final = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").resolve() / "oc-nsexec-testbed"
"""What takes minutes to make (binaries, the disk of the real-time node), keyed by its inputs, shared by all clones."""

RUN: Final = Path("/run/oc-nsexec-testbed")
"""Sockets of the host node's runtime: a path in STATE could be longer than the 107 bytes of unix(7)."""

LOG: Final = STATE / "log"
PID: Final = STATE / "pid"
PKI: Final = STATE / "pki"
IMAGES: Final = STATE / "images"
KUBECONFIG: Final = STATE / "kubeconfig"

_SHIFT: Final = int(os.environ.get("CLUSTER_PORT_SHIFT") or 0)
"""Added to every port: a second cluster, of another CLUSTER_DIR, can run beside the first."""

API_PORT: Final = 7443 + _SHIFT
ETCD_PORT: Final = 7379 + _SHIFT
ETCD_PEER_PORT: Final = 7380 + _SHIFT
CONTROLLER_MANAGER_PORT: Final = 7457 + _SHIFT
SCHEDULER_PORT: Final = 7459 + _SHIFT
HOST_KUBELET_PORT: Final = 7250 + _SHIFT
HOST_KUBELET_HEALTH_PORT: Final = 7248 + _SHIFT
RT_KUBELET_PORT: Final = 7350 + _SHIFT
RT_KUBELET_HEALTH_PORT: Final = 7348 + _SHIFT
RT_SSH_PORT: Final = 2222 + _SHIFT

HOST_NODE: Final = "node-a"
RT_NODE: Final = "rtnode"

API_SERVER: Final = f"https://127.0.0.1:{API_PORT}"
API_ADDRESS_IN_VM: Final = "10.0.2.100"
"""Where the real-time node finds the API server: an address of QEMU's user network, forwarded to our loopback."""
API_SERVER_IN_VM: Final = f"https://{API_ADDRESS_IN_VM}:{API_PORT}"
