"""Answers that pass: what is asked again, for how long, and that nothing is made twice or left behind."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

import pytest

from kubectl_nsexec.errors import ApiError, ConnectionCutError, WebSocketRefusedError
from kubectl_nsexec.kube import retry, server
from kubectl_nsexec.kube.api import PATIENCE_SECONDS
from kubectl_nsexec.kube.retry import Patience, may_be_done_twice, may_pass, pause_seconds
from tests.unit.kube.test_upgrade import accepted
from tests.unit.raw_server import HANG_UP, SECONDS, raw_server

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from kubectl_nsexec.kube import KubernetesCluster
    from tests.unit.fake_api import Asked, FakeApi
    from tests.unit.raw_server import Reply

    Json = dict[str, Any]

POD: Json = {"kind": "Pod", "metadata": {"name": "p"}}
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
EVENTS = b'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{"type":"ADDED","object":{}}\n'


def answer(status: int, message: str = "", reason: str = "", headers: str = "") -> bytes:
    """An error of the API server's, or an empty one of a load balancer's; the connection goes on."""
    body = json.dumps({"kind": "Status", "message": message, "reason": reason}).encode() if message else b""
    return f"HTTP/1.1 {status} Words\r\n{headers}Content-Length: {len(body)}\r\n\r\n".encode() + body


BUSY = answer(429, "too many requests", headers="Retry-After: 0\r\n")
AWAY = answer(503)


class Clock:
    """A time that passes only while it is waited for."""

    def __init__(self) -> None:
        self.now = 0.0
        self.waited: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        """It is later."""
        self.waited.append(seconds)
        self.now += seconds


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is slept for in earnest."""
    monkeypatch.setattr(retry, "_FIRST_PAUSE_SECONDS", 0.001)


@pytest.mark.parametrize(
    ("status", "reason", "message", "retry_after", "any_method", "twice"),
    [
        (429, "TooManyRequests", "", "1", True, True),
        (429, "", "", "", True, True),
        (409, "Conflict", 'Operation cannot be fulfilled on resourcequotas "q"', "", True, True),
        (409, "AlreadyExists", 'pods "p" already exists', "", False, False),
        (409, "Conflict", "the UID in the precondition does not match", "", False, False),
        (500, "InternalError", "etcdserver: leader changed", "", False, True),
        (500, "InternalError", "etcdserver: request timed out", "", False, True),
        (500, "ServerTimeout", "", "1", False, True),
        (500, "InternalError", "failed calling webhook", "", False, False),
        (500, "InternalError", 'container not found ("nsexec")', "", False, False),
        (502, "", "", "", False, True),
        (503, "ServiceUnavailable", "", "", False, True),
        (504, "Timeout", "", "", False, True),
        (501, "", "", "", False, False),
        (403, "Forbidden", "", "", False, False),
        (403, "Forbidden", "status unknown for quota: q, resources: pods", "", True, True),
        (404, "NotFound", "", "1", False, False),
        (401, "Unauthorized", "", "", False, False),
        (0, "", "connection refused", "", False, False),
    ],
)
def test_what_may_pass(
    status: int, reason: str, message: str, retry_after: str, *, any_method: bool, twice: bool
) -> None:
    """After 429 nothing was done; after 5xx it may have been, so only what may be done twice is asked again."""
    error = ApiError(message, reason=reason, status=status, retry_after=retry_after)
    assert may_pass(error, twice=False) is any_method
    assert may_pass(error, twice=True) is twice


def test_a_connection_that_was_cut_may_pass() -> None:
    """What was asked may have been done all the same."""
    cut = ConnectionCutError("Connection reset by peer")
    assert (may_pass(cut, twice=False), may_pass(cut, twice=True), cut.code) == (False, True, "no-answer")


@pytest.mark.parametrize(
    ("method", "body", "twice"),
    [
        ("GET", None, True),
        ("DELETE", {"kind": "DeleteOptions"}, True),
        ("POST", POD, True),
        ("POST", {"kind": "SelfSubjectAccessReview"}, True),
        ("POST", {"kind": "Pod", "metadata": {"generateName": "p-"}}, False),
        ("POST", {"kind": "Eviction"}, False),
        ("POST", None, False),
        ("PATCH", POD, False),
    ],
)
def test_what_may_be_done_twice(method: str, body: Json | None, *, twice: bool) -> None:
    """What is the same the second time, or is refused by its name then."""
    assert may_be_done_twice(method, body) is twice


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        (" 7 ", 7.0),
        ("0", 0.0),
        (formatdate(0, usegmt=True), 0.0),
        ("-1", None),
        ("soon", None),
        ("", None),
        ("9" * 400, None),
    ],
)
def test_a_retry_after_is_seconds_or_a_date(header: str, seconds: float | None) -> None:
    """RFC 9110, 10.2.3; what is neither counts for nothing."""
    found = retry.after_seconds(header)
    assert found == seconds or (found is not None and seconds is None and found > 3600)


def test_pauses_grow_and_are_not_all_alike() -> None:
    """So that clients which were sent away together do not come back together."""
    error = ApiError("", status=503)
    assert pause_seconds(error, 20) <= retry._LONGEST_PAUSE_SECONDS
    assert len({pause_seconds(error, 3) for _ in range(20)}) > 1


def patience(
    clock: Clock, seconds: float = 30.0, hurried: Callable[[], bool] = lambda: False, **more: bool
) -> Patience:
    """One whose time is that clock's."""
    return Patience(0.0, seconds, hurried, clock=clock, sleep=clock.sleep, **more)


@pytest.mark.parametrize(
    ("clean_up", "asked_seconds", "waits", "until"),
    [
        (False, 10.0, True, 10.0),
        (False, 60.0, False, 0.0),
        (True, 60.0, True, 30.0),
    ],
)
def test_nobody_is_waited_for_longer_than_there_is_time(
    asked_seconds: float, until: float, *, clean_up: bool, waits: bool
) -> None:
    """A server that asks for more gets one more try when something would be left, and none otherwise."""
    clock = Clock()
    assert patience(clock, clean_up=clean_up).waited(asked_seconds) is waits
    assert clock.now == pytest.approx(until)


def test_who_wants_to_go_is_not_kept() -> None:
    """A signal may be deferred: it is looked for all the time."""
    clock = Clock()
    assert not patience(clock, hurried=lambda: clock.now > 1).waited(10)
    assert clock.now < 1.5
    assert max(clock.waited) <= 0.1


def test_the_last_answer_is_the_error_and_says_for_how_long_it_was_tried() -> None:
    """The server's words first."""
    clock, tries = Clock(), []

    def attempt() -> None:
        tries.append(clock.now)
        raise ApiError("not yet", status=503)

    with pytest.raises(ApiError) as raised:
        retry.repeated(attempt, ApiError("no", status=503, retry_after="10"), twice=True, patience=patience(clock, 12))
    assert tries
    assert raised.value.message == f"not yet (asked {len(tries) + 1} times in {clock.now:.0f} s)"


@pytest.mark.parametrize("first", [BUSY, AWAY, HANG_UP], ids=["429", "503", "cut"])
@pytest.mark.parametrize("status", [400, 403, 404, 409, 500])
def test_an_answer_that_comes_after_some_waiting_is_told_as_one_that_comes_at_once(first: Reply, status: int) -> None:
    """That the pod is not there has nothing to do with a server that had no time, or was not there, before."""
    told = answer(status, "no", "Because")
    replies: list[list[Reply]] = [[first], [first], [told]] if first is HANG_UP else [[first, first, told]]
    with raw_server(*replies) as asked, pytest.raises(ApiError) as raised:
        get(asked.cluster())
    assert (raised.value.message, raised.value.status) == ("no", status)


def get(cluster: KubernetesCluster) -> object:
    """A read."""
    return cluster.request("GET", "/api")


def post(cluster: KubernetesCluster) -> object:
    """A creation."""
    return cluster.request("POST", "/api/v1/namespaces/n/pods", body=POD)


def delete(cluster: KubernetesCluster) -> object:
    """A deletion."""
    return cluster.request("DELETE", "/api/v1/namespaces/n/pods/p", body={"kind": "DeleteOptions"})


def watch(cluster: KubernetesCluster) -> object:
    """A watch."""
    return list(cluster.watch("/api/v1/namespaces/n/pods", [], timeout_seconds=SECONDS))


def upgrade(cluster: KubernetesCluster) -> object:
    """An exec."""
    cluster.open_stream("/api/v1/namespaces/n/pods/p/exec", [], timeout_seconds=SECONDS).close()
    return None


WAYS: dict[Callable[[KubernetesCluster], object], Reply] = {
    get: OK,
    post: OK,
    delete: OK,
    watch: EVENTS,
    upgrade: accepted,
}


@pytest.mark.parametrize("ask", WAYS, ids=lambda ask: ask.__name__)
@pytest.mark.parametrize("first", [BUSY, AWAY, answer(502), answer(504)], ids=["429", "503", "502", "504"])
def test_an_answer_that_passes_is_waited_out(ask: Callable[[KubernetesCluster], object], first: bytes) -> None:
    """Whatever was asked, and by whichever way."""
    replies: list[list[Reply]] = [[first, first, WAYS[ask]]]
    if ask in (watch, upgrade):  # a connection each
        replies = [[first], [first], [WAYS[ask]]]
    with raw_server(*replies) as asked:
        ask(asked.cluster())
    assert len(asked.asked) == 3


@pytest.mark.parametrize("ask", [get, post, delete, watch], ids=lambda ask: ask.__name__)
def test_a_connection_that_is_cut_for_a_moment_is_made_anew(ask: Callable[[KubernetesCluster], object]) -> None:
    """A load balancer that takes connections and has no server left for some seconds: kubectl's reads wait for it."""
    cut: list[Reply] = [HANG_UP]
    with raw_server(cut, cut, cut, cut, cut, [WAYS[ask]]) as asked:
        ask(asked.cluster())
    assert asked.connections == 6


def test_a_stream_is_not_opened_anew_when_it_is_cut() -> None:
    """It may have started a command; kubectl does not either."""
    with raw_server([HANG_UP]) as asked, pytest.raises(ApiError, match="could not be reached"):
        upgrade(asked.cluster())


def test_one_that_is_cut_each_time_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sooner than one that answers, for there may be no API server there at all."""
    assert retry.CUT_SECONDS < PATIENCE_SECONDS
    monkeypatch.setattr(retry, "CUT_SECONDS", 0.0)
    with raw_server([HANG_UP], [HANG_UP]) as asked, pytest.raises(ConnectionCutError, match="could not be reached"):
        get(asked.cluster())


def test_after_a_refusal_a_stream_goes_by_another_connection() -> None:
    """Whoever refuses may hang up, and what may start a command is not asked again when that happens."""
    with raw_server([BUSY, HANG_UP], [accepted]) as asked:
        upgrade(asked.cluster())
    assert asked.connections == 2


def test_a_quota_that_is_too_new_to_have_counted_is_waited_for() -> None:
    """A policy has generated it along with the namespace, a moment ago."""
    new = answer(403, 'pods "p" is forbidden: status unknown for quota: q, resources: pods', "Forbidden")
    with raw_server([new, OK]) as asked:
        post(asked.cluster())


@pytest.mark.parametrize("ask", [get, post, delete, watch, upgrade], ids=lambda ask: ask.__name__)
@pytest.mark.parametrize("status", [400, 403, 404, 409, 500])
def test_an_answer_that_does_not_is_told_at_once(ask: Callable[[KubernetesCluster], object], status: int) -> None:
    """In the server's own words."""
    with raw_server([answer(status, "no", "Because")]) as asked, pytest.raises(ApiError) as raised:
        ask(asked.cluster())
    assert (raised.value.message, raised.value.reason, raised.value.status) == ("no", "Because", status)


@pytest.mark.parametrize("ask", [get, delete, watch], ids=lambda ask: ask.__name__)
def test_a_server_that_stays_away_is_given_up(
    ask: Callable[[KubernetesCluster], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the time is over: here at once."""
    monkeypatch.setattr(retry.Patience, "left", lambda _: 0.0)
    with raw_server([AWAY]) as asked, pytest.raises(ApiError, match="the server answered HTTP 503"):
        ask(asked.cluster())


def test_a_clean_up_goes_on_although_the_user_wants_to_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """A read does not; the deletion at the end of an interrupted run is the one request that has to arrive."""
    with raw_server([AWAY, AWAY, OK]) as asked:
        cluster = asked.cluster()
        monkeypatch.setattr(cluster, "_hurried", lambda: True)
        with pytest.raises(ApiError):
            get(cluster)
        delete(cluster)
    assert [request.split()[0] for request in asked.asked] == [b"GET", b"DELETE", b"DELETE"]


def test_a_page_that_comes_instead_of_a_websocket_for_a_moment_is_waited_out() -> None:
    """A load balancer that has no server left for a second."""
    page = b"<html><title>502 Bad Gateway</title></html>"
    bad = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: %d\r\n\r\n%s" % (len(page), page)
    with raw_server([bad], [accepted]) as asked:
        upgrade(asked.cluster())


def test_one_that_comes_each_time_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sooner than for other requests."""
    assert server._UPGRADE_PATIENCE_SECONDS < PATIENCE_SECONDS
    monkeypatch.setattr(server, "_UPGRADE_PATIENCE_SECONDS", 0.0)
    with raw_server([answer(502)]) as asked, pytest.raises(WebSocketRefusedError):
        upgrade(asked.cluster())


def test_request_timeout_is_for_all_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's word, not ours."""
    given: list[float] = []

    def repeated(_: object, error: ApiError, **given_too: Any) -> object:  # noqa: ANN401 - as the real one
        given.append(given_too["patience"].seconds)
        raise error

    monkeypatch.setattr(retry, "repeated", repeated)
    with raw_server([AWAY, AWAY]) as asked:
        cluster = asked.cluster()
        for flag in (None, 2.0):
            cluster._request_timeout_seconds = flag
            with pytest.raises(ApiError):
                get(cluster)
    assert given == [PATIENCE_SECONDS, 2.0]


def test_ctrl_c_ends_the_waiting(api: FakeApi, kubeconfig: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole program, while its server is away: 130, and not a word."""
    asked = threading.Event()

    def away(_: Asked) -> tuple[int, Json]:
        asked.set()
        return 503, {"kind": "Status", "message": "away", "reason": "ServiceUnavailable"}

    monkeypatch.setattr(api, "answer", away)
    argv = [sys.executable, "-m", "kubectl_nsexec", "--kubeconfig", str(kubeconfig), "du-0", "--", "true"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as client:
        assert asked.wait(SECONDS)
        client.send_signal(signal.SIGINT)
        output = client.communicate(timeout=SECONDS)
    assert (client.returncode, output) == (130, (b"", b""))
