"""On the host node: how long a command may run, and what is left of clients that were killed."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING, Final

import pytest

from tests.live.pods import pod
from tests.live.processes import reapers, running, unique_seconds, within

if TYPE_CHECKING:
    from tests.live.harness import Pods, Program
    from tests.live.pods import Pod

pytestmark = pytest.mark.host_node

_OVER: Final = 124


@pytest.fixture(scope="module")
def target(shared_pods: Pods, host_node: str) -> Pod:
    """A best-effort pod."""
    return shared_pods.start(pod("limits", node=host_node))


def test_a_command_whose_time_is_over_ends_with_124(nsexec: Program, target: Pod, nothing_left: None) -> None:
    """As timeout(1) says it, with a line that tells why."""
    del nothing_left
    done = nsexec(target.name, "-n", target.namespace, "--max-duration=1s", "--", "sleep", "1000")
    assert (done.status, done.stdout) == (_OVER, b"")
    assert done.words == "error: the command was ended after 1s (--max-duration)\n"


def test_the_node_ends_it_although_the_client_does_not_move(nsexec: Program, target: Pod) -> None:
    """A client that is stopped holds its connections open; the limit is kept by the node's clock."""
    seconds = unique_seconds()
    client = nsexec.start(target.name, "-n", target.namespace, "--max-duration=3s", "--", "sleep", seconds)
    try:
        assert within(60, lambda: bool(running("sleep", seconds)))
        client.send_signal(signal.SIGSTOP)
        assert within(30, lambda: not running("sleep", seconds))
        client.send_signal(signal.SIGCONT)
        assert client.wait(timeout=60) == _OVER
    finally:
        client.kill()
        client.communicate()


def test_cleanup_deletes_what_a_killed_client_left_and_nothing_in_use(
    nsexec: Program, kubectl: Program, target: Pod, helpers: str
) -> None:
    """The completed pod of the dead client goes; the running session of another goes on, and is named."""
    seconds = unique_seconds(), unique_seconds()
    run = (target.name, "-n", target.namespace, "--", "sleep")
    dead, alive = nsexec.start(*run, seconds[0]), nsexec.start(*run, seconds[1])
    try:
        assert within(60, lambda: bool(running("sleep", seconds[0]) and running("sleep", seconds[1])))
        (reaper,) = (pid for pid, parent in reapers(helpers).items() if parent == dead.pid)
        os.kill(reaper, signal.SIGKILL)  # as when a laptop's power goes: both at once
        dead.kill()
        finished = ("get", "pods", "-n", helpers, "--field-selector=status.phase=Succeeded", "-o", "name")
        assert within(30, lambda: len(kubectl.ok(*finished).split()) == 1)
        only_listed = json.loads(nsexec.ok("--cleanup", "--dry-run=client", "-o", "json"))
        assert sorted((h["state"], h["result"]) for h in only_listed["helpers"]) == [
            ("finished", "would be deleted"),
            ("running", "left"),
        ]
        assert len(kubectl.ok(*finished).split()) == 1
        done = nsexec("--cleanup")
        assert done.status == 0
        assert "1 in use" in done.stderr
        assert kubectl.ok(*finished) == ""
        assert running("sleep", seconds[1])
        forced = json.loads(nsexec.ok("--cleanup", "--force", "-o", "json"))
        assert [(h["kind"], h["result"]) for h in forced["helpers"]] == [("Pod", "deleted"), ("ConfigMap", "deleted")]
        assert alive.wait(timeout=60) == 125
        assert nsexec("--cleanup").stderr == "nothing to clean up\n"
    finally:
        for client in (dead, alive):
            client.kill()
            client.communicate()
