"""On the real-time node: beside a loop that owns its CPU, the command answers, stays off it, and leaves nothing."""

from __future__ import annotations

import json
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import pytest

from kubectl_nsexec.model.cpuset import CpuSet
from testbed import rt_config, rt_valve
from testbed import rt_node as node
from tests.live import rt
from tests.live.pods import guaranteed
from tests.live.processes import within

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.live.harness import Pods, Program

pytestmark = pytest.mark.rt_node

_KUBECTL_PATIENCE_SECONDS: Final = 20.0
_GONE_WITHIN_SECONDS: Final = 10.0
_TIDY_WITHIN_SECONDS: Final = 120.0
_NOTHING_LOST: Final = 0.01
"""Of its time: the emulated kernel's own threads take up to a third of this."""


@pytest.fixture
def strict() -> Iterator[None]:
    """The kubelet with ``strict-cpu-reservation``: the shared pool has no reserved CPU."""
    with rt.cpu_manager(strict=True):
        yield


@pytest.mark.kernel
@pytest.mark.parametrize("threads", ["ktimers", "ksoftirqd", "rcuc"])
def test_the_kernels_threads_have_the_priority_that_openshift_gives_them(rt_node: str, threads: str) -> None:
    """Below it, what a timer on a loop's own CPU is for never happens: no alarm ends the loop."""
    assert rt_node
    told = rt.inside(f"for pid in $(pgrep '^{threads}/'); do chrt --pid $pid; done").splitlines()
    assert {line.rpartition(": ")[2] for line in told} == {"SCHED_FIFO", "11"}
    assert len(told) == 2 * rt_config.CPUS


@pytest.mark.alone
@pytest.mark.kernel
def test_it_answers_where_kubectl_exec_starves_or_steals(
    pods: Pods, kubectl: Program, nsexec: Program, rt_node: str, valve: rt_valve.Valve
) -> None:
    """Beside a FIFO loop with throttling off, nsexec answers on the reserved CPUs, and the loop loses nothing.

    kubectl exec starves. Where the kernel has a fair server (since Linux 6.12), which gives ordinary tasks up to 50 ms
    of every second beside such a loop, it may answer, and the loop pays for it.
    """
    assert rt.inside("cat /sys/kernel/realtime /proc/sys/kernel/sched_rt_runtime_us").split() == ["1", "-1"]
    has_fair_server = rt.has_fair_server()
    target = pods.start(rt.loop())
    assert within(rt.PATIENCE_SECONDS, lambda: valve.look().number == 1), (
        "the loop has not begun"
    )  # its pod is Ready before
    with _share_lost(valve) as lost:
        answered = nsexec(*rt.options(target), "--", *rt.MASK)
    assert answered.status == 0, answered.stderr
    assert CpuSet.parse(answered.text.split()[1]) == rt.RESERVED
    assert lost() < _NOTHING_LOST
    # In this order: the starving exec holds locks of the kernel, and then nothing on the node can even fork.
    with _share_lost(valve) as lost_beside_kubectl:
        answers = _answers(kubectl, "exec", "-n", target.namespace, target.name, "--", *rt.MASK)
    if has_fair_server:
        assert lost_beside_kubectl() > lost()
    else:
        assert not answers
    assert valve.calm() == 1, f"the loop on {rt_node} was no longer at its priority"


def _answers(kubectl: Program, *arguments: str) -> bool:
    try:
        kubectl(*arguments, timeout_seconds=_KUBECTL_PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        return False
    return True


@contextmanager
def _share_lost(valve: rt_valve.Valve) -> Iterator[Callable[[], float]]:
    """While the block runs; yields what says afterwards how much of its time, 0 to 1, the only loop did not run."""
    looks = [valve.look()]
    yield lambda: (looks[1].waited_ns - looks[0].waited_ns) / (looks[1].clock_ns - looks[0].clock_ns)
    looks.append(valve.look())


@pytest.mark.alone
def test_it_stays_reserved_while_cpus_are_given_away_and_the_kubelet_restarts(
    pods: Pods, kubectl: Program, nsexec: Program, rt_node: str
) -> None:
    """No process of ours leaves the reserved CPUs while a pod takes CPUs, gives them back, and the kubelet restarts."""
    target = pods.start(guaranteed("target", node=rt_node))
    with rt.sampling() as sampler, rt.Session(nsexec, target) as session:
        sampler.mark("command")
        taker = pods.start(guaranteed("taker", node=rt_node))
        sampler.mark("taken")
        kubectl.ok("delete", "pod", "-n", taker.namespace, taker.name, "--grace-period=1", "--timeout=300s")
        sampler.mark("given back")  # and the shared pool, which the kubelet writes into every other container, grows
        node.restart_kubelet()
        session.finish()  # whether the streams outlive the kubelet is not ours to say; where the processes are, is
        assert nsexec(*rt.options(target), "--", "true").status == 0
    assert session.mask == rt.RESERVED
    _assert_reserved(sampler)
    commands = [seen for seen in sampler.sightings if seen.name == "cat"]
    assert any(seen.last >= sampler.marks["given back"] for seen in commands), (
        "the command did not live to see the change"
    )


@pytest.mark.alone
@pytest.mark.kernel
def test_the_kubelet_cannot_widen_the_helper(pods: Pods, nsexec: Program, rt_node: str) -> None:
    """Whatever the kubelet writes into a helper's container, not for a moment may its processes use other CPUs."""
    target = pods.start(guaranteed("target", node=rt_node))
    with rt.Session(nsexec, target) as session:
        masks = rt.masks_after_widening()
        assert session.finish() == 0
    assert masks, "no helper was found"
    assert all(CpuSet.parse(mask) <= rt.RESERVED for mask in masks), masks


@pytest.mark.alone
@pytest.mark.usefixtures("strict")
def test_it_stays_reserved_under_strict_reservation(pods: Pods, nsexec: Program, rt_node: str) -> None:
    """Where the pool that the helper starts in has no reserved CPU at all, it still gets there, and stays there."""
    target = pods.start(guaranteed("target", node=rt_node))
    pool = json.loads(rt.inside("cat /var/lib/kubelet/cpu_manager_state"))["defaultCpuSet"]
    assert CpuSet.parse(pool).isdisjoint(rt.RESERVED), "the reservation is not strict"
    with rt.sampling() as sampler, rt.Session(nsexec, target) as session:
        assert session.finish() == 0
    assert session.mask == rt.RESERVED
    _assert_reserved(sampler)


@pytest.mark.kernel
def test_the_command_cannot_leave(pods: Pods, nsexec: Program, rt_node: str) -> None:
    """CMD's own sched_setaffinity onto an isolated CPU fails, and its mask stays as it was."""
    target = pods.start(guaranteed("target", node=rt_node))
    move = "taskset -p -c {} $$ >/dev/null 2>&1; echo $?; "
    script = move.format(rt.RESERVED) + move.format(rt_config.ISOLATED) + " ".join(rt.MASK)
    tried = nsexec(*rt.options(target), "--", "sh", "-c", script)
    assert tried.status == 0, tried.stderr
    within, outside, _, mask = tried.text.split()
    assert within == "0", "taskset itself does not work here"
    assert outside != "0"
    assert CpuSet.parse(mask) == rt.RESERVED


@pytest.mark.alone
def test_where_its_folder_is_refused_nothing_starts(pods: Pods, nsexec: Program, rt_node: str) -> None:
    """A pin without a folder could be undone by the command and overridden by the kubelet: the run stops."""
    target = pods.start(guaranteed("target", node=rt_node))
    run = (*rt.options(target), "--keep", "5m", "--", "echo", "started")
    nsexec.ok(*run)
    try:
        with rt.folders_refused():
            refused = nsexec(*run)
        assert (refused.status, refused.stdout) == (125, b"")
        assert "cannot make the cgroup folder" in refused.stderr
        assert "nothing was started" in refused.stderr
        assert nsexec.ok(*run) == "started\n"
    finally:
        nsexec.ok("--cleanup", "--force")


@pytest.mark.alone
@pytest.mark.kernel
def test_a_killed_client_leaves_nothing(
    pods: Pods, kubectl: Program, nsexec: Program, helpers: str, rt_node: str
) -> None:
    """Soon after ``kill -9`` of the client no process and no pod of it is there, and in the end no cgroup folder.

    The pod's empty folder is the kubelet's to remove, which on an emulated node takes longer than anything else.
    """
    target = pods.start(guaranteed("target", node=rt_node))
    with rt.Session(nsexec, target) as session:
        assert rt.helper_processes()
        session.kill()
    killed = time.monotonic()
    rt.wait_until_empty("processes", rt.helper_processes, killed + _GONE_WITHIN_SECONDS)
    ended = "--field-selector=status.phase!=Succeeded,status.phase!=Failed"
    alive = ("get", "pods", "-n", helpers, ended, "-o", "name")
    rt.wait_until_empty("pods", lambda: kubectl.ok(*alive), killed + _GONE_WITHIN_SECONDS)
    rt.wait_until_empty("cgroup folders", rt.helper_folders, killed + _TIDY_WITHIN_SECONDS)


def _assert_reserved(sampler: rt.Sampler) -> None:
    """From the moment that a helper's agent has placed itself, every thread of its pod is on reserved CPUs, to the end.

    The agent's first act is to place its pod, the sandbox included; head(1), which takes the shim, and folders of
    its own come after that.
    """
    by_pod: dict[str, list[rt.Sighting]] = {}
    for seen in sampler.sightings:
        by_pod.setdefault(seen.pod, []).append(seen)
    assert by_pod, "no helper was seen"
    for sightings in by_pod.values():
        placed = min(seen.first for seen in sightings if seen.name == "head" or "/nsexec-" in seen.folder)
        late = [seen for seen in sightings if not seen.reserved and seen.last > placed]
        assert not late, (
            f"placed at {placed:.3f} s, and yet (samples up to {sampler.longest_gap_seconds:.3f} s apart): {late}"
        )
