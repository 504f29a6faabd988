"""A device that is opened in the container's cgroup after its start, as hooks and hot-plugs do, is the command's too.

On both nodes: cgroup v1, where the kernel lists the rules, and cgroup v2, where programs decide.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.live import nodes
from tests.live.pods import NOT_BY_SELINUX, container, pod

if TYPE_CHECKING:
    from tests.live.harness import Pods, Program
    from tests.live.nodes import Node
    from tests.live.pods import Pod

NUMBERS = (60, 1)
"""For local and experimental use (devices.txt): nobody's, so an open that is allowed finds no device."""
OPEN = f"[ -e /tmp/device ] || mknod /tmp/device c {NUMBERS[0]} {NUMBERS[1]}; : </tmp/device"
DENIED, ALLOWED = "Operation not permitted", "No such device or address"
EVERY_DEVICE = Path(__file__).with_name("every_device.py").read_text()


@pytest.fixture(scope="module", params=nodes.BOTH)
def node(request: pytest.FixtureRequest) -> Node:
    """Where the pod is."""
    where: Node = request.param
    return where


@pytest.fixture(scope="module")
def target(shared_pods: Pods, node: Node) -> Pod:
    """A pod that may make nodes of devices, which not every runtime lets an ordinary one do, nor SELinux."""
    security = {"capabilities": {"add": ["MKNOD"]}, **NOT_BY_SELINUX}
    return shared_pods.start(pod(f"devices-{node.name}", container(security=security), node=node.name))


def _open_it(node: Node, target: Pod) -> None:
    """Allow the device in the container's own cgroup."""
    lines = node.inside(
        # CRI-O's conmon is in a folder of the container's name, but not in the container's.
        f"cat $(grep -l {target.container_id} /proc/[0-9]*/cgroup 2>/dev/null | xargs grep -L conmon | head -n 1)"
    ).splitlines()
    paths = {words[1]: words[2] for words in (line.split(":", 2) for line in lines)}
    if "devices" in paths:
        rule = "c {}:{} rw".format(*NUMBERS)
        node.inside(f"echo '{rule}' >/sys/fs/cgroup/devices{paths['devices']}/devices.allow")
    else:
        own = paths[""]  # crun has the processes in a folder of its own below the scope, and rules for both
        for folder in sorted({own, own.removesuffix("/container")}):
            node.inside(f"python3 - /sys/fs/cgroup{folder} <<'END'\n{EVERY_DEVICE}\nEND")


@pytest.mark.kernel
def test_a_device_opened_after_the_start_is_the_commands_as_well(
    nsexec: Program, kubectl: Program, node: Node, target: Pod
) -> None:
    """Denied to both before, and to neither after; the helper that is kept looks anew for each command."""
    kept = dataclasses.replace(nsexec, environment={**nsexec.environment, "NSEXEC_KEEP": "10m"})
    words = [target.name, "-n", target.namespace, "--", "sh", "-c", OPEN]
    for program in (lambda *given: kubectl("exec", *given), kept):
        assert DENIED in program(*words).stderr
    _open_it(node, target)
    for program in (lambda *given: kubectl("exec", *given), kept):
        assert ALLOWED in program(*words).stderr
