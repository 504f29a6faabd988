"""What the tests on the real-time node share: the loop, a session that lives on, and what the node's inside says."""

from __future__ import annotations

import json
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, final

from kubectl_nsexec.model.cpuset import CpuSet
from testbed import rt_config, rt_node, rt_runtime, rt_vm
from testbed.paths import RT_NODE
from tests.live.pods import container, pod

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.live.harness import Program
    from tests.live.pods import Json, Pod

RESERVED: Final = CpuSet.parse(rt_config.RESERVED)
MASK: Final = ("grep", "Cpus_allowed_list", "/proc/self/status")

PATIENCE_SECONDS: Final = 180.0
_HELPERS: Final = "/sys/fs/cgroup/kubepods.slice/kubepods-besteffort.slice"
"""Where the helper pods' cgroup folders are, and those of the few other pods that are best effort."""


def loop(name: str = "loop") -> Json:
    """Return a pod that owns one isolated CPU and never leaves it to anybody: a busy loop at SCHED_FIFO 1."""
    command = ["chrt", "-f", "1", "sh", "-c", "while :; do :; done"]
    security = {"capabilities": {"add": ["SYS_NICE"]}}  # for chrt
    return pod(name, container(command=command, cpus=1, security=security), node=RT_NODE)


def unknown_loop(cpu: int, name: str = "unknown") -> Json:
    """Return a pod that the kubelet gave nothing: it pins itself to CPU, and loops there at SCHED_FIFO 1."""
    command = ["taskset", "-c", str(cpu), "chrt", "-f", "1", "sh", "-c", "while :; do :; done"]
    return pod(name, container(command=command, security={"capabilities": {"add": ["SYS_NICE"]}}), node=RT_NODE)


@contextmanager
def cpu_manager(**settings: Any) -> Iterator[None]:  # noqa: ANN401 - see rt_payload.kubelet_config
    """The kubelet with another CPU manager while the block runs."""
    try:
        rt_node.set_cpu_manager(**settings)
        yield
    finally:
        rt_node.set_cpu_manager()


def allow(target: Pod, cpus: str) -> None:
    """Write CPUS into the cgroup folder of a best-effort pod's container, as for others than the kubelet."""
    name = f"kubepods-besteffort-pod{target.uid.replace('-', '_')}.slice/{rt_runtime.scope(target.container_id)}"
    inside(f"echo {cpus} >{_HELPERS}/{name}/cpuset.cpus")


@contextmanager
def folders_refused() -> Iterator[None]:
    """No cgroup folder can be made in a helper's pod, as on a node that is at a limit of them."""
    limit = "for pod in {}/*-pod*; do echo {} >$pod/cgroup.max.descendants; done"
    inside(limit.format(_HELPERS, 0))
    try:
        yield
    finally:
        inside(limit.format(_HELPERS, "max"))


@final
class Session:
    """A running ``oc nsexec`` whose command has printed its mask and lives until its stdin ends, or it is killed."""

    def __init__(self, nsexec: Program, target: Pod) -> None:
        script = f"{' '.join(MASK)}; exec cat"
        self.client = nsexec.start(*options(target), "-i", "--", "sh", "-c", script)
        assert self.client.stdout is not None
        line = self.client.stdout.readline()
        if not line:
            raise AssertionError(self.client.communicate()[1].decode())
        self.mask = CpuSet.parse(line.split()[1].decode())

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        if self.client.poll() is None:
            self.client.kill()
        self.client.communicate()

    def finish(self) -> int:
        """End the command's stdin and return the client's status."""
        self.client.communicate(timeout=PATIENCE_SECONDS)
        return self.client.returncode

    def kill(self) -> None:
        """``kill -9`` the client: nothing of it gets a chance to tidy up."""
        self.client.kill()
        self.client.communicate()


def options(target: Pod) -> list[str]:
    """Return the words of every ``oc nsexec`` here, without the command."""
    return [
        target.name,
        "-n",
        target.namespace,
        "--timeout",
        f"{PATIENCE_SECONDS:.0f}s",
    ]


@dataclass(frozen=True)
class Sighting:
    """A thread of a helper pod with one mask in one cgroup folder, from its first to its last sample (seconds)."""

    thread: str
    first: float
    last: float
    folder: str
    name: str
    cpus: str

    @property
    def pod(self) -> str:
        """The folder of its pod, which carries the pod's uid."""
        return self.folder.split("/")[1]

    @property
    def reserved(self) -> bool:
        """Whether it may run on reserved CPUs only."""
        return CpuSet.parse(self.cpus) <= RESERVED


class Sampler:
    """Watches every thread of the helper pods from inside the node, about every ten milliseconds."""

    def __init__(self) -> None:
        script = (Path(__file__).parent / "rt_sampler.py").read_text(encoding="utf-8")
        argv = rt_vm.ssh_argv(["python3", "-c", script])
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(argv, cwd=rt_vm.FOLDER, stdin=pipe, stdout=pipe, text=True)
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


def inside(script: str) -> str:
    """Run a shell script as root in the node, outside every container, and return its stdout."""
    return rt_vm.ssh(["sh", "-c", script]).stdout.decode()


def has_fair_server() -> bool:
    """Whether ordinary tasks get some of each second beside a real-time loop (since Linux 6.12, sched-deadline.rst)."""
    return inside("ls /sys/kernel/debug/sched/fair_server 2>/dev/null || :") != ""


def put(content: bytes, path: str) -> None:
    """Write a program into the node."""
    rt_vm.ssh(["sh", "-c", f"cat >{path} && chmod 0755 {path}"], stdin=content)


def helper_folders() -> str:
    """Return the helper pods' cgroup folders that exist."""
    return inside(f"ls -d {_HELPERS}/*.slice 2>/dev/null || :").strip()


def helper_processes() -> str:
    """Return the processes in the helper pods' cgroup folders."""
    return inside(f"find {_HELPERS} -name cgroup.procs -exec cat {{}} + 2>/dev/null || :").strip()


def masks_after_widening(times: int = 20) -> set[str]:
    """Write every CPU into the cgroup folders of the helpers' containers; return the masks right after each write.

    That is what the kubelet does whenever its shared pool grows. Shell builtins only: nothing has time to repair it.
    """
    script = f"""
for folder in {_HELPERS}/*/{rt_runtime.scope("*")}; do
  read -r pid <"$folder/cgroup.procs" || read -r pid <"$folder/container/cgroup.procs" # crun's own folder in it
  count=0
  while [ $count -lt {times} ]; do
    count=$((count + 1))
    echo 0-{rt_config.CPUS - 1} >"$folder/cpuset.cpus"
    while read -r key value; do [ "$key" != Cpus_allowed_list: ] || echo "$value"; done <"/proc/$pid/status"
  done
done"""
    return set(inside(script).split())


def wait_until_empty(what: str, ask: Callable[[], str], deadline: float) -> None:
    """Ask until the answer is empty; fails at DEADLINE (``time.monotonic()``) with the last answer."""
    while left := ask():
        assert time.monotonic() < deadline, f"{what} still there: {left}"
