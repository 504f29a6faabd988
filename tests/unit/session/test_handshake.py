"""The talk over the lease: what its holder is told and asked, and which CPUs come of it."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, TypeVar

import pytest

from kubectl_nsexec.errors import AgentError, PlacementError
from kubectl_nsexec.model.cpuset import CpuSet
from kubectl_nsexec.model.deadline import Deadline
from kubectl_nsexec.model.request import Request
from kubectl_nsexec.session.context import Context
from kubectl_nsexec.session.handshake import Handshake
from kubectl_nsexec.transport.channels import RemoteStream, Streams
from kubectl_nsexec.ui.console import Console
from kubectl_nsexec.ui.interrupts import Interrupts
from tests.unit.cpus.test_node_policy import NONE, STATIC, kubelet, question
from tests.unit.fakes import FakeCluster, FakeConnection, Json
from tests.unit.protocol.test_events import TARGET_EVENT, line
from tests.unit.transport.test_shell import planned

if TYPE_CHECKING:
    from pathlib import Path

    from kubectl_nsexec.cpus.policy import Policy
    from kubectl_nsexec.transport.base import Talk

Result = TypeVar("Result")

HELD = {"event": "held", "mask": "0-1", "cgroup": "v2", "pin": "folder"}
NOTHING_KEPT = question(configz=kubelet(None, "none", "configz"))
RESERVED = question(configz=kubelet("0-1", source="configz"))


class FakeTransport:
    """Its lease's holder has said all that it will say."""

    name = "a double"

    def __init__(self, *events: Json, in_shared_pool: bool = True) -> None:
        self.in_shared_pool = in_shared_pool
        said = [b"\1" + line(event, planned().nonce) for event in events]
        self.connection = FakeConnection(*said, then_closed=True)
        self.lease: RemoteStream | None = RemoteStream(self.connection)
        self.streams = Streams()
        self.streams.add(self.lease)

    def start(self, talk: Talk[Result]) -> Result:
        raise AssertionError(talk)

    def stray_output(self) -> str:
        return ""

    def hold(self, policy: Policy, opening: bytes, console: Console) -> CpuSet:
        """What comes of that talk."""
        plan = planned()._replace(policy=policy)
        request = Request("p", (b"id",))
        context = Context(request, FakeCluster({}), plan, Deadline.after(60), console, Interrupts())
        assert self.lease
        return Handshake(context, self).hold(self.lease, opening)


def node(mask: str, state: bytes) -> Json:
    """What the node says of itself, with the CPUs 0-7."""
    plain = {"files": [], "kubelet_flags": "", "claims": [], "cores": [], "isolated": "", "partitions": ""}
    shown = base64.b64encode(state).decode()
    return {**TARGET_EVENT, **plain, "event": "node", "mask": mask, "online": "0-7", "cpu_manager_state": shown}


@pytest.mark.parametrize("opening", [b"", b"open"])
def test_a_holder_that_knows_its_cpus_is_only_sent_what_it_waits_for(opening: bytes) -> None:
    """They were in its command line."""
    transport = FakeTransport(HELD)
    assert transport.hold(planned().policy, opening, Console(quiet=True)) == CpuSet.of(0, 1)
    assert transport.connection.sent == [b"\0" + opening] * bool(opening)


def test_one_that_does_not_is_asked_and_told_before_what_it_waits_for(tmp_path: Path) -> None:
    """What there is to know of the CPUs, the user is told then."""
    transport = FakeTransport(node("0-7", NONE), HELD)
    with (tmp_path / "said").open("wb") as err:
        assert transport.hold(NOTHING_KEPT, b"open", Console(0, 1, err.fileno())) == CpuSet.parse("0-7")
    assert transport.connection.sent == [b"\0look\n", b"\0place 0-7\n", b"\0open"]
    assert "no CPU of node n1 is exclusive to any container" in (tmp_path / "said").read_text()


def test_a_helper_pod_has_to_stand_in_the_shared_pool_and_a_login_need_not() -> None:
    """One that the kubelet shows on somebody's own CPUs is told nothing more."""
    event = node("0-5", STATIC)
    by_pod, by_ssh = FakeTransport(event, HELD), FakeTransport(event, HELD, in_shared_pool=False)
    with pytest.raises(PlacementError, match="has given 4-5"):
        by_pod.hold(RESERVED, b"open", Console(quiet=True))
    assert by_pod.connection.sent == [b"\0look\n"]
    assert by_ssh.hold(RESERVED, b"open", Console(quiet=True)) == CpuSet.of(0, 1)


@pytest.mark.parametrize(("events", "words"), [([node("0", NONE)], "instead of Held"), ([], "ended before")])
def test_nothing_but_held_will_do(events: list[Json], words: str) -> None:
    """Until then nothing of the run is on the node."""
    with pytest.raises(AgentError, match=words):
        FakeTransport(*events).hold(planned().policy, b"open", Console(quiet=True))
