"""Sessions in a helper pod that serves many targets of one client."""

from __future__ import annotations

from collections import deque
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from kubectl_nsexec.errors import HelperPodError
from kubectl_nsexec.model.cpuset import CpuSet
from kubectl_nsexec.model.deadline import Deadline
from kubectl_nsexec.model.request import Request
from kubectl_nsexec.session.context import Context
from kubectl_nsexec.transport.channels import RemoteStream, Streams
from kubectl_nsexec.transport.common_lease import CommonLease
from kubectl_nsexec.transport.node_helper_pod import InNodeHelperPod, NodeHelperPod
from kubectl_nsexec.ui.console import Console
from kubectl_nsexec.ui.interrupts import Interrupts
from tests.unit.fakes import FakeCluster, FakeConnection
from tests.unit.transport.test_shell import TARGET, planned

if TYPE_CHECKING:
    from kubectl_nsexec.kube.api import Query

_CPUS = CpuSet.of(0, 1)
_POD = {
    "metadata": {"name": "h", "namespace": "nsexec", "uid": "u"},
    "spec": {"containers": [{"command": ["/f/program/shim", "init", "/f", "node", "$(UID)", "hold"]}]},
}


class Execs(FakeCluster):
    """What the execs are told, by words."""

    def __init__(self) -> None:
        super().__init__({})
        self.words: list[list[str]] = []
        self.streams = {"exec": deque(FakeConnection() for _ in range(2))}

    def open_stream(self, path: str, query: Query, *, timeout_seconds: float) -> FakeConnection:
        self.words.append([value for name, value in query if name == "command"])
        return super().open_stream(path, query, timeout_seconds=timeout_seconds)


class Talks:
    """A Talk of nothing but the stream."""

    def hold(self, lease: RemoteStream, opening: bytes = b"") -> CpuSet:
        raise AssertionError((lease, opening))

    def enter(self, session: RemoteStream) -> RemoteStream:
        return session


def context(cluster: FakeCluster) -> Context:
    """Of one target."""
    request = Request(pod="", command=(b"true",))
    return Context(request, cluster, planned(), Deadline.after(60), Console(), Interrupts())


def helper(made: Context, stack: ExitStack, looked_until: Deadline) -> NodeHelperPod:
    """One that holds."""
    pod = NodeHelperPod(made, stack)
    streams, lease = Streams(), RemoteStream(FakeConnection())
    streams.add(lease)
    stack.callback(streams.close)
    pod.pod, pod.cpus, pod.looked_until = _POD, _CPUS, looked_until
    pod.common = CommonLease(streams, lease)
    stack.callback(pod.common.close)
    return pod


@pytest.mark.parametrize(("seconds", "again"), [(60.0, []), (0.0, ["again"])])
def test_after_a_while_a_session_looks_at_the_node_anew(seconds: float, again: list[str]) -> None:
    """What the helper saw when it began may be true no more."""
    cluster = Execs()
    made = context(cluster)
    with ExitStack() as stack:
        pod = helper(made, stack, Deadline.after(seconds))
        with ExitStack() as own:
            transport = InNodeHelperPod(made, own, pod)
            assert transport.start(Talks()).ended is False
            assert transport.name == "helper pod nsexec/h"
            assert transport.lease is not None
    (words,) = cluster.words
    place = [TARGET.cgroup_uid, TARGET.container_id, "0", "first", "container"]
    assert words[:7] == ["/f/program/shim", "init", "/f", "node", "u", "enter", planned().nonce]
    assert words[9:] == [*place, *again]


def test_each_session_has_an_id_of_its_own() -> None:
    """And its lease is a share of the helper's."""
    cluster = Execs()
    made = context(cluster)
    with ExitStack() as stack:
        pod = helper(made, stack, Deadline.after(60))
        with ExitStack() as own:
            for _ in range(2):
                InNodeHelperPod(made, own, pod).start(Talks())
    first, second = cluster.words
    assert first[8] != second[8]


def test_a_helper_that_has_ended_is_not_entered() -> None:
    """No exec is asked for."""
    cluster = Execs()
    made = context(cluster)
    with ExitStack() as stack:
        pod = helper(made, stack, Deadline.after(60))
        pod.common.end("over")
        with pytest.raises(HelperPodError, match="the helper pod on node worker-0 has ended; nothing was started"):
            InNodeHelperPod(made, stack, pod).start(Talks())
    assert cluster.words == []
