"""On the host node: whatever ends client, container or kubelet, CMD stays in its place and nothing is left."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from testbed import host_kubelet
from tests.live.pods import container, guaranteed, pod
from tests.live.processes import within
from tests.live.sessions import Session, folders

if TYPE_CHECKING:
    from tests.live.api import Api
    from tests.live.harness import Pods, Program
    from tests.live.pods import Pod

pytestmark = [pytest.mark.host_node, pytest.mark.alone]

_GONE_WITHIN_SECONDS: Final = 10.0
_RESERVED: Final = "0"
_OWN_FAILURE: Final = 125


@pytest.fixture
def target(pods: Pods, host_node: str) -> Pod:
    """A pod that owns the isolated CPU."""
    return pods.start(guaranteed("target", node=host_node))


def test_the_end_of_the_container_is_told_and_leaves_nothing(
    api: Api, kubectl: Program, session: Session, target: Pod, helpers: str
) -> None:
    """The kernel kills the command with its PID namespace; we tell it as any other that was killed, and clear up."""
    kubectl.ok("delete", "pod", "-n", target.namespace, target.name, "--grace-period=1", "--timeout=300s")
    _, errors = session.client.communicate(timeout=30)
    assert (session.client.returncode, errors.decode()) == (137, "command terminated with exit code 137\n")
    assert within(_GONE_WITHIN_SECONDS, lambda: not api.alive(helpers) and not folders(api, *session.namespaces))


def test_kubelet_restart_ends_the_command_in_its_place(session: Session) -> None:
    """Every stream runs through the kubelet: its restart ends the lease, and the command never leaves its CPUs."""
    assert session.hello.split() == ["Cpus_allowed_list:", _RESERVED]
    host_kubelet.restart()
    assert session.client.wait(timeout=30) == _OWN_FAILURE
    assert session.client.stderr is not None
    assert session.client.stderr.read()
    assert within(_GONE_WITHIN_SECONDS, lambda: not session.pids())


def test_strict_reservation_is_no_obstacle(nsexec: Program, target: Pod, helpers: str) -> None:
    """With strict-cpu-reservation no container may use the reserved CPUs, but the command does."""
    host_kubelet.set_strict_cpu_reservation(on=True)
    try:
        session = Session(nsexec, target, helpers)
        try:
            assert session.mask() == _RESERVED
        finally:
            session.close()
    finally:
        host_kubelet.set_strict_cpu_reservation(on=False)


def test_restarted_container_is_never_mistaken(kubectl: Program, nsexec: Program, pods: Pods, host_node: str) -> None:
    """A container that restarts while the helper starts: the command runs in the new one, or a clear error says why."""
    start = "cat /proc/sys/kernel/random/uuid >/tmp/life; trap 'exit 0' TERM; while :; do sleep 1 & wait $!; done"
    target = pods.start(pod("restarting", container(command=("sh", "-c", start)), node=host_node))
    look = ("--", "cat", "/tmp/life")
    first = kubectl.ok("exec", target.name, "-n", target.namespace, *look)
    client = nsexec.start(target.name, "-n", target.namespace, "--cpus", _RESERVED, *look)
    # The end of the container may overtake the answer of the one that ended it.
    assert kubectl("exec", target.name, "-n", target.namespace, "--", "kill", "1").status in (0, 128 + signal.SIGKILL)
    stdout, stderr = client.communicate(timeout=90)
    if client.returncode == 0:
        kubectl.ok("wait", "-n", target.namespace, "--for=condition=Ready", f"pod/{target.name}", "--timeout=300s")
        assert stdout.decode() in {first, kubectl.ok("exec", target.name, "-n", target.namespace, *look)}
    else:
        assert stdout == b""
        assert stderr


def test_shim_is_never_entered(nsexec: Program, kubectl: Program, pods: Pods, host_node: str) -> None:
    """A target in the host's PID namespace is entered by its own first process, not by its shim or the host's."""
    target = pods.start(pod("hostpid", container(cpus=1), node=host_node, hostPID=True))
    script = "readlink /proc/self/ns/mnt; readlink /proc/self/ns/pid"
    look = (target.name, "-n", target.namespace, "--", "sh", "-c", script)
    mount, _, pid = nsexec.ok(*look).partition("\n")
    assert mount + "\n" + pid == kubectl.ok("exec", *look)
    assert mount != str(Path("/proc/self/ns/mnt").readlink())  # ours is the host's
