"""A pod with a user namespace of its own (hostUsers: false): checked, entered for more power, refused in doubt."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.live.pods import container, pod

if TYPE_CHECKING:
    from tests.live.harness import Finished, Pods, Program
    from tests.live.pods import Pod

pytestmark = [pytest.mark.host_node, pytest.mark.usefixtures("nothing_left")]

NESTED = "unshare -U tail -f /dev/null & exec sleep 100000"
USERS = "readlink /proc/self/ns/user; cat /proc/self/uid_map /proc/self/gid_map; id -u; id -g"
RIGHTS = "grep -E '^(Cap|Groups|NoNewPrivs|Seccomp:)' /proc/self/status"


@pytest.fixture(scope="module")
def target(shared_pods: Pods, host_node: str) -> Pod:
    """One whose container has a process in yet another user namespace beside its first one."""
    own = container(command=["sh", "-c", NESTED])
    return shared_pods.start(pod("users", own, node=host_node, hostUsers=False, securityContext={"fsGroup": 3000}))


def run(nsexec: Program, target: Pod, *words: str) -> Finished:
    """``oc nsexec`` into the pod's only container: flags, then ``--`` and the command."""
    return nsexec(target.name, "-n", target.namespace, *words)


def first_process(target: Pod) -> int:
    """Its number on the host node, which is this machine."""
    folders = Path("/proc").glob("[0-9]*")
    inside = [int(folder.name) for folder in folders if target.container_id in (folder / "cgroup").read_text()]
    return min(inside)


def test_it_is_checked_as_any_other(nsexec: Program, target: Pod) -> None:
    """With --verify everything is done but the command."""
    done = run(nsexec, target, "--verify")
    assert done.status == 0, done.stderr
    assert "GRANTED" not in done.text


def test_privileged_is_its_root_as_nsenter_makes_it(nsexec: Program, target: Pod) -> None:
    """The same user namespace and ids as by ``nsenter -a``, the capabilities of the helper; and it is said."""
    enter = ["nsenter", "--all", "--target", str(first_process(target)), "--"]
    theirs = subprocess.run([*enter, "sh", "-c", USERS], capture_output=True, text=True, check=True).stdout
    done = run(nsexec, target, "--privileged", "--", "sh", "-c", f"{USERS}; {RIGHTS}")
    assert done.text.startswith(theirs)
    own = re.search(r"^CapBnd:\t(\w+)$", Path("/proc/self/status").read_text(), re.MULTILINE)[1]  # type: ignore[index]
    rights = dict(line.split(":\t") for line in done.text.removeprefix(theirs).splitlines())
    assert {rights[key] for key in ("CapPrm", "CapEff", "CapBnd")} == {own}
    assert [rights[key].strip() for key in ("Groups", "NoNewPrivs", "Seccomp")] == ["", "0", "0"]
    assert "only in the container's own user namespace" in done.stderr


def test_another_user_is_one_of_its_users(nsexec: Program, target: Pod) -> None:
    """By the container's /etc/passwd; of the groups the pod's."""
    done = run(nsexec, target, "--user", "1000", "--", "sh", "-c", "id; cat /proc/self/uid_map")
    identity, uid_map = done.text.splitlines()
    assert identity == "uid=1000(worker) gid=1000(worker) groups=3000"
    assert int(uid_map.split()[1]) >= 65536


def test_a_user_that_it_does_not_have_is_refused(nsexec: Program, target: Pod) -> None:
    """The pod has 65536 ids."""
    done = run(nsexec, target, "--user", "65536", "--", "id")
    assert (done.status, done.text) == (125, "")
    assert "user namespace has no user 65536" in done.stderr


def test_host_tools_are_the_nodes_root(nsexec: Program, target: Pod) -> None:
    """Its user namespace is the node's; the container's files are within reach all the same."""
    done = run(nsexec, target, "--host-tools", "--", "sh", "-c", f"{USERS}; ls $NSEXEC_ROOT/bin/busybox | cut -c1-6")
    assert done.status == 0, done.stderr
    space, *_, uid, gid, found = done.text.splitlines()
    assert (space, uid, gid, found) == (str(Path("/proc/self/ns/user").readlink()), "0", "0", "/proc/")
    assert "its namespaces but its users" in done.stderr


def test_a_process_of_other_users_is_not_entered(nsexec: Program, target: Pod) -> None:
    """Its ids would not be the container's; with the node's files they do not matter."""
    refused = run(nsexec, target, "--process", "tail", "--", "id")
    assert (refused.status, refused.text) == (1, "")
    assert "another user namespace than the container" in refused.stderr
    assert run(nsexec, target, "--process", "tail", "--host-tools", "--", "true").status == 0


def test_users_that_no_config_names_are_not_entered(nsexec: Program, pods: Pods, host_node: str) -> None:
    """A first process that has left the node's users for its own; ``kubectl exec`` would stay in the node's."""
    own = container(command=["unshare", "-U", "sleep", "100000"])
    done = run(nsexec, pods.start(pod("left", own, node=host_node)), "--", "id")
    assert (done.status, done.text) == (1, "")
    assert "no config.json of the runtime names" in done.stderr
