"""The host node: a kubelet as root on this machine's own kernel, for speed. What it changes here is given back."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

from testbed import containerd, control_plane, crds, crio, host_kubelet, machine, nodes, processes
from testbed.errors import ClusterError
from testbed.paths import HOST_NODE, RUN, STATE
from testbed.progress import say

_RUNTIME_USED: Final = STATE / "host-runtime"
_DRAIN_TIMEOUT_SECONDS: Final = 20.0


class Runtime(Protocol):
    """What the modules :mod:`testbed.containerd` and :mod:`testbed.crio` offer."""

    NAME: str
    """Of its process, in ``processes``."""

    def up(self, *, systemd_cgroups: bool) -> Path:
        """Start it unless it runs, with the test images in it; return its socket."""

    def idle(self) -> bool:
        """Whether no container of ours is left."""

    def down(self) -> None:
        """End it and everything that it left behind."""

    def load(self, archive: Path) -> None:
        """Import the image of an archive (OCI image layout). Raises ClusterError."""

    def forget(self, image: str) -> None:
        """Remove the image, if it was pulled or imported. Raises ClusterError."""


_RUNTIMES: Final[dict[str, Runtime]] = {"containerd": containerd, "crio": crio}


def up() -> None:
    """Bring the node up and wait until it is Ready; what runs already is left alone unless its configuration changed.

    The environment decides: RUNTIME=crio takes an installed CRI-O, STRICT=1 turns strict-cpu-reservation on.
    Raises ClusterError when this machine may not be used for it.
    """
    refuse_if_not_allowed()
    name = os.environ.get("RUNTIME") or "containerd"
    if name not in _RUNTIMES:
        raise ClusterError(f"RUNTIME={name}: there are {' and '.join(_RUNTIMES)}")
    used = _runtime_used()
    if used not in {None, name}:
        say(f"the host node runs {used}, ending it first")
        down()
    if not processes.alive(host_kubelet.NAME):
        say("the host node changes these things on this machine:")
        for line in machine.will_touch():
            say(f"  {line}")
        say("starting the host node: about 10 s")
    machine.remember()
    machine.share_mounts()
    systemd = Path("/run/systemd/system").is_dir()
    _RUNTIME_USED.write_text(name)
    socket = _RUNTIMES[name].up(systemd_cgroups=systemd)
    host_kubelet.ensure(socket, systemd_cgroups=systemd, strict=bool(os.environ.get("STRICT")))
    crds.ensure(
        crds.profile(host_kubelet.ROLE, reserved=host_kubelet.RESERVED, isolated=host_kubelet.isolated()),
    )


def down() -> None:
    """Delete the node's pods, end kubelet and runtime, and give the machine back as it was.

    Raises ClusterError that lists what could not be removed.
    """
    used = _runtime_used()
    if used is None:
        return  # there is no host node of this checkout; the sockets in RUN would be another one's
    if os.geteuid() != 0:
        raise ClusterError("the host node was brought up by root, and ending it needs root too")
    runtime = _RUNTIMES[used]
    known = control_plane.ready()
    if known:
        nodes.delete_pods(HOST_NODE)
    if processes.alive(host_kubelet.NAME):
        with suppress(ClusterError):  # what the kubelet does not manage in time is killed below
            processes.wait_until("the pods end", runtime.idle, _DRAIN_TIMEOUT_SECONDS, process=host_kubelet.NAME)
    processes.stop(host_kubelet.NAME)
    runtime.down()
    if known:
        nodes.delete(HOST_NODE)
    namespaces = list(Path("/run/netns").glob("cni-*"))
    machine.unmount_below(STATE, RUN, *namespaces)
    for namespace in namespaces:
        namespace.unlink(missing_ok=True)
    for folder in (host_kubelet.HOME, RUN):
        machine.remove_tree(folder)
    left = machine.give_back()
    if left:
        raise ClusterError("the host node has ended, but this is left:\n  " + "\n  ".join(left))
    _RUNTIME_USED.unlink(missing_ok=True)


def runtime() -> Runtime:
    """Return the runtime that the node runs. Raises ClusterError when there is no node."""
    used = _runtime_used()
    if used is None:
        raise ClusterError("there is no host node; bring it up by `make cluster NODE=host`")
    return _RUNTIMES[used]


def running() -> bool:
    """Whether the node's kubelet runs."""
    return processes.alive(host_kubelet.NAME)


def refuse_if_not_allowed() -> None:
    """Raise ClusterError unless we are root and the user (or CI=true) says that the machine may be spoilt."""
    if os.geteuid() != 0:
        raise ClusterError("the host node is a kubelet on this machine and needs root; `make cluster` needs none")
    if os.environ.get("I_MAY_SPOIL_THIS_MACHINE") != "1" and os.environ.get("CI") != "true":
        touched = "\n  ".join(machine.will_touch())
        raise ClusterError(
            f"the host node is a kubelet as root on this machine. It changes\n  {touched}\n"
            "If that is fine here: I_MAY_SPOIL_THIS_MACHINE=1 make cluster NODE=host; `make cluster` touches nothing"
        )


def _runtime_used() -> str | None:
    return _RUNTIME_USED.read_text().strip() if _RUNTIME_USED.exists() else None
