"""A cluster with a loop in it: its objects, and the command line that looks at them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubectl_nsexec.cli import app
from tests.unit.check.builders import CLASS, SYS_NICE, Json, container, probe

if TYPE_CHECKING:
    import pytest

    from tests.unit.fake_api import FakeApi

ALL_PODS = "/api/v1/pods"
CLASS_PATH = f"/apis/node.k8s.io/v1/runtimeclasses/{CLASS}"
PROFILES = "/apis/performance.openshift.io/v2/performanceprofiles"
LOOP = container(securityContext=SYS_NICE, livenessProbe=probe())


def node(
    name: str = "n1", runtime: str = "cri-o://1.33.5-3.rhaos4.20.git1a2b3c4.el9", kernel: str = "5.14.0+rt"
) -> Json:
    """A v1 Node of the real-time pool."""
    info = {"containerRuntimeVersion": runtime, "kernelVersion": kernel, "kubeletVersion": "v1.33.5"}
    labels = {"node-role.kubernetes.io/worker-rt": ""}
    return {"metadata": {"name": name, "labels": labels}, "status": {"nodeInfo": info}}


def profile(**annotations: str) -> Json:
    """The PerformanceProfile of that pool."""
    spec = {
        "nodeSelector": {"node-role.kubernetes.io/worker-rt": ""},
        "cpu": {"reserved": "0-1", "isolated": "2-7", "shared": "2-3"},
        "workloadHints": {"mixedCpus": True},
        "realTimeKernel": {"enabled": True},
    }
    metadata = {"name": "ran", "annotations": {f"performance.openshift.io/{k}": v for k, v in annotations.items()}}
    return {"metadata": metadata, "spec": spec}


def run(capfd: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Exit status, stdout and stderr of a command line."""
    status = app.main(["oc-nsexec", "--check", *words])
    out, err = capfd.readouterr()
    return status, out, err


def paths(api: FakeApi) -> list[str]:
    """What it was asked for."""
    return [asked.path for asked in api.asked]
