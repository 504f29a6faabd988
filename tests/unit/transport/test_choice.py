"""Which transport a run takes, what it would create or run, and in which order it is undone."""

from __future__ import annotations

import json
from collections import deque
from contextlib import nullcontext
from typing import TYPE_CHECKING

import pytest

from kubectl_nsexec.errors import AgentError, NsexecError
from kubectl_nsexec.helper import sharing
from kubectl_nsexec.helper.config_map import config_map
from kubectl_nsexec.helper.manifest import HelperSpec, manifest
from kubectl_nsexec.helper.reaper import Reaper
from kubectl_nsexec.model import via
from kubectl_nsexec.model.cpuset import CpuSet
from kubectl_nsexec.model.deadline import Deadline
from kubectl_nsexec.model.request import Request
from kubectl_nsexec.session.context import Context
from kubectl_nsexec.transport import choice
from kubectl_nsexec.transport.helper_pod import HelperPod
from kubectl_nsexec.transport.shared_helper_pod import SharedHelperPod
from kubectl_nsexec.transport.shell import Shell
from kubectl_nsexec.ui.console import Console
from kubectl_nsexec.ui.interrupts import Interrupts
from kubectl_nsexec.ui.waiting import Waiting
from tests.unit.fakes import Answer, FakeCluster, FakeConnection, Json, not_found
from tests.unit.helper.test_life import PODS, PROGRAM, PROGRAMS, RUNNING, spec
from tests.unit.helper.test_shared import answers_in_turn
from tests.unit.transport.test_shell import planned

if TYPE_CHECKING:
    from pathlib import Path

    from kubectl_nsexec.session.plan import Plan
    from kubectl_nsexec.transport.channels import RemoteStream

OWN = spec(image="i")
KEPT = sharing.shared(OWN, "joe", ["hold"], ["hold"])
PLAN = planned(helper=OWN)._replace(images=("i",), program_is_there=True)
SHARING = PLAN._replace(shared=KEPT)
NOT_KEPT = "the helper pod is not kept: only the node itself says which CPUs are reserved; --cpus names them\n"


def requested(kind: str = via.POD, keep_seconds: float | None = None, *, stdin: bool = False) -> Request:
    """A run by that transport."""
    return Request("p", (b"id",), via=via.of_flags(kind, "core", ()), keep_seconds=keep_seconds, stdin=stdin)


def context_of(cluster: FakeCluster, request: Request, plan: Plan, console: Console | None = None) -> Context:
    """That run."""
    return Context(
        request, cluster, plan, Deadline.after(5), console or Console(quiet=True), Interrupts(), reaper=Reaper()
    )


@pytest.mark.parametrize(
    ("request_", "plan", "kind", "said"),
    [
        (requested(), PLAN, HelperPod, ""),
        (requested(keep_seconds=60), SHARING, SharedHelperPod, ""),
        (requested(keep_seconds=0), SHARING, SharedHelperPod, ""),
        (requested(keep_seconds=60), PLAN, HelperPod, NOT_KEPT),
        (requested(keep_seconds=0), PLAN, HelperPod, ""),
        (requested(via.SSH), PLAN, Shell, ""),
        (requested(via.SSH, 60), PLAN, Shell, ""),
        (requested(via.LOCAL), PLAN, Shell, ""),
    ],
)
def test_which_transport_it_is(tmp_path: Path, request_: Request, plan: Plan, kind: type, said: str) -> None:
    """Nothing is asked of anybody or created before it starts something."""
    with (tmp_path / "said").open("wb") as err:
        context = context_of(FakeCluster({}), request_, plan, Console(0, 1, err.fileno()))
        with choice.chosen(context) as transport:
            assert type(transport) is kind
    assert (tmp_path / "said").read_text() == said


class Waits(Waiting):
    """Whether it is over."""

    is_over = False

    def over(self) -> None:
        self.is_over = True


@pytest.mark.parametrize(("kind", "over"), [(via.SSH, True), (via.POD, False), (via.LOCAL, False)])
def test_the_terminal_is_left_to_ssh(kind: str, over: bool) -> None:  # noqa: FBT001 - a row of a table
    """Which may ask for a password there, or whether a host is known: no line of ours is in its way."""
    waits = Waits()
    context = context_of(FakeCluster({}), requested(kind), PLAN)._replace(waits=waits)
    with choice.chosen(context):
        assert waits.is_over is over


def test_a_dry_run_shows_all_that_would_be_created() -> None:
    """With --keep the helper that would be left."""
    there: dict[str, Answer] = {
        "GET /api/v1/namespaces/nsexec": {},
        f"GET {PROGRAMS}/{PROGRAM.name}": config_map(PROGRAM, "nsexec"),
    }
    missing: dict[str, Answer] = dict.fromkeys(there, not_found("it"))
    request = requested()._replace(output="json")
    pod = json.loads(choice.dry_run(request, FakeCluster(there), PLAN))
    assert (pod["kind"], pod["metadata"]["name"]) == ("Pod", OWN.name)
    assert json.loads(choice.dry_run(request, FakeCluster(there), SHARING))["metadata"]["name"] == KEPT.name
    several = json.loads(choice.dry_run(request, FakeCluster(missing), PLAN))
    assert [several["kind"], *(item["kind"] for item in several["items"])] == ["List", "Namespace", "ConfigMap", "Pod"]


def test_a_dry_run_by_ssh_shows_the_command_line() -> None:
    """For a shell, and nothing is asked."""
    shown = choice.dry_run(requested(via.SSH), FakeCluster({}), PLAN)
    assert shown.startswith("ssh -T -a -x ")
    assert " -l core -- 10.0.0.5 " in shown


class Told(FakeConnection):
    """One whose end stands among the calls of its cluster."""

    def __init__(self, cluster: FakeCluster, name: str, *messages: bytes) -> None:
        super().__init__(*messages)
        self._cluster, self._name = cluster, name

    def close(self) -> None:
        self._cluster.calls.append(f"close {self._name}")
        super().close()


class Talked:
    """A handshake that takes everything for held, or ends by ``error`` in the session."""

    def __init__(self, error: NsexecError | None = None) -> None:
        self._error = error

    def hold(self, lease: RemoteStream, opening: bytes = b"") -> CpuSet:
        del lease, opening
        return CpuSet.of(0)

    def enter(self, session: RemoteStream) -> str:
        del session
        if self._error:
            raise self._error
        return "started"


def running(helper: HelperSpec, name: str) -> Json:
    """It, as the API server shows it."""
    made = manifest(helper._replace(name=name))
    metadata = {**made["metadata"], "namespace": "nsexec", "uid": "u", "resourceVersion": "1"}
    return {**made, "metadata": metadata, "status": {"qosClass": "BestEffort", **RUNNING}}


@pytest.mark.parametrize("error", [None, AgentError("no")])
def test_streams_are_closed_before_their_helper_is_deleted(error: AgentError | None) -> None:
    """However it ends: the helper's main process ends by its lease, and with it all of ours on the node."""
    name = f"{OWN.name}-1"
    cluster = FakeCluster({f"POST {PODS}": running(OWN, name), f"DELETE {PODS}/{name}": {}})
    lease = Told(cluster, "lease")
    cluster.streams = {"attach": deque([lease]), "exec": deque([Told(cluster, "session")])}
    with (
        pytest.raises(AgentError) if error else nullcontext(),
        choice.chosen(context_of(cluster, requested(), PLAN)) as transport,
    ):
        assert transport.start(Talked(error)) == "started"
        assert transport.lease is not None
        assert transport.lease.connection is lease
        assert transport.name == f"helper pod nsexec/{name}"
    assert cluster.calls == [
        f"POST {PODS}",
        f"STREAM {PODS}/{name}/attach",
        f"STREAM {PODS}/{name}/exec",
        "close lease",
        "close session",
        f"DELETE {PODS}/{name}",
    ]


@pytest.mark.parametrize("stdin", [False, True])
def test_streams_are_closed_before_a_shared_helper_is_asked_to_end(stdin: bool) -> None:  # noqa: FBT001
    """By --keep 0. Only with stdin there is a lease beside the session."""
    path = f"{PODS}/{KEPT.name}"
    cluster = FakeCluster({f"GET {path}": running(KEPT, KEPT.name), f"DELETE {path}": {}})
    names = ["lease", "session"] if stdin else ["session"]
    ends = Told(cluster, "question", b'\3{"status": "Success"}')
    cluster.streams = {"exec": deque([*(Told(cluster, name) for name in names), ends])}
    with choice.chosen(context_of(cluster, requested(keep_seconds=0, stdin=stdin), SHARING)) as transport:
        assert transport.start(Talked()) == "started"
        assert (transport.lease is not None) is stdin
    assert cluster.calls == [
        f"GET {path}",
        *(f"STREAM {path}/exec" for _ in names),
        *(f"close {name}" for name in names),
        f"GET {path}",
        f"STREAM {path}/exec",
        "close question",
        f"DELETE {path}",
    ]


def test_a_shared_helper_that_ends_is_replaced_once_also_by_one_that_another_client_made() -> None:
    """Two runs that end each other's helpers do not go on for ever."""
    path = f"{PODS}/{KEPT.name}"
    first, second = running(KEPT, KEPT.name), running(KEPT, KEPT.name)
    second["metadata"]["uid"] = "u2"
    cluster = FakeCluster({f"GET {path}": answers_in_turn(first, first, second), f"DELETE {path}": {}})
    cluster.streams = {"exec": deque(Told(cluster, name) for name in ("first", "second"))}
    gone = AgentError("the shared helper pod has just ended", code=sharing.GONE)
    with (
        pytest.raises(AgentError, match="has just ended"),
        choice.chosen(context_of(cluster, requested(keep_seconds=60), SHARING)) as transport,
    ):
        transport.start(Talked(gone))
    look, session = f"GET {path}", f"STREAM {path}/exec"
    assert cluster.calls == [look, session, "close first", look, f"DELETE {path}", look, session, "close second"]
