"""A cluster with a loop in it, on a server on loopback."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.check.builders import CLASS, pod
from tests.unit.check.cluster import ALL_PODS, CLASS_PATH, LOOP, PROFILES, node, profile
from tests.unit.fake_api import PODS, FakeApi

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def cluster(api: FakeApi, kubeconfig: Path) -> FakeApi:
    """With a loop in the namespace of the context, a pod of the shared pool, and everything about their node."""
    assert kubeconfig.exists()
    api.objects[PODS] = [pod(LOOP, runtimeClassName=CLASS), pod({"name": "web"}, name="web-0", labels={"app": "web"})]
    api.objects[ALL_PODS] = api.objects[PODS]
    api.objects[f"{PODS}/du-0"] = pod(LOOP, runtimeClassName=CLASS)
    api.objects["/api/v1/nodes/n1"] = node()
    api.objects[CLASS_PATH] = {"metadata": {"name": CLASS}, "handler": "high-performance"}
    api.objects[PROFILES] = [profile()]
    return api
