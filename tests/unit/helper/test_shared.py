"""``--keep``: when two runs share a helper pod, and how it is found, made, replaced and ended."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from kubectl_nsexec.errors import AgentError, ApiError, HelperPodError, UsageError
from kubectl_nsexec.helper import shared, sharing
from kubectl_nsexec.helper.config_map import config_map
from kubectl_nsexec.helper.manifest import manifest
from kubectl_nsexec.model.deadline import Deadline, parse_keep
from kubectl_nsexec.model.request import Request
from kubectl_nsexec.session.context import Context
from kubectl_nsexec.transport import shared_helper_pod
from kubectl_nsexec.ui.console import Console
from kubectl_nsexec.ui.interrupts import Interrupts
from tests.unit.fakes import Answer, FakeCluster, FakeConnection, Json, not_found
from tests.unit.helper.test_life import ACCESS, PROGRAM, PROGRAMS, RUNNING, spec
from tests.unit.transport.test_shell import planned

if TYPE_CHECKING:
    from collections.abc import Callable

    from kubectl_nsexec.helper.manifest import HelperSpec
    from kubectl_nsexec.kube.api import Query
    from kubectl_nsexec.session.plan import Plan

COMPARABLE = ["hold", sharing.ANY_NONCE, "0-1"]
KEPT = sharing.shared(spec(), "joe", COMPARABLE, ["hold", "nonce", "0-1", "600", "86400"])
POD = f"/api/v1/namespaces/nsexec/pods/{KEPT.name}"
PODS = "/api/v1/namespaces/nsexec/pods"


def shown(uid: str = "u1", labels: Json | None = None, **status: Any) -> Json:  # noqa: ANN401 - any field
    """The helper as the API server shows it."""
    own = manifest(KEPT)["metadata"]["labels"]
    metadata = {"name": KEPT.name, "namespace": "nsexec", "uid": uid, "resourceVersion": "7"}
    return {
        "metadata": {**metadata, "labels": own if labels is None else labels},
        "spec": {"nodeName": "n", "containers": manifest(KEPT)["spec"]["containers"]},
        "status": {"phase": "Running", **status},
    }


class Refusing(FakeCluster):
    """Its kubelet has no such container."""

    def open_stream(self, path: str, query: Query, *, timeout_seconds: float) -> FakeConnection:
        del path, query, timeout_seconds
        raise ApiError("container not found", status=500)


def makes_none() -> shared.Found | None:
    """A run that is to make no helper."""
    raise AssertionError("a helper would have been made")


def context_of(cluster: FakeCluster, plan: Plan, keep_seconds: float, deadline: Deadline) -> Context:
    """A run with ``--keep``."""
    request = Request(pod="p", command=(b"id",), keep_seconds=keep_seconds)
    return Context(request, cluster, plan, deadline, Console(quiet=True), Interrupts())


def find(
    cluster: FakeCluster,
    *,
    keep_seconds: float = 600,
    gone: str = "",
    make: Callable[[], shared.Found | None] = makes_none,
    deadline: Deadline | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> shared.Found | None:
    """What a run finds."""
    context = context_of(cluster, planned(), keep_seconds, deadline or Deadline.after(5))
    return shared.find(context, KEPT, gone, make, sleep=sleep)


def same_name(changed: HelperSpec, user: str = "joe", comparable: list[str] | None = None) -> bool:
    """Whether a run with these would share the helper."""
    return sharing.shared(changed, user, comparable or COMPARABLE, ["hold", "other"]).name == KEPT.name


def test_runs_that_are_alike_share_a_helper() -> None:
    """Whatever their nonce and folder, the target that they enter and its image, of which nothing runs."""
    other = spec(image="registry.example/other:2", annotations={"nsexec.io/target": "ran/du-1/x"}, folder="/nsexec-s")
    assert same_name(other)


@pytest.mark.parametrize(
    "different",
    [
        lambda: same_name(spec(), user="jane"),
        lambda: same_name(spec(node="m")),
        lambda: same_name(spec(namespace="team")),
        lambda: same_name(spec(program=PROGRAM._replace(agent="AGENT 2"))),
        lambda: same_name(spec(program=PROGRAM._replace(shim=b"shim 2"))),
        lambda: same_name(spec(), comparable=["hold", sharing.ANY_NONCE, "0-2"]),
        lambda: same_name(spec(node_tools=False)),
    ],
    ids=["user", "node", "namespace", "agent", "shim", "CPUs", "tools"],
)
def test_runs_that_differ_do_not(different: Callable[[], bool]) -> None:
    """Never a wrong pin, never another's helper: what differs has another name."""
    assert not different()


def test_an_image_of_ones_own_counts() -> None:
    """With --image its tools are those that are used."""
    one, other = (
        sharing.shared(spec(node_tools=False, image=image), "joe", COMPARABLE, ["hold"]).name for image in ("a", "b")
    )
    assert one != other


def test_its_manifest_says_whose_it_is_and_has_no_end_of_its_own() -> None:
    """activeDeadlineSeconds would end sessions that have just begun; the server has a clock for each."""
    made = manifest(KEPT)
    assert made["metadata"]["labels"]["nsexec.io/keeper"] == sharing.keeper("joe") != "joe"
    assert "activeDeadlineSeconds" not in made["spec"]
    assert "activeDeadlineSeconds" in manifest(spec())["spec"]


def test_without_a_name_nothing_is_kept() -> None:
    """A server that does not tell who one is cannot keep others out."""
    with pytest.raises(UsageError, match="does not tell who you are"):
        sharing.keeper(None)


@pytest.mark.parametrize(("text", "seconds"), [("0", 0), ("0s", 0), ("10m", 600), ("90s", 90)])
def test_how_long_is_a_duration_or_nought(text: str, seconds: float) -> None:
    """0 ends it."""
    assert parse_keep(text) == seconds


@pytest.mark.parametrize("text", ["", "-1s", "10", "soon"])
def test_anything_else_is_no_time(text: str) -> None:
    """As --timeout has it."""
    with pytest.raises(UsageError, match="--keep"):
        parse_keep(text)


def test_a_helper_that_runs_is_used() -> None:
    """One question, nothing created."""
    fake = FakeCluster({f"GET {POD}": shown(**RUNNING)})
    assert find(fake) == shared.Found(shown(**RUNNING), new=False)
    assert fake.calls == [f"GET {POD}"]


def test_a_helper_that_another_run_is_starting_is_waited_for() -> None:
    """Two first runs at once make one helper."""
    fake = FakeCluster({f"GET {POD}": shown()}, {PODS: [{"type": "MODIFIED", "object": shown(**RUNNING)}]})
    assert find(fake) == shared.Found(shown(), new=False)


@pytest.mark.parametrize("labels", [{}, {**manifest(KEPT)["metadata"]["labels"], "nsexec.io/keeper": "somebody"}])
def test_a_pod_of_that_name_that_is_not_ones_own_is_refused(labels: Json) -> None:
    """By name, and it is left alone."""
    fake = FakeCluster({f"GET {POD}": shown(labels=labels, **RUNNING)})
    with pytest.raises(HelperPodError, match=f"{KEPT.name}.*not entered"):
        find(fake)
    assert fake.calls == [f"GET {POD}"]


def answers_in_turn(*answers: Json | ApiError) -> Answer:
    """One after the other."""
    left = list(answers)

    def answer(_: Json | None) -> Json:
        found = left.pop(0)
        if isinstance(found, ApiError):
            raise found
        return found

    return answer


@pytest.mark.parametrize(
    ("old", "gone"),
    [
        (shown(phase="Succeeded"), ""),
        (shown(containerStatuses=[{"state": {"terminated": {}}}]), ""),
        (shown(**RUNNING), "u1"),
    ],
    ids=["completed", "just ended", "known to be gone"],
)
def test_one_that_is_over_is_deleted_by_its_uid_and_replaced(old: Json, gone: str) -> None:
    """The next run tidies up, and never hits the new one of the same name."""
    fake = FakeCluster({f"GET {POD}": answers_in_turn(old, not_found("pod")), f"DELETE {POD}": {}})
    assert find(fake, keep_seconds=0, gone=gone) is None
    assert fake.calls == [f"GET {POD}", f"DELETE {POD}", f"GET {POD}"]
    assert fake.bodies[1] is not None
    assert fake.bodies[1]["preconditions"] == {"uid": "u1"}


class Clock:
    """A time that passes only while it is slept."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        """It is later."""
        self.now += seconds


@pytest.mark.parametrize(
    ("finalizers", "events", "words"),
    [
        (["example.com/audit"], [], 'the finalizer "example.com/audit" holds it; whoever set that'),
        (["a/b", "c/d"], [{"type": "MODIFIED", "object": {}}], 'the finalizer "a/b", "c/d" holds it'),
        (["a/b"], [{"type": "ERROR", "object": {"code": 410}}], 'the finalizer "a/b" holds it'),
        (None, [], "nobody has removed it"),
    ],
)
def test_one_that_a_finalizer_holds_is_waited_for_with_pauses_and_then_named(
    finalizers: list[str] | None, events: list[Json], words: str
) -> None:
    """Its deletion is asked for once; how often it is looked at goes by the time, not by how fast the server is."""
    held = shown(phase="Succeeded")
    held["metadata"] |= {"deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": finalizers}
    fake, clock = FakeCluster({f"GET {POD}": held, f"DELETE {POD}": held}, {PODS: events}), Clock()
    with pytest.raises(HelperPodError) as late:
        find(fake, deadline=Deadline.after(5, clock), sleep=clock.sleep)
    assert words in late.value.message
    assert "was not gone within 5s" in late.value.message
    assert f"kubectl get pod {KEPT.name} -n nsexec -o yaml" in late.value.message
    assert fake.calls.count(f"DELETE {POD}") == 1
    assert clock.now == pytest.approx(5)
    assert fake.calls.count(f"GET {POD}") <= 5 / shared._PAUSE_SECONDS + 2


def test_one_that_goes_while_it_is_waited_for_is_replaced_at_once() -> None:
    """The watch says so: no pause."""
    held = shown(phase="Succeeded")
    answers = answers_in_turn(held, held, not_found("pod"))
    fake = FakeCluster({f"GET {POD}": answers, f"DELETE {POD}": held}, {PODS: [{"type": "DELETED", "object": held}]})
    clock = Clock()
    assert find(fake, keep_seconds=0, deadline=Deadline.after(5, clock), sleep=clock.sleep) is None
    assert fake.calls == [f"GET {POD}", f"DELETE {POD}", f"GET {POD}", f"WATCH {PODS}", f"GET {POD}"]
    assert clock.now == 0


def test_one_that_is_missing_is_made() -> None:
    """And used at once."""
    made = shared.Found(shown(**RUNNING), new=True)
    fake = FakeCluster({f"GET {POD}": not_found("pod")})
    assert find(fake, make=lambda: made) == made
    assert fake.calls == [f"GET {POD}"]


def test_one_that_another_client_is_making_over_and_over_is_not_asked_for_without_a_pause() -> None:
    """A name that is taken, and not there: as long as there is time."""
    fake, clock, tries = FakeCluster({f"GET {POD}": not_found("pod")}), Clock(), []
    with pytest.raises(HelperPodError, match="did not run within 5s"):
        find(fake, make=lambda: tries.append(1), deadline=Deadline.after(5, clock), sleep=clock.sleep)
    assert len(fake.calls) <= 5 / shared._PAUSE_SECONDS + 1
    assert len(tries) == len(fake.calls)


def make(refusal: ApiError) -> shared.Found | None:
    """What comes of making one when the API server refuses it."""
    answers: dict[str, Answer] = {
        f"POST {ACCESS}": {"status": {"allowed": True}},
        f"GET {PROGRAMS}/{PROGRAM.name}": config_map(PROGRAM, "nsexec"),
        f"POST {PODS}": refusal,
    }
    plan = planned()._replace(images=(KEPT.image,))
    context = context_of(FakeCluster(answers, {PODS: []}), plan, 600, Deadline.after(5))
    return shared.make_unless_there(context, KEPT, lambda _: None)


def test_a_name_that_is_taken_meanwhile_is_no_failure() -> None:
    """Another client of the same user was faster: his is looked for."""
    assert make(ApiError("there is one", reason="AlreadyExists", status=409)) is None


def test_any_other_refusal_of_a_new_one_is() -> None:
    """In the API server's words."""
    with pytest.raises(ApiError, match="no such field"):
        make(ApiError("no such field", reason="Invalid", status=422))


def test_keep_0_makes_none_only_to_end_it() -> None:
    """Then the run has a helper of its own, as without the flag."""
    assert find(FakeCluster({f"GET {POD}": not_found("pod")}), keep_seconds=0) is None


@pytest.mark.parametrize(
    ("pod", "error", "over"),
    [
        (shown(**RUNNING), AgentError("gone", code="gone"), True),
        (not_found("pod"), ApiError("no", status=404), True),
        (shown("u2", **RUNNING), AgentError("cut short"), True),
        (shown(phase="Succeeded"), AgentError("cut short"), True),
        (shown(**RUNNING), HelperPodError("another matter"), False),
        (shown(**RUNNING), AgentError("refused", code="overlap"), False),
    ],
)
def test_only_a_helper_that_is_over_is_replaced(pod: Json | ApiError, error: AgentError, over: bool) -> None:  # noqa: FBT001
    """A session that was refused for another reason would be so again."""
    assert shared.has_ended(FakeCluster({f"GET {POD}": pod}), shown(), error) is over


def test_an_end_that_the_api_server_does_not_know_yet_is_waited_for() -> None:
    """The runtime has it a moment earlier."""
    ended = {"type": "MODIFIED", "object": shown(phase="Succeeded")}
    fake = FakeCluster({f"GET {POD}": shown(**RUNNING)}, {PODS: [ended]})
    error = ApiError("container not found", status=500)
    assert shared.has_ended(fake, shown(**RUNNING), error)


@pytest.mark.parametrize("pod", [not_found("pod"), shown(phase="Succeeded"), shown("u2", **RUNNING)])
def test_one_that_ends_while_it_is_asked_to_has_ended(pod: Json | ApiError) -> None:
    """By ``--keep 0`` or ``--cleanup``; its record is deleted all the same."""
    fake = Refusing({f"GET {POD}": pod})
    assert shared_helper_pod.end(fake, shown(**RUNNING))


def test_one_that_runs_and_cannot_be_asked_to_end_is_a_failure() -> None:
    """What the API server said."""
    fake = Refusing({f"GET {POD}": shown(**RUNNING)}, {PODS: [{"type": "MODIFIED", "object": shown(**RUNNING)}]})
    with pytest.raises(ApiError, match="container not found"):
        shared_helper_pod.end(fake, shown(**RUNNING))


def test_the_first_session_of_a_new_helper_finds_it() -> None:
    """However short it is kept: one second would be over before the session has come."""
    assert sharing.hold_words(1) == ["60", "86400"]
    assert sharing.hold_words(600.5) == ["601", "86400"]


def test_a_kept_helper_is_left_when_all_went_well_and_deleted_when_not() -> None:
    """Within the context that would delete it otherwise."""
    from kubectl_nsexec.helper.life import running  # noqa: PLC0415 - beside what it is about

    def cluster() -> FakeCluster:
        made = {**shown(qosClass="BestEffort"), "metadata": shown()["metadata"]}
        watched = {PODS: [{"type": "MODIFIED", "object": shown(**RUNNING)}]}
        return FakeCluster({f"POST {PODS}": made, f"DELETE {POD}": {}}, watched)

    well, badly = cluster(), cluster()
    with running(well, KEPT, Deadline.after(5), Interrupts()):
        pass
    assert f"DELETE {POD}" not in well.calls
    with pytest.raises(AgentError), running(badly, KEPT, Deadline.after(5), Interrupts()):
        raise AgentError("the link did not arrive")
    assert badly.calls[-1] == f"DELETE {POD}"
