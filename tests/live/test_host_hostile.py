"""On the host node: containers that attack who comes in. Nothing of the node is theirs, and every session ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.live import who
from tests.live.pods import container, pod

if TYPE_CHECKING:
    from pathlib import Path

    from tests.live.harness import Pods, Program
    from tests.live.pods import Pod

pytestmark = [pytest.mark.host_node, pytest.mark.usefixtures("nothing_left")]


@pytest.fixture(scope="module")
def attacker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program that attacks (tests/live/hostile.c)."""
    return who.compiled("hostile", tmp_path_factory.mktemp("hostile"))


@pytest.fixture(scope="module")
def hostile(shared_pods: Pods, kubectl: Program, host_node: str, attacker: Path) -> Pod:
    """A container that is root with the runtime's usual capabilities and CAP_SYS_PTRACE, and has the program."""
    security = {"capabilities": {"add": ["SYS_PTRACE"]}}
    made = shared_pods.start(pod("hostile", container(security=security), node=host_node))
    put = ("sh", "-c", "cat >/tmp/hostile; chmod 0755 /tmp/hostile")
    kubectl.ok("exec", "-i", made.name, "-n", made.namespace, "--", *put, stdin=attacker.read_bytes())
    return made


def test_devices_are_the_containers(nsexec: Program, kubectl: Program, hostile: Pod) -> None:
    """A device node of the container's own making opens for the command as it does for kubectl exec.

    The helper pod is privileged: what its cgroup allows would be the node's disks.
    """
    nodes = ("b 7 0", "c 1 11", "c 10 229", "c 10 237", "c 1 5", "c 1 9")
    tries = "; ".join(f"mknod /tmp/node {node}; /tmp/hostile open /tmp/node; rm /tmp/node" for node in nodes)
    look = (hostile.name, "-n", hostile.namespace, "--", "sh", "-c", f"{tries}; /tmp/hostile open /dev/null")
    assert nsexec.ok(*look) == kubectl.ok("exec", *look)
    assert nsexec.ok(hostile.name, "-n", hostile.namespace, "--", "/tmp/hostile", "open", "/dev/null") == (
        "read OPENED\nwrite OPENED\n"
    )
