"""Nodes and runtime classes that nothing can be entered on."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_nsexec.errors import TargetError
from kubectl_nsexec.kube.api import runtime_handler
from kubectl_nsexec.session import node_facts
from tests.unit.fakes import FakeCluster, forbidden, not_found

Json = dict[str, Any]

_CLASS = "/apis/node.k8s.io/v1/runtimeclasses/secure"
_READY = {"conditions": [{"type": "Ready", "status": "True"}]}


@pytest.mark.parametrize(
    "node",
    [
        {"metadata": {"labels": {"kubernetes.io/os": "windows"}}, "status": _READY},
        {"status": {**_READY, "nodeInfo": {"operatingSystem": "windows"}}},
    ],
)
def test_windows_nodes_are_refused(node: Json) -> None:
    """By what the kubelet reports, or by the label."""
    with pytest.raises(TargetError, match="node n1 runs Windows"):
        node_facts.check(node, "n1")


@pytest.mark.parametrize("status", [_READY, {**_READY, "nodeInfo": {"operatingSystem": "linux"}}])
def test_linux_nodes_are_not(status: Json) -> None:
    """Also where nothing is reported."""
    node_facts.check({"status": status}, "n1")


@pytest.mark.parametrize(
    ("answer", "handler"),
    [({"handler": "kata-qemu"}, "kata-qemu"), (not_found("secure"), ""), (forbidden("no"), "")],
)
def test_the_handler_of_a_runtime_class(answer: Any, handler: str) -> None:  # noqa: ANN401 - JSON or an error
    """Where it may not be read, the class's name has to do."""
    assert runtime_handler(FakeCluster({f"GET {_CLASS}": answer}), "secure") == handler


def test_no_runtime_class_is_not_asked_for() -> None:
    """Most pods have none."""
    assert runtime_handler(FakeCluster({}), "") == ""
