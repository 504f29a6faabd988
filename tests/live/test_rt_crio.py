"""On the real-time node with CRI-O (``RUNTIME=crio``): where its affinity puts execs, and what ``--check`` says of it.

See docs/how-to/plain-exec.md, "CRI-O's own affinity".
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pytest

from testbed import rt_config, rt_crio, rt_runtime
from testbed.paths import RT_NODE
from tests.live import rt
from tests.live.pods import container, pod
from tests.live.processes import within

if TYPE_CHECKING:
    from collections.abc import Iterator

    from testbed import rt_valve
    from tests.live.harness import Pods, Program
    from tests.live.pods import Pod

    Json = dict[str, Any]

pytestmark = [pytest.mark.crio, pytest.mark.alone]

_SHARED: Final = 1
_LAST: Final = rt_config.ISOLATED_CPUS[-1]


@pytest.fixture(scope="module", autouse=True)
def _handler(kubectl: Program, rt_node: str) -> Iterator[None]:
    assert rt_runtime.chosen() == rt_runtime.CRIO, f"node {rt_node} has another runtime: RUNTIME=crio make test-rt"
    runtime_class = {
        "apiVersion": "node.k8s.io/v1",
        "kind": "RuntimeClass",
        "metadata": {"name": rt_crio.HANDLER},
        "handler": rt_crio.HANDLER,
    }
    kubectl.ok("apply", "-f", "-", stdin=json.dumps(runtime_class).encode())
    yield
    kubectl.ok("delete", "runtimeclass", rt_crio.HANDLER)


@pytest.fixture
def shared_cpu() -> Iterator[int]:
    """One that containers may ask for besides their own."""
    rt_crio.share(str(_SHARED))
    yield _SHARED
    rt_crio.share("")


def tuned(**annotations: str) -> Json:
    """A pod that owns both isolated CPUs, and whose loop at SCHED_FIFO keeps to the last, as a tuned application's."""
    loop = f"exec taskset -c {_LAST} chrt -f 1 sh -c 'while :; do :; done'"
    main = container(command=["sh", "-c", loop], cpus=2, security={"capabilities": {"add": ["SYS_NICE"]}})
    made = pod("tuned", main, node=RT_NODE, runtimeClassName=rt_crio.HANDLER)
    made["metadata"]["annotations"] = {
        f"{name.replace('_', '-')}.crio.io/main": value for name, value in annotations.items()
    }
    return made


def verdict(nsexec: Program, target: Pod) -> tuple[Json, str]:
    """What ``--check --on-node`` says of a person's exec, and on which CPUs it saw that it would land."""
    words = ("--on-node", "--timeout", f"{rt.PATIENCE_SECONDS:.0f}s", "-o", "json")
    document = json.loads(nsexec("--check", target.name, "-n", target.namespace, *words).text)
    (row,), (container,) = document["rows"], document["containers"]
    return row, container["execCPUs"]


def lands(kubectl: Program, target: Pod) -> str:
    """Where plain exec is."""
    return kubectl.ok("exec", "-n", target.namespace, target.name, "--", *rt.MASK).split()[1]


def test_with_a_shared_cpu_plain_exec_is_there_and_safe(
    pods: Pods, kubectl: Program, nsexec: Program, valve: rt_valve.Valve, shared_cpu: int
) -> None:
    """The verdict and the fact agree."""
    target = pods.start(tuned(cpu_shared="enable"))
    assert within(rt.PATIENCE_SECONDS, lambda: valve.look().number == 1), "the loop has not begun"
    row, where = verdict(nsexec, target)
    assert lands(kubectl, target) == where == str(shared_cpu)
    assert (row["lands"]["on"], row["lands"]["cpu"], row["lands"]["verdict"]) == ("SharedCPU", shared_cpu, "certain")
    assert row["findings"] == []


def test_without_one_it_is_on_the_first_exclusive_cpu(
    pods: Pods, kubectl: Program, nsexec: Program, valve: rt_valve.Valve
) -> None:
    """Where no real-time thread lives it answers, and the verdict is a mere remark."""
    target = pods.start(tuned())
    assert within(rt.PATIENCE_SECONDS, lambda: valve.look().number == 1), "the loop has not begun"
    row, where = verdict(nsexec, target)
    assert lands(kubectl, target) == where == str(rt_config.ISOLATED_CPUS[0])
    assert (row["lands"]["on"], row["lands"]["verdict"]) == ("FirstExclusiveCPU", "certain")
    assert row["lands"]["why"][0] == "cgroup exec"
    assert [(each["id"], each["severity"]) for each in row["findings"]] == [("NSX003", "info")]
