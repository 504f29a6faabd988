"""Where the demo plays: the test bed's real-time node, or a cluster of the user's."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from testbed import binaries, images, rt_valve
from testbed.paths import KUBECONFIG, RT_NODE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Json = dict[str, Any]

_SECONDS = 120


class DemoError(Exception):
    """The demo cannot go on; the message says why and what to do."""


@dataclass(frozen=True)
class Stage:
    """A cluster, one of its real-time nodes, and an image with sh, grep and chrt for the loop."""

    kubeconfig: str
    kubectl: str
    node: str
    image: str

    def run(self, *arguments: str, stdin: str | None = None) -> str:
        """Stdout of kubectl. Raises DemoError with its stderr."""
        done = subprocess.run(
            [self.kubectl, "--kubeconfig", self.kubeconfig, *arguments],
            input=stdin, capture_output=True, text=True, check=False, timeout=_SECONDS,
        )  # fmt: skip
        if done.returncode:
            raise DemoError(f"kubectl {' '.join(arguments[:3])} failed: {done.stderr.strip()}")
        return done.stdout

    @contextmanager
    def way_out(self) -> Iterator[Callable[[], object]]:
        """Yields what takes the loop's priority away even when the starving exec has hung the node.

        Only our own node has such a way, prepared beforehand; elsewhere stalld or a reboot has to do it.
        """
        if self.kubeconfig != str(KUBECONFIG):
            yield lambda: None
            return
        with rt_valve.armed() as calm:
            yield calm

    def exec_argv(self, pod: str, command: Sequence[str]) -> list[str]:
        """``kubectl exec POD -- COMMAND``."""
        return [self.kubectl, "--kubeconfig", self.kubeconfig, "exec", pod, "--", *command]

    def nsexec_argv(self, pod: str, command: Sequence[str], *options: str) -> list[str]:
        """``oc nsexec POD -- COMMAND``."""
        program = [sys.executable, "-m", "kubectl_nsexec", "--kubeconfig", self.kubeconfig]
        return [*program, "--timeout", f"{_SECONDS}s", *options, pod, "--", *command]


def stage() -> Stage:
    """The user's cluster when DEMO_KUBECONFIG names one, else our own, brought up. Raises DemoError."""
    theirs = os.environ.get("DEMO_KUBECONFIG")
    if theirs is not None:
        return _their_stage(theirs)
    up = subprocess.run([sys.executable, "-m", "testbed", "up", "--node", "rt"], check=False)
    if up.returncode:
        raise DemoError("the real-time node did not come up; its logs are in .cluster/log")
    return Stage(str(KUBECONFIG), str(binaries.KUBERNETES.folder() / "kubectl"), RT_NODE, images.BUSYBOX)


def _their_stage(kubeconfig: str) -> Stage:
    kubectl = shutil.which("kubectl") or shutil.which("oc")
    image = os.environ.get("DEMO_IMAGE")
    if not kubectl:
        raise DemoError("there is neither kubectl nor oc on PATH")
    if not image:
        raise DemoError("DEMO_IMAGE must name an image with sh, grep and chrt that the cluster can pull")
    found = Stage(kubeconfig, kubectl, os.environ.get("DEMO_NODE", ""), image)
    return Stage(kubeconfig, kubectl, found.node or _node_with_profile(found), image)


def _node_with_profile(cluster: Stage) -> str:
    """A ready node that some PerformanceProfile selects."""
    profiles: list[Json] = json.loads(cluster.run("get", "performanceprofiles", "-o", "json"))["items"]
    for profile in profiles:
        selector = ",".join(f"{key}={value}" for key, value in profile["spec"]["nodeSelector"].items())
        for node in json.loads(cluster.run("get", "nodes", "-l", selector, "-o", "json"))["items"]:
            if any(c["type"] == "Ready" and c["status"] == "True" for c in node["status"]["conditions"]):
                return str(node["metadata"]["name"])
    raise DemoError("no ready node is selected by a PerformanceProfile; DEMO_NODE names one")
