"""One command over the pods of both nodes: each on its own node's reserved CPUs, and nothing left anywhere."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pytest

from kubectl_nsexec.model.cpuset import CpuSet
from testbed import host_kubelet, rt_config
from tests.live import rt, vias
from tests.live.api import pods_of
from tests.live.many_pods import labelled
from tests.live.processes import running, unique_seconds, within
from tests.live.sessions import folders

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.live.api import Api
    from tests.live.harness import Program

    Json = dict[str, Any]

pytestmark = [pytest.mark.both_nodes, pytest.mark.timeout(900)]

_EACH: Final = 15
"""So many pods on either node: thirty commands at once."""
_RESERVED: Final = {"host": CpuSet.parse(host_kubelet.RESERVED), "rt": CpuSet.parse(rt_config.RESERVED)}
_START: Final = ("--timeout", "300s")
"""Of the emulated node, on which everything takes longer."""
_SHOWN_WITHIN_SECONDS: Final = 600.0
_GONE_WITHIN_SECONDS: Final = 120.0
_MASK: Final = ("grep", "Cpus_allowed_list", "/proc/self/status")


@pytest.fixture(scope="module")
def label(kubectl: Program, namespace: str, host_node: str, rt_node: str) -> Iterator[str]:
    """Of thirty pods that run; their names say where."""
    nodes = {f"{name}-{n}": node for name, node in (("host", host_node), ("rt", rt_node)) for n in range(_EACH)}
    with labelled(kubectl, namespace, "both", nodes, within_seconds=600) as selector:
        yield selector


def _running_on_rt(seconds: str) -> list[int]:
    return vias.processes_with(rt.inside, seconds)


def test_each_is_on_its_own_nodes_reserved_cpus(
    nsexec: Program, api: Api, namespace: str, label: str, helpers: str
) -> None:
    """One helper pod a node, both gone at the end."""
    words = ("-n", namespace, "-l", label, "--per-node", "4", "-o", "json", *_START)
    done = nsexec(*words, "--", *_MASK)
    assert done.status == 0, done.stderr
    *targets, summary = map(json.loads, done.text.splitlines())
    assert len(targets) == 2 * _EACH, summary
    for each in targets:
        reserved = _RESERVED[each["pod"].partition("-")[0]]
        assert CpuSet.parse(each["stdout"].split()[1]) <= reserved, each
        assert CpuSet.parse(each["cpus"]) == reserved, each
    assert api.names(pods_of(helpers)) == []


def test_a_killed_client_leaves_nothing_on_either(
    nsexec: Program, api: Api, namespace: str, label: str, helpers: str
) -> None:
    """``kill -9`` with thirty commands running: processes, cgroup folders and helper pods of both nodes."""
    seconds, before = unique_seconds(), vias.traces(rt.inside)
    words = ("-n", namespace, "-l", label, "--per-node", str(_EACH), *_START)
    client = nsexec.start(*words, "--", "sleep", seconds)
    try:
        # What the emulated node runs is in a virtual machine, unseen from here.
        assert within(_SHOWN_WITHIN_SECONDS, lambda: len(running("sleep", seconds)) == _EACH), client.poll()
        assert within(_SHOWN_WITHIN_SECONDS, lambda: len(_running_on_rt(seconds)) == _EACH), client.poll()
        assert len(api.names(pods_of(helpers))) == 2
    finally:
        client.kill()
        client.communicate()
    for gone in (
        lambda: not running("sleep", seconds),
        lambda: not _running_on_rt(seconds),
        lambda: not api.names(pods_of(helpers)),
        lambda: not folders(api, helpers, namespace),
        lambda: vias.traces(rt.inside) <= before,
    ):
        assert within(_GONE_WITHIN_SECONDS, gone)
