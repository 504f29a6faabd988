"""On the host node: the ConfigMap that holds what the helper pods run, from the first run to --cleanup."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING, Final

import pytest

from testbed import host_kubelet, processes
from tests.live.pods import pod
from tests.live.processes import within

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.live.harness import Pods, Program
    from tests.live.pods import Json, Pod

pytestmark = [pytest.mark.host_node, pytest.mark.usefixtures("nothing_left")]

_OWN_FAILURE: Final = 125
_STARTED: Final = ("--", "echo", "started")


@pytest.fixture(scope="module")
def target(shared_pods: Pods, host_node: str) -> Pod:
    """A pod that owns no CPU."""
    return shared_pods.start(pod("program", node=host_node))


@pytest.fixture
def programs(kubectl: Program, nsexec: Program, target: Pod, helpers: str) -> Iterator[Programs]:
    """The helpers' namespace, after a run."""
    nsexec.ok(target.name, "-n", target.namespace, "--", "true")
    made = Programs(kubectl, helpers)
    yield made
    made.delete_all()


class Programs:
    """The ConfigMaps of ours in one namespace."""

    def __init__(self, kubectl: Program, namespace: str) -> None:
        self._kubectl = kubectl
        self._where = ("-n", namespace)

    def found(self) -> list[Json]:
        """All of them."""
        ours = ("-l", "app.kubernetes.io/managed-by=kubectl-nsexec")
        items: list[Json] = json.loads(self._kubectl.ok("get", "configmaps", *self._where, *ours, "-o", "json"))[
            "items"
        ]
        return items

    def delete_all(self) -> None:
        """Also what a test has made."""
        self._kubectl.ok("delete", "configmaps", *self._where, "-l", "app.kubernetes.io/managed-by=kubectl-nsexec")

    def create(self, made: Json) -> None:
        """As somebody else would."""
        self._kubectl.ok("create", *self._where, "-f", "-", stdin=json.dumps(made).encode())

    def pods(self) -> list[str]:
        """Names of the pods there."""
        return self._kubectl.ok("get", "pods", *self._where, "-o", "name").split()


def test_one_serves_every_run_and_cleanup_removes_it(nsexec: Program, programs: Programs, target: Pod) -> None:
    """It can never change, and goes when no helper needs it."""
    nsexec.ok(target.name, "-n", target.namespace, *_STARTED)
    (found,) = programs.found()
    assert found["immutable"] is True
    nsexec.ok("--cleanup")
    assert programs.found() == []


def test_two_first_runs_at_once_make_one(nsexec: Program, programs: Programs, target: Pod) -> None:
    """Both start their command."""
    programs.delete_all()
    runs = [nsexec.start(target.name, "-n", target.namespace, *_STARTED) for _ in range(3)]
    assert [run.communicate(timeout=60) for run in runs] == [(b"started\n", b"")] * 3
    assert len(programs.found()) == 1


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"data": {"agent.sh": "touch /run/nsexec-attack"}}, "has other content"),
        ({"immutable": False}, "is not immutable"),
    ],
)
def test_one_of_its_name_that_is_not_it_is_refused(
    nsexec: Program, programs: Programs, target: Pod, changed: Json, why: str
) -> None:
    """By name, and nothing is created."""
    (found,) = programs.found()
    metadata = {key: found["metadata"][key] for key in ("name", "labels")}
    programs.delete_all()
    programs.create({**found, "metadata": metadata, **changed})
    done = nsexec(target.name, "-n", target.namespace, *_STARTED)
    assert (done.status, done.stdout) == (_OWN_FAILURE, b"")
    assert f'the ConfigMap "{metadata["name"]}"' in done.stderr
    assert why in done.stderr
    assert programs.pods() == []


@pytest.mark.alone
def test_one_that_is_deleted_while_a_helper_starts_is_made_again(
    nsexec: Program, programs: Programs, target: Pod
) -> None:
    """Between our look and the kubelet's, which is frozen until the client has seen to it."""
    kubelet = processes.pid_of(host_kubelet.NAME)
    assert kubelet
    os.kill(kubelet, signal.SIGSTOP)
    try:
        client = nsexec.start(target.name, "-n", target.namespace, *_STARTED)
        assert within(30, lambda: bool(programs.pods()))
        programs.delete_all()
        assert within(30, lambda: len(programs.found()) == 1)
    finally:
        os.kill(kubelet, signal.SIGCONT)
    assert client.communicate(timeout=90) == (b"started\n", b"")


def test_a_namespace_that_lets_none_in_is_told_with_the_way_round_it(
    nsexec: Program, kubectl: Program, programs: Programs, target: Pod, helpers: str
) -> None:
    """A quota of ConfigMaps: the server's words, and what needs none."""
    programs.delete_all()
    kubectl.ok("create", "quota", "none", "-n", helpers, "--hard=count/configmaps=0")
    try:
        done = nsexec(target.name, "-n", target.namespace, *_STARTED)
    finally:
        kubectl.ok("delete", "quota", "none", "-n", helpers)
    assert (done.status, done.stdout) == (1, b"")
    assert "exceeded quota: none" in done.stderr
    assert "--via ssh" in done.stderr
    assert programs.pods() == []
