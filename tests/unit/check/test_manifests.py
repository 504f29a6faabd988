"""``--check -f`` as the user runs it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import yaml

from tests.unit.check.builders import CLASS, Json, container
from tests.unit.check.cluster import node, paths, run
from tests.unit.fake_api import PODS

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.unit.fake_api import FakeApi


def manifest(path: Path, *objects: Json) -> str:
    """The name of a file with these."""
    path.write_text(yaml.safe_dump_all(objects))
    return str(path)


DEPLOYMENT: Json = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "du"},
    "spec": {"template": {"spec": {"runtimeClassName": CLASS, "containers": [container(), container("log", "500m")]}}},
}


def test_a_manifest_takes_no_cluster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Nor a kubeconfig; that the runtime is not known is said, where it would count."""
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    monkeypatch.setenv("HOME", str(tmp_path))
    named = manifest(tmp_path / "m.yaml", DEPLOYMENT)
    status, out, err = run(capfd, "-f", named, "--fail-on", "latency")
    assert status == 3
    assert "deployment/du" in out
    assert err.startswith("the runtime is not known")
    assert run(capfd, "-f", named, "-q")[0] == 0


def test_a_manifest_is_judged_as_if_it_ran_on_a_node(
    cluster: FakeApi, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """With that node's runtime and profile, and the cluster's runtime classes."""
    cluster.objects["/api/v1/nodes/n1"] = node(runtime="cri-o://1.35.1")
    named = manifest(tmp_path / "m.yaml", DEPLOYMENT)
    _, out, err = run(capfd, "-f", named, "--node", "n1", "-o", "json")
    rows = json.loads(out)["rows"]
    assert [(row["lands"]["on"], row["nodes"]) for row in rows] == [
        ("FirstExclusiveCPU", {"n1": 1}),
        ("SharedPool", {"n1": 1}),
    ]
    assert not err.startswith("the runtime is not known")
    assert PODS not in paths(cluster)


def test_what_is_not_built_as_a_pod_is_an_error_with_its_place(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """And no defect of ours."""
    bad = {
        **DEPLOYMENT,
        "spec": {"template": {"spec": {"containers": [{"name": "a", "lifecycle": []}, {"resources": "2"}]}}},
    }
    named = manifest(tmp_path / "m.yaml", bad)
    status, out, err = run(capfd, "-f", named)
    assert (status, out) == (1, "")
    assert "m.yaml, line 1: not built as a pod is" in err
