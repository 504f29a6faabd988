"""Who the command is: what ``kubectl exec`` reports, line by line, but for CPUs, cgroups and numbers of processes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from testbed import images
from tests.live.pods import container, pod

if TYPE_CHECKING:
    from tests.live.harness import Pods, Program
    from tests.live.pods import Pod

pytestmark = [pytest.mark.host_node, pytest.mark.usefixtures("nothing_left")]

REPORT = """
grep -vE '^(Name|Tgid|.*[Pp]id|NS.*|Ngid|Cpus_.*|Mems_.*|Vm.*|Rss.*|.*_ctxt_switches|Hugetlb.*|State|SigQ|THP.*):' \
    /proc/self/status
id
env
pwd
umask
ulimit -a
ulimit -Ha
for fd in 0 1 2 3 4 5 6 7 8 9 10; do [ ! -e /proc/$$/fd/$fd ] || echo "descriptor $fd"; [ ! -t $fd ] || echo tty; done
cat /proc/self/attr/current /proc/self/loginuid 2>/dev/null
for kind in cgroup ipc mnt net pid user uts; do readlink /proc/self/ns/$kind; done
"""

LONG_SLEEP = "exec sleep 100000"
WHO: dict[str, dict[str, Any]] = {
    "root": {},
    "root without capabilities": {"security": {"capabilities": {"drop": ["ALL"]}}},
    "root with more capabilities": {"security": {"capabilities": {"add": ["NET_ADMIN", "SYS_PTRACE"]}}},
    "user 1000": {"security": {"runAsUser": 1000}},
    "user 1000 with one capability and no new privileges": {
        "security": {
            "runAsUser": 1000,
            "runAsGroup": 2000,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]},
        }
    },
    "a user without a name": {"security": {"runAsUser": 54321, "runAsGroup": 54321}},
    "a read-only root filesystem": {"security": {"readOnlyRootFilesystem": True}},
    "a working directory and variables": {
        "workingDir": "/tmp",
        "env": [
            {"name": "LINES", "value": "one\ntwo = three\n"},
            {"name": "EMPTY", "value": ""},
            {"name": "QUOTES", "value": 'it\'s "$$(x)"'},
            {"name": "HOME", "value": "/elsewhere"},
        ],
    },
    "an init that changed its environment, directory and limits": {
        "command": [
            "sh",
            "-c",
            f"export LEAK=1 PATH=/nowhere; unset HOSTNAME; ulimit -n 64; umask 077; cd /; {LONG_SLEEP}",
        ]
    },
    "an init that gave up its rights": {"command": ["su", "worker", "-s", "/bin/sh", "-c", LONG_SLEEP]},
    "privileged": {"security": {"privileged": True}},
}


@pytest.fixture(scope="module")
def everybody(shared_pods: Pods, host_node: str) -> Pod:
    """One pod with a container for each of them, named c0, c1 and so on."""
    containers = [
        container(name=f"c{number}", **({"command": ["sh", "-c", LONG_SLEEP]} | options))
        for number, options in enumerate(WHO.values())
    ]
    return shared_pods.start(pod("everybody", *containers, node=host_node))


@pytest.mark.parametrize("who", WHO)
def test_the_command_is_who_kubectl_exec_would_have_made_it(
    kubectl: Program, nsexec: Program, everybody: Pod, who: str
) -> None:
    """Ids, groups, capability sets, no_new_privs, environment, directory, umask, limits, descriptors, namespaces."""
    _compare(kubectl, nsexec, everybody, container=f"c{list(WHO).index(who)}")


def test_groups_of_the_pod_are_kept(kubectl: Program, nsexec: Program, pods: Pods, host_node: str) -> None:
    """FsGroup and supplementalGroups decide on file access, and are the first thing that nsenter loses."""
    security = {"runAsUser": 1000, "runAsGroup": 1000, "fsGroup": 3000, "supplementalGroups": [4000, 5000]}
    target = pods.start(pod("groups", container(), node=host_node, securityContext=security))
    assert re.search(r"groups=.*3000.*4000.*5000", _compare(kubectl, nsexec, target))


@pytest.mark.parametrize("shared", ["hostPID", "shareProcessNamespace"])
def test_a_target_that_shares_processes_is_entered(
    kubectl: Program, nsexec: Program, pods: Pods, host_node: str, shared: str
) -> None:
    """With hostPID or a pod-wide PID namespace its init is not process 1, and is found all the same."""
    target = pods.start(pod("sharing", container(), node=host_node, **{shared: True}))
    _compare(kubectl, nsexec, target)


def test_a_hostile_image_has_no_say(kubectl: Program, nsexec: Program, pods: Pods, host_node: str) -> None:
    """LD_PRELOAD, PATH, IFS, ENV and false tools of the image reach neither the helper nor what the command is."""
    target = pods.start(pod("hostile", container(images.HOSTILE), node=host_node))
    _compare(kubectl, nsexec, target)


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


def _compare(kubectl: Program, nsexec: Program, target: Pod, container: str = "main") -> str:
    """Both reports, which must be equal; returns ours."""
    where = (target.name, "-n", target.namespace, "-c", container, "--", "/bin/sh", "-c", REPORT)
    theirs = kubectl.ok("exec", *where)
    done = nsexec(*where)
    assert done.stderr == ""
    assert done.text.splitlines() == theirs.splitlines()
    return done.text
