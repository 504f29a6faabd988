"""What the helper pod and the target's Event say about a run, and that no argument is in it unasked."""

from __future__ import annotations

import json

import pytest

from kubectl_nsexec.helper import audit
from kubectl_nsexec.model.privileges import AS_EXEC, Privileges, User
from kubectl_nsexec.target.container_choice import Target
from tests.unit.fakes import FakeCluster

_SECRET = (b"psql", b"--password=hunter2", b"\xff")

_TARGET = Target(
    namespace="ran",
    pod="du-0",
    pod_uid="u-1",
    cgroup_uid="u-1",
    node="n",
    container="main",
    container_id="c",
    runtime="cri-o",
    image="i",
    shares_host_pid=False,
    runtime_class="",
    notice=None,
)


def _run(privileges: Privileges = AS_EXEC, user: str | None = "joe", *, record: bool = False) -> dict[str, str]:
    return audit.of_run(_TARGET, user, privileges, _SECRET, record_arguments=record)


def test_who_where_and_when_are_said_but_not_what() -> None:
    """Not even the program's name: it is an argument like the others."""
    run = _run()
    assert (run["nsexec.io/target"], run["nsexec.io/user"]) == ("ran/du-0/main", "joe")
    assert set(run) == {"nsexec.io/target", "nsexec.io/user", "nsexec.io/started"}
    event = audit.event(_TARGET, run, "on CPUs 0-1 of node n")
    assert event["message"] == "joe runs a command in container main on CPUs 0-1 of node n"
    assert "psql" not in json.dumps([run, event])


def test_the_arguments_are_recorded_when_that_is_asked_for() -> None:
    """As JSON, so that spaces and empty ones can be told."""
    run = _run(record=True)
    assert run["nsexec.io/command"] == r'["psql", "--password=hunter2", "\\xff"]'
    assert 'runs ["psql"' in audit.event(_TARGET, run, "")["message"]


def test_a_long_command_is_shortened() -> None:
    """An Event that is too long would be refused, and a helper pod with too much in its annotations as well."""
    run = audit.of_run(_TARGET, "joe", AS_EXEC, [b"x" * 300_000, "ä".encode() * 9000], record_arguments=True)
    assert len(run["nsexec.io/command"].encode()) <= 32 * 1024
    message = audit.event(_TARGET, run, "")["message"]
    assert len(message.encode()) <= 1000
    assert message.endswith("…")


@pytest.mark.parametrize(
    ("privileges", "words"),
    [
        (Privileges(privileged=True), "--privileged"),
        (Privileges(host_tools=True, process="dpdk"), "--host-tools --process dpdk"),
        (Privileges(user=User(0)), "--user 0"),
        (Privileges(user=User(7, 8), process=12), "--user 7:8 --process 12"),
    ],
)
def test_more_power_is_recorded(privileges: Privileges, words: str) -> None:
    """It is what a colleague would want to know first."""
    run = _run(privileges)
    assert run["nsexec.io/privileges"] == words
    assert f"a command in container main with {words} on" in audit.event(_TARGET, run, "on CPUs 0")["message"]


def test_without_the_servers_word_the_clients_own_is_marked_as_such() -> None:
    """Nobody should take it for a name on the API server."""
    assert _run(user=None)["nsexec.io/user"].endswith("(the client's own word)")


def test_the_event_is_on_the_pod_and_in_its_namespace() -> None:
    """By its uid, so that a later pod of that name does not inherit it."""
    fake = FakeCluster({"POST /api/v1/namespaces/ran/events": {}})
    event = audit.event(_TARGET, _run(), "")
    audit.publish(fake, event)
    assert fake.bodies == [event]
    assert event["involvedObject"] == {
        "apiVersion": "v1",
        "kind": "Pod",
        "namespace": "ran",
        "name": "du-0",
        "uid": "u-1",
    }
    assert (event["reason"], event["type"]) == ("NsexecStarted", "Normal")
