"""The host node's kubelet: static CPU manager, CPU 0 reserved, everything of its own in the state folder."""

import json
import os
from pathlib import Path
from typing import Any, Final

from testbed import binaries, machine, nodes, pki, processes
from testbed.errors import ClusterError
from testbed.paths import API_SERVER, HOST_KUBELET_HEALTH_PORT, HOST_KUBELET_PORT, HOST_NODE, LOG, PKI, STATE

NAME: Final = "host-kubelet"
ROLE: Final = "worker-cnf"
RESERVED: Final = "0"
PROXIED_ADDRESS: Final = "192.0.2.1"
"""Of its certificate, for tests that give it to the loopback device: the API server proxies to no address of 127/8."""
HOME: Final = STATE / "host-kubelet"

_CONFIG: Final = STATE / "host-kubelet.json"
_READY_TIMEOUT_SECONDS: Final = 60.0


def isolated() -> str:
    """Return the CPUs that pods may own, as a CPU list: all but CPU 0."""
    last = (os.cpu_count() or 1) - 1
    if last < 1:
        raise ClusterError("the host node needs two CPUs: one reserved, one for a pod to own")
    return "1" if last == 1 else f"1-{last}"


def config(socket: Path, *, systemd_cgroups: bool, strict: bool) -> dict[str, Any]:
    """Return the kubelet's configuration; STRICT turns on the CPU manager's ``strict-cpu-reservation``.

    https://kubernetes.io/docs/reference/config-api/kubelet-config.v1beta1/
    """
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": "127.0.0.1",
        "port": HOST_KUBELET_PORT,
        "healthzPort": HOST_KUBELET_HEALTH_PORT,
        "readOnlyPort": 0,
        "authentication": {"x509": {"clientCAFile": str(pki.CA_CRT)}, "webhook": {"enabled": True}},
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(PKI / "host-kubelet-serving.crt"),
        "tlsPrivateKeyFile": str(PKI / "host-kubelet-serving.key"),
        "containerRuntimeEndpoint": f"unix://{socket}",
        "failCgroupV1": False,
        "failSwapOn": False,
        "cgroupDriver": "systemd" if systemd_cgroups else "cgroupfs",
        "cpuManagerPolicy": "static",
        "cpuManagerPolicyOptions": {"strict-cpu-reservation": "true"} if strict else {},
        "cpuManagerReconcilePeriod": "2s",
        "reservedSystemCPUs": RESERVED,
        "localStorageCapacityIsolation": False,
        "makeIPTablesUtilChains": False,
        "resolvConf": "",
        "podLogsDir": str(LOG / "pods"),
        "volumePluginDir": str(HOME / "volume-plugins"),
        "evictionHard": {"memory.available": "10Mi"},
        "imageGCHighThresholdPercent": 100,  # the images cannot be pulled again from anywhere
    }


def ensure(socket: Path, *, systemd_cgroups: bool, strict: bool) -> None:
    """Start the kubelet, or restart it when its configuration is not the wanted one; wait until the node is Ready."""
    serving = ["IP:127.0.0.1", f"IP:{PROXIED_ADDRESS}", f"DNS:{HOST_NODE}"]
    pki.certificate("host-kubelet-serving", HOST_NODE, "testbed", serving)
    pki.certificate("host-kubelet", f"system:node:{HOST_NODE}", "system:nodes")
    pki.kubeconfig(_kubeconfig(), "host-kubelet", API_SERVER)
    wanted = json.dumps(config(socket, systemd_cgroups=systemd_cgroups, strict=strict), indent=1) + "\n"
    as_wanted = _CONFIG.exists() and _CONFIG.read_text() == wanted
    if not (processes.alive(NAME) and as_wanted):
        processes.stop(NAME)
        machine.keep_in_memory(HOME)
        if not as_wanted:
            # A CPU manager that finds the state of another policy or of other options refuses to start.
            (HOME / "cpu_manager_state").unlink(missing_ok=True)
            _CONFIG.write_text(wanted)
        _start()
    elif nodes.exists(HOST_NODE) and nodes.ready(HOST_NODE):
        return
    nodes.settle(HOST_NODE, ROLE, NAME)
    wait_until_it_serves()


def restart() -> None:
    """Restart the kubelet with its state and configuration kept, and wait until it serves again."""
    processes.stop(NAME)
    _start()
    wait_until_it_serves()


def set_strict_cpu_reservation(*, on: bool) -> None:
    """Turn ``strict-cpu-reservation`` on or off; the kubelet restarts with an empty CPU manager state."""
    now = json.loads(_CONFIG.read_text())
    socket = Path(now["containerRuntimeEndpoint"].removeprefix("unix://"))
    ensure(socket, systemd_cgroups=now["cgroupDriver"] == "systemd", strict=on)


def wait_until_it_serves() -> None:
    """Wait until the kubelet answers and knows its pods, so that an exec into one of them works."""
    processes.wait_until(
        "the host node's kubelet knows its pods",
        lambda: nodes.kubelet_knows_its_pods(HOST_NODE, HOST_KUBELET_PORT),
        _READY_TIMEOUT_SECONDS,
        process=NAME,
    )


def _start() -> None:
    processes.start(
        NAME,
        [
            str(binaries.KUBERNETES.ensure() / "kubelet"),
            f"--config={_CONFIG}",
            f"--kubeconfig={_kubeconfig()}",
            f"--root-dir={HOME}",
            f"--hostname-override={HOST_NODE}",
            "--cloud-provider=external",  # else the kubelet refuses a loopback node address
        ],
    )


def _kubeconfig() -> Path:
    return STATE / "host-kubelet.kubeconfig"
