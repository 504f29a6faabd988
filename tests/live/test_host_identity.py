"""Who the command is: what ``kubectl exec`` reports, line by line, but for CPUs, cgroups and numbers of processes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from testbed import host_kubelet, images
from tests.live import who
from tests.live.pods import container, pod

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.live.harness import Pods, Program
    from tests.live.pods import Pod

pytestmark = [pytest.mark.host_node, pytest.mark.usefixtures("nothing_left")]


@pytest.fixture(scope="module")
def profile() -> Iterator[None]:
    """A seccomp profile on the node, as an administrator puts it there."""
    file = host_kubelet.HOME / "seccomp" / who.LOCALHOST_PROFILE
    file.parent.mkdir(exist_ok=True)
    file.write_text(who.profile_text())
    yield
    file.unlink()


@pytest.fixture(scope="module")
def everybody(shared_pods: Pods, kubectl: Program, probe: Path, host_node: str, profile: None) -> Pod:
    """One pod with a container for each of them."""
    assert profile is None
    return who.everybody(shared_pods, kubectl, probe, host_node)


@pytest.fixture(scope="module")
def apart(shared_pods: Pods, kubectl: Program, probe: Path, host_node: str, profile: None) -> Pod:
    """The same in a user namespace of the pod's own, with groups."""
    assert profile is None
    spec: dict[str, Any] = {"hostUsers": False, "securityContext": who.GROUPS}
    return who.everybody(shared_pods, kubectl, probe, host_node, name="apart", **spec)


@pytest.mark.parametrize("kind", who.WHO)
def test_the_command_is_who_kubectl_exec_would_have_made_it(
    kubectl: Program, nsexec: Program, everybody: Pod, kind: str
) -> None:
    """Ids, groups, capability sets, no_new_privs, environment, directory, umask, limits, descriptors, namespaces.

    And the answers to some 90 system calls, which show the seccomp filter.
    """
    assert "number 900" in who.compare(kubectl, nsexec, everybody, who.name_of(kind))


@pytest.mark.parametrize("kind", who.WHO)
def test_in_a_user_namespace_the_command_is_who_kubectl_exec_would_have_made_it(
    kubectl: Program, nsexec: Program, apart: Pod, kind: str
) -> None:
    """Ids and rights are those of the pod's own namespace (``hostUsers: false``)."""
    report = who.compare(kubectl, nsexec, apart, who.name_of(kind))
    assert re.search(r"^ +0 +[1-9]\d+ +65536$", report, re.MULTILINE)
    assert "number 900" in report


@pytest.mark.parametrize("kind", ["root", "root with more capabilities", "user 1000", "a user without a name"])
@pytest.mark.parametrize("users", ["everybody", "apart"])
def test_with_a_terminal_the_command_is_the_same(
    kubectl: Program, nsexec: Program, request: pytest.FixtureRequest, users: str, kind: str
) -> None:
    """And the terminal is the user's, of the container's own /dev/pts, in a user namespace too."""
    report = who.compare_on_terminals(kubectl, nsexec, request.getfixturevalue(users), who.name_of(kind))
    assert "\r\n/dev/pts/N\r\n" in report


@pytest.mark.parametrize("users", ["everybody", "apart"])
def test_a_sidecar_is_entered(kubectl: Program, nsexec: Program, request: pytest.FixtureRequest, users: str) -> None:
    """An init container that stays."""
    who.compare(kubectl, nsexec, request.getfixturevalue(users), who.SIDECAR)


@pytest.mark.parametrize("host_users", [True, False])
def test_an_ephemeral_container_is_entered(
    kubectl: Program, nsexec: Program, pods: Pods, host_node: str, *, host_users: bool
) -> None:
    """One that `kubectl debug` has added."""
    target = pods.start(pod("debugged", container(), node=host_node, hostUsers=host_users))
    who.compare(kubectl, nsexec, target, who.add_debugger(kubectl, target))


def test_a_target_on_the_nodes_network_is_entered(
    kubectl: Program, nsexec: Program, pods: Pods, host_node: str
) -> None:
    """With hostNetwork there is one namespace less to join."""
    who.compare(kubectl, nsexec, pods.start(pod("network", container(), node=host_node, hostNetwork=True)))


def test_groups_of_the_pod_are_kept(kubectl: Program, nsexec: Program, pods: Pods, host_node: str) -> None:
    """FsGroup and supplementalGroups."""
    security = {"runAsUser": 1000, "runAsGroup": 1000, **who.GROUPS}
    target = pods.start(pod("groups", container(), node=host_node, securityContext=security))
    assert re.search(r"groups=.*3000.*4000.*5000", who.compare(kubectl, nsexec, target))


@pytest.mark.parametrize("shared", ["hostPID", "shareProcessNamespace"])
def test_a_target_that_shares_processes_is_entered(
    kubectl: Program, nsexec: Program, pods: Pods, host_node: str, shared: str
) -> None:
    """With hostPID or a pod-wide PID namespace its init is not process 1, and is found all the same."""
    target = pods.start(pod("sharing", container(), node=host_node, **{shared: True}))
    who.compare(kubectl, nsexec, target)


def test_a_hostile_image_has_no_say(kubectl: Program, nsexec: Program, pods: Pods, host_node: str) -> None:
    """LD_PRELOAD, PATH, IFS, ENV and false tools of the image reach neither the helper nor what the command is."""
    target = pods.start(pod("hostile", container(images.HOSTILE), node=host_node))
    who.compare(kubectl, nsexec, target)


def test_a_target_in_a_restricted_namespace_is_entered(
    kubectl: Program, nsexec: Program, pods: Pods, host_node: str
) -> None:
    """Pod Security "restricted" where the target lives says nothing about the helper, which lives elsewhere."""
    kubectl.ok("label", "namespace", pods.namespace, "pod-security.kubernetes.io/enforce=restricted")
    try:
        security = {
            "runAsNonRoot": True,
            "runAsUser": 1000,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        }
        target = pods.start(pod("restricted", container(security=security), node=host_node))
        where = (target.name, "-n", target.namespace, "--", "id")
        assert nsexec(*where).text == kubectl.ok("exec", *where)
    finally:
        kubectl.ok("label", "namespace", pods.namespace, "pod-security.kubernetes.io/enforce-")


def test_a_distroless_target_is_entered(kubectl: Program, nsexec: Program, pods: Pods, host_node: str) -> None:
    """One static program is all that there is, and it runs."""
    target = pods.start(pod("distroless", container(images.EMPTY), node=host_node))
    done = nsexec(target.name, "-n", target.namespace, "--", "/busybox", "ls", "-A", "/")
    assert done.text == kubectl.ok("exec", "-n", target.namespace, target.name, "--", "/busybox", "ls", "-A", "/")
    assert "busybox" in done.text
