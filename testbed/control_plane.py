"""etcd, API server, controller manager and scheduler, all of them on loopback; no root needed."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from testbed import binaries, pki, probe, processes
from testbed.errors import ClusterError
from testbed.paths import (
    API_ADDRESS_IN_VM,
    API_PORT,
    API_SERVER,
    CONTROLLER_MANAGER_PORT,
    ETCD_PEER_PORT,
    ETCD_PORT,
    KUBECONFIG,
    PKI,
    SCHEDULER_PORT,
    STATE,
)
from testbed.progress import say

ETCD: Final = "etcd"
API: Final = "kube-apiserver"
CONTROLLER_MANAGER: Final = "kube-controller-manager"
SCHEDULER: Final = "kube-scheduler"

_LOCAL: Final = "127.0.0.1"
_SERVICE_NETWORK: Final = "10.96.0.0/16"
_SERVICE_ADDRESS: Final = "10.96.0.1"
_START_TIMEOUT_SECONDS: Final = 90.0


def up() -> None:
    """Bring the control plane up; what runs already is left alone. Raises ClusterError with the log of what failed."""
    programs = binaries.KUBERNETES.ensure()
    _keys()
    began = not processes.alive(API)
    if began:
        say("starting the control plane (etcd, API server, controller manager, scheduler): about 10 s")
    processes.start(ETCD, _etcd())
    processes.start(API, _api_server(programs))
    processes.wait_until("the API server is ready", ready, _START_TIMEOUT_SECONDS, process=API)
    for name, port, more in (
        (CONTROLLER_MANAGER, CONTROLLER_MANAGER_PORT, _controller_manager()),
        (SCHEDULER, SCHEDULER_PORT, ()),
    ):
        processes.start(name, _client(programs, name, port, more))
    if began:
        say("the control plane is up")


def down() -> None:
    """End the control plane, clients first; its data stays in the state folder."""
    for name in (SCHEDULER, CONTROLLER_MANAGER, API, ETCD):
        processes.stop(name)


def ready() -> bool:
    """Whether the API server says that it is ready."""
    return probe.answers(f"{API_SERVER}/readyz")


def _keys() -> None:
    names = f"IP:{_LOCAL}", f"IP:{API_ADDRESS_IN_VM}", f"IP:{_SERVICE_ADDRESS}", "DNS:localhost", "DNS:kubernetes"
    pki.certificate("apiserver", "kube-apiserver", "testbed", names)
    pki.certificate("apiserver-kubelet-client", "apiserver-kubelet-client", "system:masters")
    pki.certificate("admin", "admin", "system:masters")
    pki.kubeconfig(KUBECONFIG, "admin", API_SERVER)
    for name in (CONTROLLER_MANAGER, SCHEDULER):
        pki.certificate(name, f"system:{name}", "testbed")
        pki.kubeconfig(_kubeconfig(name), name, API_SERVER)


def _kubeconfig(name: str) -> Path:
    return STATE / f"{name}.kubeconfig"


def _etcd() -> list[str]:
    program = shutil.which("etcd")
    if program is None:
        raise ClusterError("etcd is not installed: python3 -m testbed packages cluster")
    clients, peers = f"http://{_LOCAL}:{ETCD_PORT}", f"http://{_LOCAL}:{ETCD_PEER_PORT}"
    return [
        program,
        f"--data-dir={STATE / 'etcd'}",
        f"--listen-client-urls={clients}",
        f"--advertise-client-urls={clients}",
        f"--listen-peer-urls={peers}",
        f"--initial-advertise-peer-urls={peers}",
        f"--initial-cluster=default={peers}",
        "--unsafe-no-fsync",  # a test bed may lose its data in a power cut; a slow disk may not slow every test
    ]


def _api_server(programs: Path) -> list[str]:
    return [
        str(programs / API),
        f"--etcd-servers=http://{_LOCAL}:{ETCD_PORT}",
        f"--bind-address={_LOCAL}",
        f"--advertise-address={_LOCAL}",
        f"--secure-port={API_PORT}",
        "--endpoint-reconciler-type=none",  # a loopback address is no endpoint of the service "kubernetes"
        f"--service-cluster-ip-range={_SERVICE_NETWORK}",
        f"--client-ca-file={pki.CA_CRT}",
        f"--tls-cert-file={PKI / 'apiserver.crt'}",
        f"--tls-private-key-file={PKI / 'apiserver.key'}",
        f"--kubelet-client-certificate={PKI / 'apiserver-kubelet-client.crt'}",
        f"--kubelet-client-key={PKI / 'apiserver-kubelet-client.key'}",
        f"--kubelet-certificate-authority={pki.CA_CRT}",
        "--kubelet-preferred-address-types=InternalIP",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={pki.SERVICE_ACCOUNT_KEY}",
        f"--service-account-signing-key-file={pki.SERVICE_ACCOUNT_KEY}",
        "--authorization-mode=Node,RBAC",
        "--allow-privileged",
        "--enable-admission-plugins=NodeRestriction",
        "--runtime-config=api/all=true",  # admission policies of every version, for the tests that strip things
    ]


def _controller_manager() -> Sequence[str]:
    return (
        f"--service-account-private-key-file={pki.SERVICE_ACCOUNT_KEY}",
        f"--root-ca-file={pki.CA_CRT}",
        "--use-service-account-credentials",
    )


def _client(programs: Path, name: str, port: int, more: Sequence[str]) -> list[str]:
    kubeconfig = _kubeconfig(name)
    return [
        str(programs / name),
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        f"--bind-address={_LOCAL}",
        f"--secure-port={port}",
        "--leader-elect=false",
        *more,
    ]
