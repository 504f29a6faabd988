"""On the real-time node with SELinux enforcing (``RT_LSM=selinux``): labels, categories, and not one denial.

Containers run there as on OpenShift: as ``container_t`` with a pair of categories of their own, helpers as ``spc_t``.
The policy is Debian's with testbed/rt_policy.cil, whose rules for us are some of OpenShift's. Kinds of containers are
those of test_rt_identity.py, whose report has the label.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import pytest

from testbed import rt_confinement
from tests.live import rt, rt_ways
from tests.live.pods import container, guaranteed, pod
from tests.live.terminals import shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.live.harness import Pods, Program
    from tests.live.pods import Pod

pytestmark = [pytest.mark.selinux, pytest.mark.usefixtures("nothing_left", "enforcing")]

_LABEL: Final = ("cat", "/proc/self/attr/current")
_PAIR: Final = re.compile(r"system_u:system_r:container_t:s0:c\d+,c\d+")
_AUDIT: Final = "/var/log/audit/audit.log"
_OURS: Final = re.compile(r'context=\S+:(?:spc_t|unconfined_t):|comm="nsexec')
"""A denial to or of a helper, of a session by ssh, or of the program that becomes the command."""
_FILE: Final = "secret"


@pytest.fixture(scope="module")
def enforcing(rt_node: str) -> None:
    """The node enforces its policy; without that no test here says anything."""
    assert rt_node
    assert rt_confinement.confinement().lsm == "selinux", "make test-rt-newer brings such a node up"
    assert rt.inside("cat /sys/fs/selinux/enforce") == "1"


@pytest.fixture(scope="module")
def target(shared_pods: Pods, enforcing: None, rt_node: str) -> Pod:
    """A pod that owns a CPU and leaves it idle."""
    assert enforcing is None
    return shared_pods.start(guaranteed("labelled", node=rt_node))


@pytest.fixture(scope="module")
def other(shared_pods: Pods, enforcing: None, rt_node: str) -> Pod:
    """Another one, with other categories, and a file in its own volume."""
    assert enforcing is None
    own = container(volumeMounts=[{"name": "own", "mountPath": "/own"}])
    return shared_pods.start(pod("other", own, node=rt_node, volumes=[{"name": "own", "emptyDir": {}}]))


@pytest.fixture
def denials() -> Callable[[], list[str]]:
    """The audit log's denials of ours since the test began."""
    seen = int(rt.inside(f"wc -l <{_AUDIT}"))
    return lambda: [line for line in _denials_after(seen) if _OURS.search(line)]


def _denials_after(line: int) -> list[str]:
    wanted = "^type=(AVC|USER_AVC|SELINUX_ERR)"
    return rt.inside(f"tail -n +{line + 1} {_AUDIT} | grep -E '{wanted}' || :").splitlines()


def _plain(nsexec: Program) -> Program:
    return nsexec


@pytest.mark.usefixtures("only_sessions")
@pytest.mark.parametrize("way", [_plain, rt_ways.by_ssh], ids=["helper pod", "ssh"])
def test_the_label_is_kubectl_execs_and_nothing_is_denied(
    kubectl: Program, nsexec: Program, target: Pod, denials: Callable[[], list[str]], way: Callable[[Program], Program]
) -> None:
    """With a pipe in, without one, and by the proof of the CPUs as well."""
    program = way(nsexec)
    theirs = kubectl.ok("exec", target.name, "-n", target.namespace, "--", *_LABEL)
    done = program(*rt.options(target), "--verify", "--", *_LABEL)
    assert (done.status, done.text) == (0, theirs), done.stderr
    assert _PAIR.search(done.text)
    echoed = program(*rt.options(target), "-i", "--", "cat", stdin=b"by a pipe\n")
    assert (echoed.status, echoed.text) == (0, "by a pipe\n"), echoed.stderr
    opened = ("sh", "-c", "echo out >/dev/stdout; echo err >/dev/stderr")
    named = program(*rt.options(target), "-q", "--", *opened)
    assert (named.status, named.text, named.stderr) == (0, "out\n", "err\n")
    assert denials() == []


@pytest.mark.usefixtures("only_sessions")
def test_on_the_node_itself_as_well(
    kubectl: Program, client: None, target: Pod, denials: Callable[[], list[str]]
) -> None:
    """``--via local``, in a shell of root's there."""
    assert client is None
    theirs = kubectl.ok("exec", target.name, "-n", target.namespace, "--", *_LABEL)
    done = rt_ways.by_local()(*rt.options(target), "--", *_LABEL)
    assert (done.status, done.text) == (0, theirs), done.stderr
    assert denials() == []


def test_a_terminal_is_the_commands_own(
    kubectl: Program, nsexec: Program, target: Pod, denials: Callable[[], list[str]]
) -> None:
    """It is written to, read from and opened by its name, with the label of the container's terminals."""
    script = f"{' '.join(_LABEL)}; echo; echo by name >$(tty); ls -l $(tty) | cut -c1-10; [ -t 0 ] && echo terminal"
    where = (target.name, "-n", target.namespace, "-it", "--", "sh", "-c", script)
    ours, theirs = shown(nsexec, "-q", *where), shown(kubectl, "exec", *where)
    assert ours.splitlines() == theirs.splitlines()
    assert "terminal" in ours
    assert denials() == []


def test_a_kept_helper_is_confined_no_less(
    kubectl: Program, nsexec: Program, target: Pod, helpers: str, denials: Callable[[], list[str]]
) -> None:
    """The second command comes by exec into the helper, whose streams are the runtime's."""
    kept = (*rt.options(target), "--keep", "10m", "--")
    try:
        first, second = nsexec.ok(*kept, *_LABEL), nsexec.ok(*kept, *_LABEL)
    finally:
        kubectl.ok("delete", "pods", "-n", helpers, "--all", "--wait")
    assert first == second
    assert _PAIR.search(first)
    assert denials() == []


def test_a_look_at_all_containers_is_not_refused(
    nsexec: Program, target: Pod, denials: Callable[[], list[str]]
) -> None:
    """``--check --on-node`` reads the threads of containers whatever their categories."""
    done = nsexec("--check", "--on-node", "-n", target.namespace, target.name, "-o", "json")
    assert '"notLookedAt": 0' in done.text, done.stderr
    assert '"policy": "SCHED_OTHER"' in done.text
    assert denials() == []


def test_a_container_with_another_pair_is_not_reached(
    kubectl: Program, nsexec: Program, pods: Pods, other: Pod, denials: Callable[[], list[str]], rt_node: str
) -> None:
    """The other's volume, mounted here, is as closed to the command as to kubectl exec, and open to the other."""
    kubectl.ok("exec", other.name, "-n", other.namespace, "--", "sh", "-c", f"echo theirs >/own/{_FILE}")
    path = f"/var/lib/kubelet/pods/{other.uid}/volumes/kubernetes.io~empty-dir/own"
    mounted = container(volumeMounts=[{"name": "other", "mountPath": "/other"}])
    volumes = [{"name": "other", "hostPath": {"path": path}}]
    here = pods.start(pod("here", mounted, node=rt_node, volumes=volumes))
    tried = (here.name, "-n", here.namespace, "--", "sh", "-c", f"cat /other/{_FILE}; echo ours >/other/ours")
    theirs, done = kubectl("exec", *tried), nsexec(*tried)
    assert done.text == theirs.text == ""
    assert done.stderr.count("Permission denied") == theirs.stderr.count("Permission denied") == 2
    assert nsexec.ok(other.name, "-n", other.namespace, "--", "cat", f"/own/{_FILE}") == "theirs\n"
    assert denials() == []


def test_a_privileged_container_stays_what_it_is(
    kubectl: Program, nsexec: Program, pods: Pods, rt_node: str, denials: Callable[[], list[str]]
) -> None:
    """Its spec has no label: the command has its helper's, which is the same type."""
    target = pods.start(pod("privileged", container(security={"privileged": True}), node=rt_node))
    where = (target.name, "-n", target.namespace, "--", *_LABEL)
    theirs = kubectl.ok("exec", *where)
    assert nsexec.ok(*where) == theirs
    assert ":spc_t:" in theirs
    assert denials() == []


def test_a_denial_would_be_seen(denials: Callable[[], list[str]]) -> None:
    """The node's shell is no way into the domain of helpers."""
    rt.inside("runcon system_u:system_r:spc_t:s0 true 2>/dev/null || :")
    assert denials()
