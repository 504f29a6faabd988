"""On the real-time node as well (cgroup v2, systemd, AppArmor): who the command is, as test_host_identity.py has it.

The machine is emulated, so the table is gone through in one helper that is kept, and what goes together is one pod.
"""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.live import nodes, rt, rt_ways, who
from tests.live.pods import container, pod

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.live.harness import Pods, Program
    from tests.live.pods import Pod

pytestmark = pytest.mark.rt_node

_FILE = f"/var/lib/kubelet/seccomp/{who.LOCALHOST_PROFILE}"
_NO_NEW_PRIVILEGES = "user 1000 with one capability and no new privileges"
_APART = [
    "root",
    "root without capabilities",
    "root with more capabilities",
    _NO_NEW_PRIVILEGES,
    "root under the runtime's seccomp profile",
    "root with SYS_ADMIN under the runtime's profile",
    "a seccomp profile of the node's",
    "a read-only root filesystem",
    "privileged",
]
"""Those whose rights or mounts another kernel might give otherwise in a user namespace; the host node has them all."""
_OWN_USERS = re.compile(r"^ +0 +[1-9]\d+ +65536$", re.MULTILINE)


@pytest.fixture(scope="module")
def profile(rt_node: str) -> Iterator[None]:
    """A seccomp profile on the node, as an administrator puts it there."""
    assert rt_node
    rt.inside(f"mkdir -p /var/lib/kubelet/seccomp && echo '{who.profile_text()}' >{_FILE}")
    yield
    rt.inside(f"rm {_FILE}")


@pytest.fixture(scope="module")
def everybody(shared_pods: Pods, kubectl: Program, probe: Path, rt_node: str, profile: None) -> Pod:
    """One pod, with groups, with a container for each of them."""
    assert profile is None
    return who.everybody(shared_pods, kubectl, probe, rt_node, securityContext=who.GROUPS)


@pytest.fixture(scope="module")
def apart(shared_pods: Pods, kubectl: Program, probe: Path, rt_node: str, profile: None) -> Pod:
    """The same in a user namespace of the pod's own, for those of _APART."""
    assert profile is None
    nodes.needs_user_namespaces(nodes.RT)
    spec: dict[str, Any] = {"hostUsers": False, "securityContext": who.GROUPS}
    return who.everybody(shared_pods, kubectl, probe, rt_node, name="apart", kinds=_APART, **spec)


@pytest.fixture
def kept(nsexec: Program) -> Program:
    """``oc nsexec`` in a helper that is there already."""
    return dataclasses.replace(nsexec, environment={**nsexec.environment, "NSEXEC_KEEP": "10m"})


@pytest.mark.kernel
@pytest.mark.parametrize("kind", who.WHO)
def test_the_command_is_who_kubectl_exec_would_have_made_it(
    kubectl: Program, kept: Program, everybody: Pod, kind: str
) -> None:
    """Line by line, system calls included; fsGroup and supplementalGroups too."""
    report = who.compare(kubectl, kept, everybody, who.name_of(kind))
    assert re.search(r"^uid=.*groups=.*3000.*4000.*5000", report, re.MULTILINE)
    assert "number 900" in report


@pytest.mark.selinux
@pytest.mark.parametrize("kind", _APART)
def test_in_a_user_namespace_the_command_is_who_kubectl_exec_would_have_made_it(
    kubectl: Program, kept: Program, apart: Pod, kind: str
) -> None:
    """Ids and rights are those of the pod's own namespace (``hostUsers: false``)."""
    report = who.compare(kubectl, kept, apart, who.name_of(kind))
    assert _OWN_USERS.search(report)
    assert "number 900" in report


@pytest.mark.kernel
@pytest.mark.apparmor
@pytest.mark.parametrize("kind", ["root", _NO_NEW_PRIVILEGES])
def test_signals_go_both_ways_as_with_kubectl_exec(kubectl: Program, kept: Program, everybody: Pod, kind: str) -> None:
    """To the container's first process, and from another of its processes.

    AppArmor asks the labels of both. With no_new_privs they are crun's stacks of two, which containerd's profile knows
    nothing of: there kubectl exec has "Permission denied", too.
    """
    where = (everybody.name, "-n", everybody.namespace, "-c", who.name_of(kind), "--")

    def statuses(*words: str, program: Program) -> tuple[str, int]:
        script = "kill -CONT 1 2>/dev/null; echo $? $$; exec sleep 100000"
        with program.start(*words, *where, "sh", "-c", script) as command:
            assert command.stdout is not None
            sent, pid = command.stdout.readline().decode().split()
            received = kubectl("exec", *where, "sh", "-c", f"kill -TERM {pid} 2>/dev/null").status
            command.kill()
        return sent, received

    ours = statuses(program=kept)
    assert ours == statuses("exec", program=kubectl)
    assert ours == ("0", 0) or kind != "root"


@pytest.mark.parametrize("users", ["everybody", "apart"])
def test_a_sidecar_is_entered_and_a_terminal_is_its_own(
    kubectl: Program, kept: Program, request: pytest.FixtureRequest, users: str
) -> None:
    """An init container that stays."""
    report = who.compare_on_terminals(kubectl, kept, request.getfixturevalue(users), who.SIDECAR)
    assert "\r\n/dev/pts/N\r\n" in report


def test_a_user_namespace_goes_with_volumes_in_memory(
    kubectl: Program, kept: Program, pods: Pods, rt_node: str
) -> None:
    """The kernel maps the ids of tmpfs from Linux 6.3 on: such a volume belongs to the container's own root."""
    nodes.needs_user_namespaces(nodes.RT)
    nodes.needs_mapped_tmpfs(nodes.RT)
    own = container(volumeMounts=[{"name": "memory", "mountPath": "/memory"}])
    volumes = [{"name": "memory", "emptyDir": {"medium": "Memory"}}]
    target = pods.start(pod("memory", own, node=rt_node, hostUsers=False, volumes=volumes))
    who.compare(kubectl, kept, target)
    where = (target.name, "-n", target.namespace, "--", "sh", "-c")
    assert kept.ok(*where, "echo ours >/memory/file && stat -c '%u %g' /memory /memory/file") == "0 0\n0 0\n"


@pytest.mark.usefixtures("only_sessions")
def test_by_ssh_the_command_is_the_same(kubectl: Program, nsexec: Program, apart: Pod) -> None:
    """In a user namespace, without a helper pod."""
    who.compare(kubectl, rt_ways.by_ssh(nsexec), apart, who.name_of(_NO_NEW_PRIVILEGES), by_runtime=False)


def test_a_target_in_the_nodes_network_and_processes_is_entered(
    kubectl: Program, nsexec: Program, pods: Pods, rt_node: str
) -> None:
    """With hostNetwork and hostPID there are two namespaces less to join, and its init is not process 1."""
    target = pods.start(pod("nodes", container(), node=rt_node, hostNetwork=True, hostPID=True))
    who.compare(kubectl, nsexec, target)


@pytest.mark.kernel
def test_an_ephemeral_container_and_shared_processes_are_entered(
    kubectl: Program, kept: Program, pods: Pods, rt_node: str
) -> None:
    """One that `kubectl debug` has added to a pod whose containers share their PID namespace."""
    target = pods.start(pod("debugged", container(), node=rt_node, shareProcessNamespace=True))
    who.compare(kubectl, kept, target, who.add_debugger(kubectl, target))
    who.compare(kubectl, kept, target)
