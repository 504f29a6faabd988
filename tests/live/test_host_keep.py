"""On the host node: a helper that is kept is shared, by one user only; each session has a life of its own in it."""

from __future__ import annotations

import dataclasses
import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from testbed import pki
from tests.live import sessions
from tests.live.api import pods_of
from tests.live.pods import pod
from tests.live.processes import running, unique_seconds, within

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.live.api import Api
    from tests.live.harness import Pods, Program
    from tests.live.pods import Pod

    Folders = Callable[[], set[str]]

pytestmark = pytest.mark.host_node

Json = dict[str, Any]

_SOON: Final = 15.0


@pytest.fixture(scope="module")
def target(shared_pods: Pods, host_node: str) -> Pod:
    """A best-effort pod."""
    return shared_pods.start(pod("keep", node=host_node))


@pytest.fixture
def keeping(nsexec: Program, target: Pod) -> Iterator[Program]:
    """Runs ``oc nsexec --keep 5m`` on the target: ``keeping("--", "id")``; no helper is left when the test is over."""
    flags = (target.name, "-n", target.namespace)
    environment = {**nsexec.environment, "NSEXEC_KEEP": "5m"}
    yield dataclasses.replace(nsexec, argv=(*nsexec.argv, *flags), environment=environment)
    nsexec.ok("--cleanup", "--force")


def helpers_in(api: Api, helpers: str) -> list[Json]:
    """The helper pods."""
    return api.items(pods_of(helpers))


@pytest.fixture
def folders(api: Api, helpers: str, target: Pod) -> Folders:
    """The names of the sessions that have cgroup folders, on cgroup v1 in more than one hierarchy."""

    def names() -> set[str]:
        found = sessions.folders(api, helpers, target.namespace)
        return {Path(path).name for path in found} - {"nsexec-cpus"}

    return names


def test_the_next_command_finds_the_helper_of_the_one_before(
    keeping: Program, api: Api, helpers: str, folders: Folders
) -> None:
    """One pod for all of them; what a command says and ends with is its own."""
    before = folders()
    assert keeping.ok("--", "echo", "one") == "one\n"
    first = helpers_in(api, helpers)
    assert keeping("--", "sh", "-c", "exit 37").status == 37
    assert keeping.ok("-i", "--", "cat", stdin=b"three\n" * 100_000) == "three\n" * 100_000
    assert [helper["metadata"]["uid"] for helper in helpers_in(api, helpers)] == [
        helper["metadata"]["uid"] for helper in first
    ]
    assert within(_SOON, lambda: folders() <= before)


def test_first_runs_at_the_same_time_share_one_helper(keeping: Program, api: Api, helpers: str) -> None:
    """Whoever is faster makes it, and the other waits for it."""
    clients = [keeping.start("--", "echo", str(number)) for number in range(3)]
    said = [client.communicate(timeout=90) for client in clients]
    assert [out for out, _ in said] == [b"0\n", b"1\n", b"2\n"], said
    assert len(helpers_in(api, helpers)) == 1


def test_a_helper_whose_record_a_finalizer_holds_is_waited_for_and_named(
    keeping: Program, kubectl: Program, api: Api, helpers: str
) -> None:
    """As a policy of the cluster may set one; when it lets go, the next command has a new helper."""
    keeping.ok("--", "true")
    (old,) = helpers_in(api, helpers)
    name, where = old["metadata"]["name"], ("-n", helpers)
    held, free = (json.dumps({"metadata": {"finalizers": value}}) for value in (["example.com/audit"], None))
    kubectl.ok("patch", "pod", name, *where, "--type=merge", "-p", held)
    try:
        kubectl.ok("delete", "pod", name, *where, "--grace-period=0", "--force", "--wait=false")
        late = keeping("--timeout", "5s", "--", "echo", "started")
        assert (late.status, late.stdout) == (125, b"")
        assert 'was not gone within 5s: the finalizer "example.com/audit" holds it' in late.stderr
    finally:
        kubectl.ok("patch", "pod", name, *where, "--type=merge", "-p", free)
    assert keeping.ok("--", "echo", "again") == "again\n"
    assert [helper["metadata"]["uid"] for helper in helpers_in(api, helpers)] != [old["metadata"]["uid"]]


@pytest.mark.parametrize("flags", [(), ("-i",)], ids=["without stdin", "with stdin that it does not read"])
def test_a_killed_client_takes_its_own_command_along_and_no_other(
    keeping: Program, api: Api, helpers: str, folders: Folders, flags: tuple[str, ...]
) -> None:
    """Also what the command left in the background, and with more stdin on its way than anything holds."""
    before, mine, stray, theirs = folders(), unique_seconds(), unique_seconds(), unique_seconds()
    alive = keeping.start("--", "sleep", theirs)
    killed = keeping.start(*flags, "--", "sh", "-c", f"sleep {stray} & exec sleep {mine}")
    feeder = subprocess.Popen(
        ["dd", "if=/dev/zero", "bs=1M", "count=64"], stdout=killed.stdin, stderr=subprocess.DEVNULL
    )
    try:
        assert within(60, lambda: all(running("sleep", seconds) for seconds in (mine, stray, theirs)))
        killed.kill()
        assert within(_SOON, lambda: not running("sleep", mine) and not running("sleep", stray))
        assert running("sleep", theirs)
        assert within(_SOON, lambda: len(folders() - before) == 1)
        assert keeping.ok("--", "echo", "fine") == "fine\n"
        assert len(helpers_in(api, helpers)) == 1
    finally:
        for process in (feeder, killed, alive):
            process.kill()
            process.communicate()


def test_another_user_does_not_get_it(keeping: Program, api: Api, helpers: str) -> None:
    """Nor may it be mistaken for his own: each has one of his own name."""
    certificate, key = pki.certificate("live-keep", "live-keep", "system:masters")
    keeping.ok("--", "true")
    keeping.ok(f"--client-certificate={certificate}", f"--client-key={key}", "--", "true")
    keepers = {helper["metadata"]["labels"]["nsexec.io/keeper"] for helper in helpers_in(api, helpers)}
    users = {helper["metadata"]["annotations"]["nsexec.io/user"] for helper in helpers_in(api, helpers)}
    assert (len(keepers), "live-keep" in users) == (2, True)


def test_it_ends_by_itself_and_the_next_run_replaces_it(keeping: Program, api: Api, helpers: str) -> None:
    """On the node's side; of the old one not even the record is left then."""
    keeping.ok("--keep", "1s", "--", "true")
    (old,) = helpers_in(api, helpers)
    assert within(_SOON, lambda: helpers_in(api, helpers)[0]["status"]["phase"] == "Succeeded")
    assert keeping.ok("--", "echo", "fine") == "fine\n"
    (new,) = helpers_in(api, helpers)
    assert new["metadata"]["uid"] != old["metadata"]["uid"]


def test_one_whose_time_runs_out_as_we_come_is_replaced_without_a_word(keeping: Program) -> None:
    """At whatever moment of its end the next command comes."""
    for _ in range(5):
        done = keeping("--keep", "1s", "--", "sh", "-c", "echo fine")
        assert (done.status, done.stdout, done.stderr) == (0, b"fine\n", "")
        within(1.0, lambda: False)  # about as long as it waits


def test_cleanup_and_keep_0_end_it_unless_somebody_is_in_it(
    keeping: Program, nsexec: Program, api: Api, helpers: str
) -> None:
    """A session under way is never ended by them."""
    seconds = unique_seconds()
    client = keeping.start("--", "sleep", seconds)
    try:
        assert within(60, lambda: bool(running("sleep", seconds)))
        assert "1 in use" in nsexec("--cleanup").stderr
        keeping.ok("--keep", "0", "--", "true")
        assert running("sleep", seconds)
    finally:
        client.kill()
        client.communicate()
    assert within(_SOON, lambda: not running("sleep", seconds))

    def ended() -> bool:  # the node takes a moment to know that nobody is in it any more
        keeping.ok("--keep", "0", "--", "true")
        return helpers_in(api, helpers) == []

    assert within(_SOON, ended)
    keeping.ok("--", "true")
    assert "deleted" in nsexec.ok("--cleanup")
    assert helpers_in(api, helpers) == []
