"""The real-time node's runtime: what RUNTIME says, and what CRI-O takes there."""

from __future__ import annotations

import json
import shutil
import stat
from pathlib import Path
from typing import Any

import pytest
import tomli

from kubectl_nsexec.model.cpuset import CpuSet
from testbed import binaries, crio, images, rt_config, rt_crio, rt_payload, rt_runtime
from testbed.errors import ClusterError

CNI = "opt/node/cni"


@pytest.mark.parametrize(
    ("runtime", "endpoint", "compiled", "scope"),
    [
        ("", "unix:///run/containerd/containerd.sock", True, "cri-containerd-ID.scope"),
        ("containerd", "unix:///run/containerd/containerd.sock", True, "cri-containerd-ID.scope"),
        ("debian", "unix:///run/containerd/containerd.sock", False, "cri-containerd-ID.scope"),
        ("crio", "unix:///run/crio/crio.sock", True, "crio-ID.scope"),
    ],
)
def test_the_kubelet_and_the_tests_look_where_it_is(
    monkeypatch: pytest.MonkeyPatch, runtime: str, endpoint: str, *, compiled: bool, scope: str
) -> None:
    """Its socket, and the names that it gives to cgroup folders."""
    monkeypatch.setenv("RUNTIME", runtime)
    config = json.loads(rt_payload.kubelet_config())
    assert (config["containerRuntimeEndpoint"], rt_runtime.compiled()) == (endpoint, compiled)
    assert rt_runtime.scope("ID") == scope


def test_another_name_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error lists those that there are."""
    monkeypatch.setenv("RUNTIME", "docker")
    with pytest.raises(ClusterError, match=r"RUNTIME=docker: .* containerd, debian, crio"):
        rt_runtime.socket()


@pytest.mark.parametrize(("suite", "program"), [("bookworm", "/usr/local/bin/runc"), ("trixie", "/usr/bin/crun")])
def test_crio_is_set_up_as_openshift_sets_it_up(monkeypatch: pytest.MonkeyPatch, suite: str, program: str) -> None:
    """Sandboxes on the reserved CPUs, and a handler whose execs keep to one CPU."""
    monkeypatch.setenv("RT_DISTRO", suite)
    config: dict[str, Any] = tomli.loads(rt_crio.config(CNI))
    runtime = config["crio"]["runtime"]
    assert CpuSet.parse(runtime["infra_ctr_cpuset"]) == CpuSet.parse(rt_config.RESERVED)
    assert {each["runtime_path"] for each in runtime["runtimes"].values()} == {program}
    assert runtime["runtimes"].keys() == {runtime["default_runtime"], rt_crio.HANDLER}
    assert "exec_cpu_affinity" not in runtime["runtimes"][runtime["default_runtime"]]
    assert runtime["runtimes"][rt_crio.HANDLER]["exec_cpu_affinity"] == "first"
    assert "cpu-shared.crio.io" in runtime["runtimes"][rt_crio.HANDLER]["allowed_annotations"]


def test_its_programs_come_with_what_the_node_has_not(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The C library apart from the others: skopeo has to run with the node's own, which may be newer."""
    chrt = shutil.which("chrt")
    assert chrt
    for name in ("crio", "pinns", "runc", "conmon", "skopeo"):
        shutil.copy(chrt, tmp_path / name)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(type(binaries.RUNTIME), "ensure", lambda _: tmp_path)
    monkeypatch.setattr(images, "ensure", lambda: {images.PAUSE: tmp_path / "pause.tar"})
    files = rt_crio.files(CNI)
    libraries = {path for path in files if path.startswith("opt/node/lib")}
    assert {path for path in libraries if Path(path).name.startswith(("libc.", "libm.", "ld-"))} == {
        path for path in libraries if path.startswith("opt/node/libc/")
    }
    assert {path for path in libraries if Path(path).name == "libc.so.6"} == {"opt/node/libc/libc.so.6"}
    programs = {path for path in files if path.startswith(("usr/local/bin/", "opt/node/bin/"))}
    assert {Path(path).name for path in programs} == {"crio", "pinns", "runc", "conmon", "skopeo"}
    assert all(files[path][0] & stat.S_IXUSR for path in programs)
    assert images.PAUSE in files["etc/systemd/system/images.service"][1].decode()


def test_without_it_the_error_names_what_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is not the test bed's to install."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CRIO", raising=False)
    monkeypatch.setattr(type(binaries.RUNTIME), "ensure", lambda _: tmp_path)
    with pytest.raises(ClusterError, match="crio, pinns, conmon, skopeo not found on PATH"):
        crio.programs_installed()
