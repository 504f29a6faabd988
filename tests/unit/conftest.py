"""A server on loopback and the kubeconfig that names it, for what asks one; a terminal for what writes to one."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

import pytest

from tests.unit.fake_api import PODS, FakeApi, fake_api
from tests.unit.fake_terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def api() -> Iterator[FakeApi]:
    """With two pods in the namespace of the context, one of which a deployment made."""
    with fake_api() as api:
        api.put(PODS, "du-0", "web-1")
        api.put("/api/v1/namespaces/other/pods", "du-other")
        api.put("/apis/apps/v1/namespaces/ran/deployments", "web", "db")
        api.put("/api/v1/namespaces", "ran", "other", "nsexec")
        api.objects[f"{PODS}/du-0"] = {
            "metadata": {"name": "du-0"},
            "spec": {
                "containers": [{"name": "main"}, {"name": "dpdk"}],
                "initContainers": [{"name": "prepare"}],
                "ephemeralContainers": [{"name": "debugger"}],
            },
        }
        yield api


@pytest.fixture
def tty() -> Iterator[Terminal]:
    """Stdout and stderr of a user."""
    made = Terminal()
    yield made
    made.close()


@pytest.fixture
def kubeconfig(api: FakeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The one that KUBECONFIG names, with two contexts."""
    context = {"cluster": "k", "user": "u", "namespace": "ran"}
    path = tmp_path / "config"
    path.write_text(
        json.dumps(
            {
                "current-context": "first",
                "clusters": [{"name": "k", "cluster": {"server": api.url}}],
                "users": [{"name": "u", "user": {"as": "of-u"}}, {"name": "v", "user": {"as": "of-v"}}],
                "contexts": [
                    {"name": "first", "context": context},
                    {"name": "second/api:6443", "context": {**context, "namespace": "other"}},
                    {"name": "bad\u001b[2J", "context": context},
                ],
            }
        )
    )
    monkeypatch.setenv("KUBECONFIG", str(path))
    return path


@pytest.fixture
def new_threads() -> Callable[[], list[threading.Thread]]:
    """Tells which threads have begun since: another test's server may still have one that ends by itself."""
    before = set(threading.enumerate())
    return lambda: [thread for thread in threading.enumerate() if thread not in before]
