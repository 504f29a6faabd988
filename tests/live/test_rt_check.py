"""On the real-time node: the two classic disasters of plain exec side by side, as ``--check`` finds them."""

from __future__ import annotations

import json
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import pytest

from kubectl_nsexec.model.cpuset import CpuSet
from testbed import rt_runtime
from testbed.paths import RT_NODE
from tests.live import rt
from tests.live.pods import container, pod
from tests.live.processes import within

if TYPE_CHECKING:
    from collections.abc import Iterator

    from testbed import rt_valve
    from tests.live.harness import Finished, Pods, Program
    from tests.live.pods import Pod

    Json = dict[str, Any]

pytestmark = pytest.mark.rt_node

_NEVER: Final = 86400
"""Seconds until the kubelet probes: an exec that starves can hang the node, and is ours to bring about."""


def probed_loop() -> Json:
    """The loop, with a liveness probe by exec."""
    made = rt.loop()
    probe = {"exec": {"command": ["true"]}, "periodSeconds": 10, "timeoutSeconds": 5, "initialDelaySeconds": _NEVER}
    made["spec"]["containers"][0]["livenessProbe"] = probe
    return made


def worker_loop(name: str = "worker") -> Json:
    """A container whose first process is ordinary, and whose child is the loop at SCHED_FIFO.

    The loop begins when the first process has nothing to do but to wait: were it in the middle of execve(2), whoever
    reads its /proc/PID/stat would starve with it (testbed/rt_valve.py).
    """
    loop = "(read -r _ </tmp/begin; exec chrt -f 1 sh -c 'while :; do :; done')"
    script = f"mkfifo /tmp/begin; {loop} & echo >/tmp/begin; wait"
    security = {"capabilities": {"add": ["SYS_NICE"]}}
    return pod(name, container(command=["sh", "-c", script], cpus=1, security=security), node=RT_NODE)


def scope(target: Pod) -> str:
    """The cgroup folder of its container."""
    slice_ = f"kubepods-pod{target.uid.replace('-', '_')}.slice"
    return f"/sys/fs/cgroup/kubepods.slice/{slice_}/{rt_runtime.scope(target.container_id)}"


def processes(target: Pod) -> list[int]:
    """Of its container, the first one first; crun has them in a folder of its own in that."""
    folder = scope(target)
    return sorted(map(int, rt.inside(f"cat {folder}/cgroup.procs {folder}/container/cgroup.procs || :").split()))


def on_node(nsexec: Program, target: Pod) -> Finished:
    """``oc nsexec --check --on-node`` of that pod."""
    words = ("--on-node", "--timeout", f"{rt.PATIENCE_SECONDS:.0f}s", "-o", "json")
    return nsexec("--check", target.name, "-n", target.namespace, *words)


def document(done: Finished) -> Json:
    """What it printed."""
    assert done.text, done.stderr
    found: Json = json.loads(done.text)
    return found


def test_a_fifo_loop_with_an_exec_probe_is_dangerous_before_and_after_it_is_deployed(
    pods: Pods, nsexec: Program, valve: rt_valve.Valve
) -> None:
    """Likely or possible by the manifest and by the API; certain by the node, for the person and for the probe."""
    manifest = json.dumps(probed_loop()).encode()
    before = nsexec("--check", "-f", "-", "--node", RT_NODE, "-o", "json", stdin=manifest)
    target = pods.start(probed_loop())
    assert within(rt.PATIENCE_SECONDS, lambda: valve.look().number == 1), "the loop has not begun"
    after = nsexec("--check", target.name, "-n", target.namespace, "-o", "json")
    looked = on_node(nsexec, target)
    assert [done.status for done in (before, after, looked)] == [3, 3, 3], looked.stderr
    for done, sure in ((before, {"possible", "likely"}), (after, {"possible", "likely"}), (looked, {"certain"})):
        rows = {row["wayIn"]["kind"]: row for row in document(done)["rows"]}
        assert set(rows) == {"oc exec", "livenessProbe"}
        for row in rows.values():
            (danger,) = [each for each in row["findings"] if each["severity"] == "danger"]
            assert danger["id"] == "NSX001"
            assert danger["verdict"] in sure
    (seen,) = document(looked)["containers"]
    assert [(each["policy"], each["priority"]) for each in seen["threads"] if each["policy"] != "SCHED_OTHER"] == [
        ("SCHED_FIFO", 1)
    ]
    assert all(each["affinity"] == seen["exclusiveCPUs"] for each in seen["threads"])
    assert valve.calm() == 1


def test_a_loop_is_found_behind_an_ordinary_first_process(pods: Pods, nsexec: Program, valve: rt_valve.Valve) -> None:
    """``chrt -p`` of the container's first process says SCHED_OTHER, and that is all that it says."""
    target = pods.start(worker_loop())
    assert within(rt.PATIENCE_SECONDS, lambda: valve.look().number == 1), "the loop has not begun"
    looked = document(on_node(nsexec, target))
    (seen,) = looked["containers"]
    first, *_ = processes(target)
    assert "SCHED_OTHER" in rt.inside(f"chrt -p {first}")
    assert {each["policy"] for each in seen["threads"] if each["pid"] == first} == {"SCHED_OTHER"}
    assert any(each["policy"] == "SCHED_FIFO" for each in seen["threads"])
    assert [each["id"] for each in looked["rows"][0]["findings"]] == ["NSX001"]
    assert valve.calm() == 1


@pytest.mark.alone
@pytest.mark.kernel
def test_a_starving_exec_is_seen_or_the_node_cannot_be_looked_at_and_says_so(
    pods: Pods, kubectl: Program, nsexec: Program, valve: rt_valve.Valve
) -> None:
    """Where runc starves with a lock of the kernel nothing can fork on the node: then no helper pod starts, either."""
    if rt.has_fair_server():
        pytest.skip("an exec answers beside the loop here (fair server, Linux 6.12)")
    target = pods.start(rt.loop())
    assert within(rt.PATIENCE_SECONDS, lambda: valve.look().number == 1), "the loop has not begun"
    starving = kubectl.start("exec", "-n", target.namespace, target.name, "--", "true")
    try:
        with pytest.raises(subprocess.TimeoutExpired):
            starving.wait(timeout=20)
        words = ("--on-node", "--timeout", "60s", "-o", "json")
        looked = document(nsexec("--check", target.name, "-n", target.namespace, *words))
    finally:
        assert valve.calm() == 1
        starving.communicate(timeout=rt.PATIENCE_SECONDS)
    (row,) = looked["rows"]
    if row["notLookedAt"]:
        assert row["notLookedAt"].startswith(f"node {RT_NODE}: ")
        assert [each["id"] for each in row["findings"]] == ["NSX001"]
        return
    assert {each["id"] for each in row["findings"]} == {"NSX001", "NSX009"}
    assert looked["containers"][0]["stuck"]


@contextmanager
def exec_kept_on(cpu: int, target: Pod) -> Iterator[None]:
    """The container may use CPU as well, and its config.json keeps execs there, as CRI-O has it with shared CPUs."""
    cpuset = f"{scope(target)}/cpuset.cpus"
    own = rt.inside(f"cat {cpuset}").strip()
    spec = f"{rt_runtime.bundle(target.container_id)}/config.json"
    change = (
        "import json,sys; spec=json.load(open(sys.argv[1])); "
        "spec['process']['execCPUAffinity']={'initial':sys.argv[2],'final':sys.argv[2]}; "
        "json.dump(spec,open(sys.argv[1],'w'))"
    )
    rt.inside(f"cp {spec} {spec}.before && echo {own},{cpu} >{cpuset}")
    rt.inside(f'python3 -c "{change}" {spec} {cpu}')
    try:
        yield
    finally:
        rt.inside(f"mv {spec}.before {spec}; echo {own} >{cpuset}")


def test_a_fifo_loop_beside_a_shared_cpu_is_safe(pods: Pods, nsexec: Program, valve: rt_valve.Valve) -> None:
    """An exec lands on the shared CPU, where no real-time thread may run: the loop keeps to its own."""
    made = rt.loop()
    target = pods.start(made)
    assert within(rt.PATIENCE_SECONDS, lambda: valve.look().number == 1), "the loop has not begun"
    (seen,) = document(on_node(nsexec, target))["containers"]
    own, shared = CpuSet.parse(seen["exclusiveCPUs"]), min(rt.RESERVED)
    with exec_kept_on(shared, target):
        # A wider cpuset resets the affinity of all in it; applications of that kind pin their loops themselves.
        for pid in processes(target):
            rt.inside(f"taskset -a -p -c {own} {pid}")
        done = on_node(nsexec, target)
    (row,) = document(done)["rows"]
    assert done.status == 0, done.text
    assert (row["lands"]["on"], row["lands"]["cpu"], row["lands"]["verdict"]) == ("SharedCPU", shared, "certain")
    assert row["findings"] == []
    assert valve.calm() == 1
