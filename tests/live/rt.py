"""What the tests on the real-time node share: its pods, its processes as seen from inside, and its clean-up."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from kubectl_nsexec.cpuset import CpuSet
from testbed import images, kubectl, rt_config, rt_vm
from testbed.paths import KUBECONFIG, RT_NODE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

RESERVED: Final = CpuSet.parse(rt_config.RESERVED)
ISOLATED: Final = CpuSet.parse(rt_config.ISOLATED)
NAMESPACE: Final = "default"
HELPER_NAMESPACE: Final = "nsexec"
PATIENCE_SECONDS: Final = 180.0
"""Emulated CPUs that share two real ones with everything else: nothing here is quick, and nothing may hang for ever."""

WAIT: Final = ("sh", "-c", "trap 'exit 0' TERM; while :; do sleep 86400 & wait $!; done")
LOOP: Final = ("chrt", "-f", "1", "sh", "-c", "while :; do :; done")
_KUBEPODS: Final = "/sys/fs/cgroup/kubepods.slice"


@contextmanager
def guaranteed_pod(name: str, command: Sequence[str] = WAIT) -> Iterator[str]:
    """Run a pod that owns one isolated CPU; yields its name, and waits on the way out until it is gone."""
    resources = {"cpu": "1", "memory": "64Mi"}
    container = {
        "name": "main",
        "image": images.BUSYBOX,
        "command": list(command),
        "resources": {"requests": resources, "limits": resources},
        "securityContext": {"capabilities": {"add": ["SYS_NICE"]}},  # for chrt
    }
    spec = {
        "nodeName": RT_NODE,
        "hostNetwork": True,
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 1,
        "tolerations": [{"operator": "Exists"}],
        "containers": [container],
    }
    delete(name)
    kubectl.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": NAMESPACE}, "spec": spec})
    try:
        kubectl.run("wait", "--for=condition=Ready", f"pod/{name}", "-n", NAMESPACE, "--timeout=120s")
        yield name
    finally:
        delete(name)


def delete(name: str) -> None:
    """Delete a pod of the tests and wait until the API server has forgotten it."""
    kubectl.run("delete", "pod", name, "-n", NAMESPACE, "--ignore-not-found", "--grace-period=1", "--timeout=120s")


def mask_of(pod: str) -> CpuSet:
    """Return the CPUs of a pod's first container, from its cgroup folder."""
    uid = pod_field(pod, "metadata.uid").replace("-", "_")
    container = pod_field(pod, "status.containerStatuses[0].containerID").rpartition("/")[2]
    folder = f"{_KUBEPODS}/kubepods-pod{uid}.slice/cri-containerd-{container}.scope"
    return CpuSet.parse(inside(f"cat {folder}/cpuset.cpus"))


def pod_field(pod: str, field: str) -> str:
    """Return one field of a pod of the tests."""
    return kubectl.run("get", "pod", pod, "-n", NAMESPACE, "-o", f"jsonpath={{.{field}}}")


def inside(script: str) -> str:
    """Run a shell script in the node, from the outside of every container, and return its stdout."""
    return rt_vm.ssh(["sh", "-c", script]).stdout.decode()


def nsexec(pod: str, *command: str, options: Sequence[str] = ()) -> list[str]:
    """Return the command line of ``oc nsexec POD -- COMMAND``."""
    return [
        sys.executable, "-m", "kubectl_nsexec", pod, "-n", NAMESPACE, "--kubeconfig", str(KUBECONFIG),
        "--timeout", f"{PATIENCE_SECONDS:.0f}s", *options, "--", *command,
    ]  # fmt: skip


@dataclass(frozen=True)
class Timed:
    """What came of one command; ``seconds`` is wall-clock time."""

    seconds: float
    code: int
    stdout: str
    stderr: str


def timed(argv: Sequence[str]) -> Timed:
    """Run ARGV to its end."""
    began = time.monotonic()
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS, input="")
    return Timed(time.monotonic() - began, done.returncode, done.stdout, done.stderr)


@contextmanager
def waiting_command(
    pod: str, script: str = "grep Cpus_allowed_list /proc/self/status"
) -> Iterator[subprocess.Popen[str]]:
    """Run ``oc nsexec`` whose command first does SCRIPT, says "ready", and then lives until its stdin ends."""
    argv = nsexec(pod, "sh", "-c", f"{script}; echo ready; cat >/dev/null", options=["-i"])
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as client:
        try:
            yield client
        finally:
            client.kill()


def read_until_ready(client: subprocess.Popen[str]) -> list[str]:
    """Return the lines before "ready"; fails when the command ends first."""
    assert client.stdout
    lines: list[str] = []
    for line in client.stdout:
        if line == "ready\n":
            return lines
        lines.append(line.strip())
    assert client.stderr
    raise AssertionError(f"no command came up: {lines}, {client.stderr.read()}")


@dataclass(frozen=True)
class Sighting:
    """A thread of a best-effort pod with one mask in one cgroup folder, from its first to its last sample (seconds)."""

    thread: str
    first: float
    last: float
    folder: str
    name: str
    cpus: str

    @property
    def mask(self) -> CpuSet:
        """The CPUs it was allowed to run on."""
        return CpuSet.parse(self.cpus)


class Sampler:
    """Watches every thread of every best-effort pod from inside the node; the helper pods are the only ones there."""

    def __init__(self) -> None:
        script = (Path(__file__).parent / "rt_sampler.py").read_text(encoding="utf-8")
        argv = rt_vm.ssh_argv(["python3", "-c", script])
        self._process = subprocess.Popen(
            argv, cwd=rt_vm.FOLDER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._answered()
        self.sightings: list[Sighting] = []
        self.marks: dict[str, float] = {}
        self.longest_gap_seconds = 0.0

    def mark(self, label: str) -> None:
        """Note the node's time under LABEL."""
        assert self._process.stdin
        self._process.stdin.write(label + "\n")
        self._process.stdin.flush()
        self._answered()

    def finish(self) -> None:
        """End the sampling and keep what was seen."""
        output, _ = self._process.communicate(timeout=PATIENCE_SECONDS)
        seen: dict[str, Any] = json.loads(output)
        self.longest_gap_seconds = seen["longest_gap_seconds"]
        self.marks = {label: at for at, label in seen["marks"]}
        self.sightings = [Sighting(*row) for row in seen["sightings"]]

    def close(self) -> None:
        """End the process in any case."""
        self._process.kill()
        self._process.communicate()

    def _answered(self) -> None:
        assert self._process.stdout
        assert self._process.stdout.readline() == "ok\n"


@contextmanager
def sampling() -> Iterator[Sampler]:
    """Sample while the block runs; what was seen is there afterwards."""
    sampler = Sampler()
    try:
        yield sampler
        sampler.finish()
    finally:
        sampler.close()


def helper_folders() -> str:
    """Return the names of the best-effort pods' cgroup folders that exist, empty when nothing of ours is left."""
    return inside(f"ls -d {_KUBEPODS}/kubepods-besteffort.slice/*.slice 2>/dev/null || :").strip()


def helper_processes() -> str:
    """Return the processes in the best-effort pods' cgroup folders, empty when nothing of ours is left."""
    tree = f"{_KUBEPODS}/kubepods-besteffort.slice"
    return inside(f"find {tree} -name cgroup.procs -exec cat {{}} + 2>/dev/null || :").strip()


def live_helper_pods() -> str:
    """Return the helper pods that are neither gone nor ended."""
    selector = "status.phase!=Succeeded,status.phase!=Failed"
    return kubectl.run("get", "pods", "-n", HELPER_NAMESPACE, f"--field-selector={selector}", "-o", "name").strip()


def wait_until_empty(what: str, ask: Callable[[], str], deadline: float) -> None:
    """Ask until the answer is empty; fails at DEADLINE (``time.monotonic()``) with the last answer."""
    while left := ask():
        assert time.monotonic() < deadline, f"{what}: {left}"
