"""Fixtures of the live tests. Without the cluster they fail, and the message names the command that brings it up."""

from __future__ import annotations

import dataclasses
import secrets
from typing import TYPE_CHECKING

import pytest

from testbed import binaries, once, rt_valve
from testbed.paths import HOST_NODE, KUBECONFIG, RT_NODE
from testbed.sshd import Sshd
from tests.live import rt_ways, who
from tests.live.api import Api, pods_of
from tests.live.harness import Pods, Program, kubectl_program, nsexec_program
from tests.live.sessions import Session

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.live.pods import Pod

_NAMESPACES = "/api/v1/namespaces"
_PATIENCE_SECONDS = 300.0
_BRINGS_UP = {HOST_NODE: "I_MAY_SPOIL_THIS_MACHINE=1 make cluster NODE=host", RT_NODE: "make cluster"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Modules with a test that waits for long come first, then larger ones: else one process has them at the end."""
    modules: dict[Path, list[pytest.Item]] = {}
    for item in items:
        modules.setdefault(item.path, []).append(item)
    items.sort(key=lambda item: _rank(modules[item.path]))


def _rank(module: list[pytest.Item]) -> tuple[bool, int]:
    return not any(item.get_closest_marker("patient") for item in module), -len(module)


@pytest.fixture(scope="session")
def kubeconfig() -> Path:
    """The administrator's kubeconfig of the cluster."""
    if not KUBECONFIG.exists():
        pytest.fail(f"there is no cluster ({KUBECONFIG} is missing): {' or '.join(_BRINGS_UP.values())}", pytrace=False)
    return KUBECONFIG


@pytest.fixture(scope="session")
def kubectl(kubeconfig: Path) -> Program:
    """Runs kubectl: ``kubectl("get", "pods")``, or ``kubectl.ok(…)`` where only status 0 will do."""
    assert kubeconfig.exists()
    program = kubectl_program(binaries.KUBERNETES.folder())
    answer = program("get", "--raw", "/readyz")
    if answer.status != 0:
        commands = " or ".join(_BRINGS_UP.values())
        pytest.fail(f"the cluster's API server does not answer ({answer.stderr.strip()}): {commands}", pytrace=False)
    return program


@pytest.fixture(scope="session")
def api(kubeconfig: Path, kubectl: Program) -> Api:
    """The API server, which answers, without kubectl."""
    assert kubectl
    return Api(kubeconfig)


@pytest.fixture(scope="session")
def host_node(api: Api) -> str:
    """The name of the host node, which is Ready."""
    return _ready(api, HOST_NODE)


@pytest.fixture(scope="session")
def rt_node(api: Api) -> str:
    """The name of the real-time node, which is Ready."""
    return _ready(api, RT_NODE)


@pytest.fixture(autouse=True)
def _node_of_the_mark(request: pytest.FixtureRequest) -> None:
    """A test that is marked host_node, rt_node or both_nodes fails at once when such a node is not there."""
    both = request.node.get_closest_marker("both_nodes") is not None
    for mark in ("host_node", "rt_node"):
        if both or request.node.get_closest_marker(mark) is not None:
            request.getfixturevalue(mark)


@pytest.fixture
def nsexec(kubeconfig: Path, helpers: str) -> Program:
    """Runs ``oc nsexec``: ``nsexec(pod.name, "-n", pod.namespace, "--", "id")``; its helpers are the module's own."""
    assert kubeconfig.exists()
    return dataclasses.replace(nsexec_program(), environment={"NSEXEC_NAMESPACE": helpers})


@pytest.fixture(scope="session")
def leaving(api: Api) -> Iterator[list[str]]:
    """Namespaces that are being deleted: it takes the API server seconds each, and is waited for only at the end."""
    names: list[str] = []
    yield names
    for name in names:
        api.wait_until_gone(_NAMESPACES, name, _PATIENCE_SECONDS)


@pytest.fixture(scope="session")
def namespace(api: Api, leaving: list[str]) -> Iterator[str]:
    """A namespace for the tests' pods; in it the default service account is there already."""
    name = f"live-{secrets.token_hex(3)}"
    api.create(_NAMESPACES, {"metadata": {"name": name}})
    try:
        accounts = f"{_NAMESPACES}/{name}/serviceaccounts"
        assert api.wait(accounts, "default", lambda found: found is not None, _PATIENCE_SECONDS)
        yield name
    finally:
        _leave(api, name, leaving)


@pytest.fixture(scope="module")
def helpers(api: Api, leaving: list[str]) -> Iterator[str]:
    """A helper namespace of the module's own, so that whatever is in it comes from its tests."""
    name = f"helpers-{secrets.token_hex(3)}"
    yield name
    _leave(api, name, leaving)


@pytest.fixture
def nothing_left(api: Api, helpers: str) -> Iterator[None]:
    """After the test no helper pod is left in the module's namespace, not even in the API server's records."""
    yield
    assert api.names(pods_of(helpers)) == []


@pytest.fixture
def pods(api: Api, namespace: str) -> Iterator[Pods]:
    """Makes pods that are gone when the test is over."""
    yield from _until_over(Pods(api, namespace))


@pytest.fixture
def session(nsexec: Program, target: Pod, helpers: str) -> Iterator[Session]:
    """A command that runs in the module's own ``target``."""
    made = Session(nsexec, target, helpers)
    yield made
    made.close()


@pytest.fixture(scope="module")
def shared_pods(api: Api, namespace: str) -> Iterator[Pods]:
    """Makes pods that several tests of a module look at and none changes."""
    yield from _until_over(Pods(api, namespace))


@pytest.fixture(scope="session")
def client(rt_node: str) -> None:
    """The client itself on the real-time node, for ``--via local``."""
    assert rt_node
    rt_ways.install_client()


@pytest.fixture(scope="session")
def probe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A static program that tells what the kernel answers to it (tests/live/probe.c)."""
    return who.compiled_probe(tmp_path_factory.mktemp("probe"))


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """A server that lets root in, and a user whose configuration leads to it."""
    with Sshd(tmp_path_factory.mktemp("sshd")).running() as server:
        yield server


@pytest.fixture
def valve(pods: Pods) -> Iterator[rt_valve.Valve]:
    """Takes the loops' priority away: on the way out before the pods go, for a starving exec can hang the node."""
    assert pods
    with rt_valve.armed() as valve:
        yield valve
        valve.calm()


@pytest.fixture
def only_sessions() -> Iterator[None]:
    """No other test runs commands without a helper pod meanwhile: what they leave is looked for on the whole node."""
    with once.alone("sessions-without-helper"):
        yield


def _leave(api: Api, name: str, leaving: list[str]) -> None:
    api.delete(f"{_NAMESPACES}/{name}")
    leaving.append(name)


def _until_over(made: Pods) -> Iterator[Pods]:
    try:
        yield made
    finally:
        made.delete_all()


def _ready(api: Api, node: str) -> str:
    found = api.get(f"/api/v1/nodes/{node}")
    conditions = found["status"]["conditions"] if found else []
    if not any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions):
        why = "it is not Ready" if found else "it is not in the cluster"
        pytest.fail(f"node {node} cannot be tested on ({why}): {_BRINGS_UP[node]}", pytrace=False)
    return node


@pytest.fixture(params=["local", "ssh"])
def way(request: pytest.FixtureRequest) -> Mapping[str, str]:
    """The environment of either way onto this machine without a helper pod."""
    if request.param == "local":
        return {"NSEXEC_VIA": "local"}
    server: Sshd = request.getfixturevalue("sshd")
    server.configure()
    return server.environment
