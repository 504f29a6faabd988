"""On the host node: whatever breaks while a command runs, the user is told in a line, and nothing is left."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Final

import pytest

from testbed import host_kubelet, host_node, nodes, processes
from testbed.paths import API_PORT, HOST_NODE, KUBECONFIG
from tests.live.harness import without_code
from tests.live.pods import container, pod
from tests.live.processes import within
from tests.live.relays import connect_proxy
from tests.live.sessions import Session, folders

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.live.api import Api
    from tests.live.harness import Pods, Program
    from tests.live.pods import Pod

pytestmark = pytest.mark.host_node

_GONE_WITHIN_SECONDS: Final = 15.0
_TOLD_WITHIN_SECONDS: Final = 60.0
_SILENT_FOR_SECONDS: Final = 150.0
"""A client takes a minute of silence for the end, and counts it from ping to ping."""
_NOT_READY_WITHIN_SECONDS: Final = 120.0
"""The controller manager's --node-monitor-grace-period is 50 s."""
_OWN_FAILURE: Final = 125
_INTERRUPTED: Final = 130


@pytest.fixture
def target(pods: Pods, host_node: str) -> Pod:
    """A pod that owns no CPU."""
    return pods.start(pod("target", node=host_node))


def told(session: Session) -> str:
    """What the client says at its end, which is a failure of ours and not the command's success."""
    _, errors = session.client.communicate(timeout=_TOLD_WITHIN_SECONDS)
    assert session.client.returncode == _OWN_FAILURE, errors
    return without_code(errors.decode())


def nothing_runs(session: Session, api: Api, helpers: str) -> None:
    """The command is gone, and so are the helper pod and its folders."""
    assert within(_GONE_WITHIN_SECONDS, lambda: not session.pids())
    assert within(_GONE_WITHIN_SECONDS, lambda: not api.alive(helpers))
    assert within(_GONE_WITHIN_SECONDS, lambda: not folders(api, *session.namespaces))


@pytest.mark.alone
def test_a_runtime_that_restarts(session: Session, api: Api, helpers: str) -> None:
    """Every stream ends in it; the containers outlive it, the command does not."""
    processes.stop(host_node.runtime().NAME)
    host_node.up()
    assert told(session).count("\n") == 1
    nothing_runs(session, api, helpers)


@pytest.mark.alone
def test_a_kubelet_that_ends(session: Session, api: Api, helpers: str) -> None:
    """Every stream runs through it; the command does not wait for it to come back."""
    processes.stop(host_kubelet.NAME)
    try:
        assert told(session).count("\n") == 1
        assert within(_GONE_WITHIN_SECONDS, lambda: not session.pids())
    finally:
        host_node.up()
    nothing_runs(session, api, helpers)


@contextmanager
def frozen_kubelet() -> Iterator[None]:
    """As on a node that hangs: nothing is answered, no connection ends. Afterwards the node is Ready again."""
    pid = processes.pid_of(host_kubelet.NAME)
    assert pid
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
        processes.wait_until("the node is Ready", lambda: nodes.ready(HOST_NODE), 120, process=host_kubelet.NAME)
        host_kubelet.wait_until_it_serves()


@pytest.mark.alone
def test_a_kubelet_that_hangs_for_a_while(
    nsexec: Program, session: Session, api: Api, target: Pod, helpers: str
) -> None:
    """The command goes on, and its end is told late but right; who gives up, or comes meanwhile, leaves nothing."""
    with closing(Session(nsexec, target, helpers, then="echo woken; exit 7")) as patient:
        with frozen_kubelet():
            os.kill(patient.pids()[0], signal.SIGTERM)
            session.client.send_signal(signal.SIGINT)
            session.client.communicate(timeout=_TOLD_WITHIN_SECONDS)
            assert session.client.returncode == _INTERRUPTED
            new = nsexec(target.name, "-n", target.namespace, "--timeout", "3s", "--", "echo", "started")
            assert (new.status, new.stdout) == (_OWN_FAILURE, b"")
            assert f"node {target.node} has not even taken it up: is its kubelet alive" in new.stderr
            assert patient.client.poll() is None
        output, errors = patient.client.communicate(timeout=_TOLD_WITHIN_SECONDS)
        assert (patient.client.returncode, output) == (7, b"woken\n"), errors
    nothing_runs(session, api, helpers)


@pytest.mark.alone
def test_a_node_that_is_not_ready(nsexec: Program, session: Session, api: Api, target: Pod, helpers: str) -> None:
    """Its silence is told after a minute; nothing new starts there, but what needs no kubelet; it ends what it ran."""
    run = dataclasses.replace(nsexec, argv=(*nsexec.argv, target.name, "-n", target.namespace))
    with frozen_kubelet():
        _, errors = session.client.communicate(timeout=_SILENT_FOR_SECONDS)
        assert session.client.returncode == _OWN_FAILURE
        assert errors.startswith(b"error: the API server, a proxy on the way or the node has been silent for 60s")
        assert without_code(errors.decode()).count("\n") == 1
        assert within(_NOT_READY_WITHIN_SECONDS, lambda: not nodes.ready(HOST_NODE))
        new = run("--", "echo", "started")
        assert (new.status, new.stdout) == (_OWN_FAILURE, b"")
        assert f"node {target.node} is not ready (NodeStatusUnknown: Kubelet stopped posting node status" in new.stderr
        assert new.words.endswith("; no helper pod can be started there\n")
        assert run("--via", "local", "--", "echo", "started").stdout == b"started\n"
    nothing_runs(session, api, helpers)


@pytest.mark.patient
def test_a_proxy_that_stops_forwarding(nsexec: Program, api: Api, target: Pod, helpers: str, tmp_path: Path) -> None:
    """A network that has gone silent is told after a minute; the node ends the command once its link is cut."""
    config = tmp_path / "kubeconfig"  # a name that only the proxy can resolve, so that nothing goes round it
    config.write_text(KUBECONFIG.read_text().replace(f"127.0.0.1:{API_PORT}", f"kubernetes:{API_PORT}"))
    with connect_proxy() as proxy:
        through = {**nsexec.environment, "KUBECONFIG": str(config), "HTTPS_PROXY": proxy.url}
        session = Session(dataclasses.replace(nsexec, environment=through), target, helpers)
        proxy.flowing.clear()
        _, errors = session.client.communicate(timeout=_SILENT_FOR_SECONDS)
        assert (session.client.returncode, session.pids() != []) == (_OWN_FAILURE, True)
        assert b"has been silent for 60s; whether the command ended, and how, is not known" in errors
        assert b"it ends by itself now that we are gone" in errors
    nothing_runs(session, api, helpers)


def test_an_evicted_helper(api: Api, session: Session, kubectl: Program, helpers: str) -> None:
    """The user is told that it was the helper pod that ended."""
    name = api.alive(helpers)[0]
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": helpers}}
    path = f"/api/v1/namespaces/{helpers}/pods/{name}/eviction"
    kubectl.ok("create", "--raw", path, "-f", "-", stdin=json.dumps(eviction).encode())
    assert "the helper pod ended before the command did" in told(session)
    nothing_runs(session, api, helpers)


def test_a_namespace_that_is_deleted_under_us(session: Session, kubectl: Program, api: Api, helpers: str) -> None:
    """So is a helper pod that goes with its namespace."""
    kubectl.ok("delete", "namespace", helpers, "--wait=false")
    assert "the helper pod ended before the command did" in told(session)
    nothing_runs(session, api, helpers)
    kubectl.ok("wait", "--for=delete", f"namespace/{helpers}", "--timeout=300s")


def test_a_target_that_runs_out_of_memory(
    nsexec: Program, kubectl: Program, api: Api, pods: Pods, helpers: str, host_node: str
) -> None:
    """The command goes with the container's first process, and is not taken for a success."""
    script = "until [ -e /tmp/go ]; do sleep 0.1; done; exec tail /dev/zero"
    limits = {"limits": {"memory": "24Mi", "cpu": "100m"}}
    greedy = pods.start(
        pod("greedy", container(command=["sh", "-c", script], resources=limits), node=host_node, restartPolicy="Never")
    )
    session = Session(nsexec, greedy, helpers)
    kubectl.ok("exec", "-n", greedy.namespace, greedy.name, "--", "touch", "/tmp/go")
    _, errors = session.client.communicate(timeout=_TOLD_WITHIN_SECONDS)
    assert session.client.returncode != 0
    assert without_code(errors.decode()).count("\n") == 1, errors
    nothing_runs(session, api, helpers)
