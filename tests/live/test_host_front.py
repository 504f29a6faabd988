"""On the host node: an API server that is busy, away for a moment or behind somebody who lets no WebSocket through."""

from __future__ import annotations

import dataclasses
import time
from collections import Counter
from typing import TYPE_CHECKING, Final

import pytest

from tests.live import fronts
from tests.live.pods import pod

if TYPE_CHECKING:
    from pathlib import Path

    from tests.live.harness import Finished, Pods, Program
    from tests.live.pods import Pod

pytestmark = [pytest.mark.host_node, pytest.mark.usefixtures("nothing_left")]

_AWAY_SECONDS: Final = 10.0
_EVERYTHING: Final = ("--reject-paths=^$", "--reject-methods=^$", "--accept-hosts=.*")
"""kubectl proxy refuses exec and attach by itself."""


@pytest.fixture(scope="module")
def target(shared_pods: Pods, host_node: str) -> Pod:
    """A pod that owns no CPU."""
    return shared_pods.start(pod("fronted", node=host_node))


def run(nsexec: Program, folder: Path, port: int, target: Pod) -> Finished:
    """A command by the server at PORT."""
    config = fronts.kubeconfig(folder / "kubeconfig", port)
    by_front = dataclasses.replace(nsexec, environment={**nsexec.environment, "KUBECONFIG": str(config)})
    return by_front(target.name, "-n", target.namespace, "--", "echo", "started")


def test_a_proxy_that_refuses_websockets(nsexec: Program, kubectl: Program, target: Pod, tmp_path: Path) -> None:
    """``kubectl proxy`` is one; it is told from the API server's own 403, with the ways round it."""
    with fronts.kubectl_proxy(kubectl) as port:
        done = run(nsexec, tmp_path, port, target)
    assert (done.status, done.stdout) == (1, b"")
    assert done.stderr.startswith("error: exec and attach take a WebSocket, and HTTP 403 was answered instead")
    assert "--via ssh" in done.stderr


def test_a_busy_server_is_waited_for(nsexec: Program, kubectl: Program, target: Pod, tmp_path: Path) -> None:
    """Every request is sent away once, each in its way: reads, reviews, creation, watch, both streams, deletion."""
    asked: Counter[tuple[str, str]] = Counter()
    answers = [fronts.answer(429, "Retry-After: 1"), fronts.answer(503), fronts.answer(502, body="<html>Bad</html>")]

    def own(method: str, path: str) -> bytes | None:
        request = (method, path.partition("?")[0])
        asked[request] += 1
        return answers[len(asked) % len(answers)] if asked[request] == 1 else None

    with fronts.kubectl_proxy(kubectl, *_EVERYTHING) as port, fronts.front(port, own) as busy:
        done = run(nsexec, tmp_path, busy, target)
    assert (done.status, done.stdout) == (0, b"started\n"), done.stderr
    assert {method for method, _ in asked} == {"GET", "POST", "DELETE"}
    assert {path.rpartition("/")[2] for _, path in asked} >= {"exec", "attach"}


def test_a_server_that_is_away_at_the_end(nsexec: Program, kubectl: Program, target: Pod, tmp_path: Path) -> None:
    """503 to the deletion for ten seconds: no pod stays."""
    began: list[float] = []

    def own(method: str, _: str) -> bytes | None:
        if method != "DELETE":
            return None
        began.append(time.monotonic())
        return fronts.answer(503) if began[-1] - began[0] < _AWAY_SECONDS else None

    with fronts.kubectl_proxy(kubectl, *_EVERYTHING) as port, fronts.front(port, own) as away:
        done = run(nsexec, tmp_path, away, target)
    assert (done.status, done.stdout, done.stderr) == (0, b"started\n", "")
    assert len(began) > 1
