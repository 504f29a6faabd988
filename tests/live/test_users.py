"""A pod with a user namespace of its own (hostUsers: false): checked, entered for more power, refused in doubt.

On both nodes: cgroup v1, and cgroup v2 with systemd.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from tests.live import nodes
from tests.live.pods import NOT_BY_SELINUX, container, pod

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.live.harness import Finished, Pods, Program
    from tests.live.nodes import Node
    from tests.live.pods import Pod

    Run = Callable[..., Finished]

NESTED = "unshare -U tail -f /dev/null & exec sleep 100000"
USERS = "readlink /proc/self/ns/user; cat /proc/self/uid_map /proc/self/gid_map; id -u; id -g"
RIGHTS = "grep -E '^(Cap|Groups|NoNewPrivs|Seccomp:)' /proc/self/status"


@pytest.fixture(scope="module", params=nodes.BOTH)
def node(request: pytest.FixtureRequest) -> Node:
    """Where the pods are."""
    where: Node = request.param
    nodes.needs_user_namespaces(where)
    return where


@pytest.fixture(scope="module")
def target(shared_pods: Pods, node: Node) -> Pod:
    """One whose container has a process in yet another user namespace beside its first one."""
    own = container(command=["sh", "-c", NESTED], security=NOT_BY_SELINUX)
    return shared_pods.start(pod("users", own, node=node.name, hostUsers=False, securityContext={"fsGroup": 3000}))


@pytest.fixture
def program(nsexec: Program, node: Node, request: pytest.FixtureRequest) -> Program:
    """``oc nsexec``, which leaves nothing, or where that takes long its helper for the next command."""
    if node.emulated:
        return dataclasses.replace(nsexec, environment={**nsexec.environment, "NSEXEC_KEEP": "10m"})
    request.getfixturevalue("nothing_left")
    return nsexec


@pytest.fixture
def run(program: Program, target: Pod) -> Run:
    """``oc nsexec`` into the pod's only container: flags, then ``--`` and the command."""
    return lambda *words: program(target.name, "-n", target.namespace, *words)


def first_process(node: Node, target: Pod) -> str:
    """Its number on the node: the lowest of those whose cgroup is the container's, and not its conmon's (CRI-O)."""
    found = node.inside(f"grep {target.container_id} /proc/[0-9]*/cgroup 2>/dev/null || :").splitlines()
    return min((line.split("/")[2] for line in found if "conmon" not in line), key=int)


def test_it_is_checked_as_any_other(run: Run) -> None:
    """With --verify everything is done but the command."""
    done = run("--verify")
    assert done.status == 0, done.stderr
    assert "GRANTED" not in done.text


def test_privileged_is_its_root_as_nsenter_makes_it(run: Run, node: Node, target: Pod) -> None:
    """The same user namespace and ids as by ``nsenter -a``, the capabilities of the helper; and it is said."""
    theirs = node.inside(f"nsenter --all --target {first_process(node, target)} -- sh -c '{USERS}'")
    done = run("--privileged", "--", "sh", "-c", f"{USERS}; {RIGHTS}")
    assert done.text.startswith(theirs)
    own = node.inside("grep ^CapBnd: /proc/self/status").split()[1]
    rights = dict(line.split(":\t") for line in done.text.removeprefix(theirs).splitlines())
    assert {rights[key] for key in ("CapPrm", "CapEff", "CapBnd")} == {own}
    assert [rights[key].strip() for key in ("Groups", "NoNewPrivs", "Seccomp")] == ["", "0", "0"]
    assert "only in the container's own user namespace" in done.stderr


def test_another_user_is_one_of_its_users(run: Run) -> None:
    """By the container's /etc/passwd; of the groups the pod's."""
    done = run("--user", "1000", "--", "sh", "-c", "id; cat /proc/self/uid_map")
    identity, uid_map = done.text.splitlines()
    assert identity == "uid=1000(worker) gid=1000(worker) groups=3000"
    assert int(uid_map.split()[1]) >= 65536


def test_a_user_that_it_does_not_have_is_refused(run: Run) -> None:
    """The pod has 65536 ids."""
    done = run("--user", "65536", "--", "id")
    assert (done.status, done.text) == (125, "")
    assert "user namespace has no user 65536" in done.stderr


def test_host_tools_are_the_nodes_root(run: Run, node: Node) -> None:
    """Its user namespace is the node's; the container's files are within reach all the same."""
    done = run("--host-tools", "--", "sh", "-c", f"{USERS}; ls $NSEXEC_ROOT/bin/busybox | cut -c1-6")
    assert done.status == 0, done.stderr
    space, *_, uid, gid, found = done.text.splitlines()
    assert (space, uid, gid, found) == (node.inside("readlink /proc/self/ns/user").strip(), "0", "0", "/proc/")
    assert "its namespaces but its users" in done.stderr


def test_a_process_of_other_users_is_not_entered(run: Run) -> None:
    """Its ids would not be the container's; with the node's files they do not matter."""
    refused = run("--process", "tail", "--", "id")
    assert (refused.status, refused.text) == (1, "")
    assert "another user namespace than the container" in refused.stderr
    assert run("--process", "tail", "--host-tools", "--", "true").status == 0


def test_users_that_no_config_names_are_not_entered(program: Program, pods: Pods, node: Node) -> None:
    """A first process that has left the node's users for its own; ``kubectl exec`` would stay in the node's."""
    own = container(command=["unshare", "-U", "sleep", "100000"], security=NOT_BY_SELINUX)
    left = pods.start(pod("left", own, node=node.name))
    done = program(left.name, "-n", left.namespace, "--", "id")
    assert (done.status, done.text) == (1, "")
    assert "no config.json of the runtime names" in done.stderr
