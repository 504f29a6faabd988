"""The real-time node: a virtual machine whose kubelet joins the control plane on this machine's loopback."""

import shutil
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Final

from testbed import (
    binaries,
    control_plane,
    images,
    nodes,
    processes,
    rt_accelerator,
    rt_config,
    rt_crio,
    rt_disk,
    rt_payload,
    rt_runtime,
    rt_vm,
)
from testbed.paths import RT_KUBELET_HEALTH_PORT, RT_NODE
from testbed.progress import long_step, say

_JOIN_SECONDS: Final = 300.0
_OTHER: Final = rt_vm.FOLDER / "other-cpu-manager"
"""There while the kubelet's CPU manager is not as usual, so that an interrupted test does not leave it so."""


def up() -> None:
    """Bring the node up and wait until it is Ready; a second call finds it running and only checks.

    The control plane has to be up. The environment decides: RT_DISTRO is the node's Debian, RUNTIME its container
    runtime (see :mod:`testbed.rt_runtime`). Raises ClusterError that says what was waited for in vain.
    """
    public_key = rt_vm.ensure_key()
    kubelet = binaries.KUBERNETES.ensure() / "kubelet"
    disk = rt_disk.ensure()
    digest_file = rt_vm.FOLDER / "digest"
    payload, digest = rt_payload.write(rt_vm.FOLDER, kubelet, _runtime(), _images(), images.PAUSE, public_key)
    wanted = f"{digest} {rt_vm.command(disk, payload, rt_accelerator.SOFTWARE)}"
    known = digest_file.read_text(encoding="utf-8") if digest_file.exists() else ""
    if rt_vm.running() and known != wanted:
        say("real-time node: its disk, its payload or its command line changed, starting it anew")
        rt_vm.stop()
    elif rt_vm.running() and not rt_vm.answers():
        say("real-time node: it does not answer (a starving kubectl exec hangs it, see rt_valve.py), starting it anew")
        rt_vm.stop()
    fresh = not rt_vm.running()
    if fresh:
        # Whatever the API server still knows of an earlier life would be taken for the new one's.
        _forget()
        _OTHER.unlink(missing_ok=True)
        digest_file.write_text(wanted, encoding="utf-8")
    rt_vm.start(disk, payload)
    if fresh and rt_runtime.chosen() == rt_runtime.CRIO:
        rt_crio.begin()
    if _OTHER.exists():
        set_cpu_manager()
    with long_step("real-time node: joining the cluster", 1) if fresh else nullcontext():
        _join()


def down() -> None:
    """End the machine and delete the node and its pods, when there is an API server to ask; nothing is left."""
    rt_vm.stop()
    _forget()
    for name in ("digest", _OTHER.name, "payload.tar", "ssh.sock"):
        (rt_vm.FOLDER / name).unlink(missing_ok=True)


def clean() -> None:
    """Forget what :func:`down` keeps for the next start: key and kubeconfig."""
    shutil.rmtree(rt_vm.FOLDER, ignore_errors=True)


def restart_kubelet() -> None:
    """Restart the kubelet and wait until it serves again and the node is Ready."""
    rt_vm.ssh(["systemctl", "restart", "kubelet"])
    _wait_ready()


def set_cpu_manager(**settings: Any) -> None:  # noqa: ANN401 - see rt_payload.kubelet_config
    """Give the kubelet another CPU manager, or (without arguments) its usual one; it is restarted with an empty state.

    A CPU manager that finds the state of another policy or of other options refuses to start: the file has to go
    (https://kubernetes.io/docs/tasks/administer-cluster/cpu-management-policies/).
    """
    config = rt_payload.kubelet_config(**settings)
    usual = config == rt_payload.kubelet_config()
    if not usual:
        _OTHER.touch()
    rt_vm.ssh(["systemctl", "stop", "kubelet"])
    rt_vm.ssh(["rm", "-f", "/var/lib/kubelet/cpu_manager_state"])
    rt_vm.ssh(["tee", f"/{rt_payload.KUBELET_CONFIG}"], stdin=config.encode())
    rt_vm.ssh(["systemctl", "start", "kubelet"])
    _wait_ready()
    if usual:
        _OTHER.unlink(missing_ok=True)


def _runtime() -> list[Path]:
    if not rt_runtime.compiled():
        return []
    folder = binaries.RUNTIME.ensure()
    left = {"runc"} - {rt_config.distribution().oci_runtime}
    return [folder / program for program in binaries.RUNTIME.programs if program not in left]


def _images() -> dict[str, bytes]:
    if rt_runtime.chosen() == rt_runtime.CRIO:  # it is given one after the other
        return {archive.name: archive.read_bytes() for archive in images.ensure().values()}
    return {"all.tar": images.together()}


def _join() -> None:
    rt_vm.ssh(["systemctl", "start", "images.service"])  # or wait for its end, or say that it has failed
    _wait("the real-time node's kubelet registers", lambda: nodes.exists(RT_NODE))
    nodes.settle(RT_NODE, "worker-rt", rt_vm.NAME)
    _wait_ready()


def _wait_ready() -> None:
    # The condition may be the one from before a restart; the kubelet's own health port knows only the present.
    _wait("the real-time node's kubelet serves", _serves)
    _wait("the real-time node is Ready", lambda: nodes.ready(RT_NODE))


def _serves() -> bool:
    # Asked from inside: the API server's node proxy refuses loopback addresses.
    ask = f"exec 3<>/dev/tcp/127.0.0.1/{RT_KUBELET_HEALTH_PORT}; printf 'GET /healthz HTTP/1.0\\r\\n\\r\\n' >&3"
    return rt_vm.ssh(["bash", "-c", f"{ask}; grep -q '200 OK' <&3"], check=False).returncode == 0


def _wait(what: str, condition: Callable[[], bool]) -> None:
    def ask_now_and_then() -> bool:
        # Every question is a process here and work for an emulated CPU there: one a second is enough.
        if condition():
            return True
        time.sleep(1)
        return False

    processes.wait_until(what, ask_now_and_then, _JOIN_SECONDS, process=rt_vm.NAME)


def _forget() -> None:
    if control_plane.ready():
        nodes.forget(RT_NODE)
