"""Where the demo plays: the test bed's real-time node, or a cluster of the user's."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from demo import programs
from demo.programs import DemoError
from testbed import binaries, images, rt_valve
from testbed.paths import KUBECONFIG, RT_NODE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Json = dict[str, Any]

_SECONDS = 120
_UP_SECONDS = 2 * 3600
"""For the first time on a slow machine, where all of it is compiled."""


class Runs(Protocol):
    """How a program is run to its end: ``programs.run``."""

    def __call__(
        self, argv: Sequence[str], seconds: float, *, stdin: str | None = None, show_stderr: bool = False
    ) -> programs.Ended | None:
        """See programs.run."""
        ...


@dataclass(frozen=True)
class Stage:
    """A cluster, one of its real-time nodes, and an image with sh, sleep, grep, chrt and oslat for the loop."""

    kubeconfig: str
    kubectl: str
    node: str
    image: str
    program: Runs = programs.run

    def run(self, *arguments: str, stdin: str | None = None) -> str:
        """Stdout of kubectl. Raises DemoError with its stderr."""
        words = f"kubectl {' '.join(arguments[:3])}"
        done = self.program([self.kubectl, "--kubeconfig", self.kubeconfig, *arguments], _SECONDS, stdin=stdin)
        if done is None:
            raise DemoError(f"{words} did not end within {_SECONDS} s; does the API server answer?")
        if done.status:
            raise DemoError(f"{words} failed: {done.stderr.strip() or f'status {done.status}'}")
        return done.stdout

    def json(self, *arguments: str) -> Json:
        """The same as the object that it is. Raises DemoError."""
        output = self.run(*arguments)
        try:
            document = json.loads(output)
        except ValueError as error:
            raise DemoError(f"kubectl {' '.join(arguments[:3])} did not answer with JSON: {error}") from error
        if not isinstance(document, dict):
            raise DemoError(f"kubectl {' '.join(arguments[:3])} answered with something that is no object")
        return document

    @contextmanager
    def way_out(self) -> Iterator[Callable[[], object]]:
        """Yields what takes the loop's priority away even when the starving exec has hung the node.

        Only our own node has such a way, prepared beforehand; elsewhere stalld or a reboot has to do it. Raises
        ClusterError, as what is yielded does.
        """
        if self.kubeconfig != str(KUBECONFIG):
            yield lambda: None
            return
        with rt_valve.armed() as valve:
            yield valve.calm

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
    if theirs:
        return _their_stage(theirs)
    _bring_up()
    return Stage(str(KUBECONFIG), str(binaries.KUBERNETES.folder() / "kubectl"), RT_NODE, images.BUSYBOX)


def _bring_up() -> None:
    """It says on our stderr what it does, and why it did not come to its end. Raises DemoError."""
    argv = [sys.executable, "-m", "testbed", "up", "--node", "rt"]
    try:
        up = subprocess.run(argv, stdin=subprocess.DEVNULL, check=False, timeout=_UP_SECONDS)
    except subprocess.TimeoutExpired as error:
        hours = _UP_SECONDS // 3600
        raise DemoError(f"the real-time node did not come up within {hours} hours; see .cluster/log") from error
    if up.returncode:
        raise DemoError("the real-time node did not come up (see above); its logs are in .cluster/log")


def _their_stage(kubeconfig: str) -> Stage:
    kubectl = shutil.which("kubectl") or shutil.which("oc")
    image = os.environ.get("DEMO_IMAGE")
    if not kubectl:
        raise DemoError("there is neither kubectl nor oc on PATH")
    if not image:
        raise DemoError("DEMO_IMAGE must name an image with sh, sleep, grep, chrt and oslat that the cluster can pull")
    found = Stage(kubeconfig, kubectl, os.environ.get("DEMO_NODE", ""), image)
    return Stage(kubeconfig, kubectl, found.node or node_with_profile(found), image)


def node_with_profile(cluster: Stage) -> str:
    """A ready node that some PerformanceProfile selects. Raises DemoError where there is none."""
    for profile in cluster.json("get", "performanceprofiles", "-o", "json").get("items") or []:
        labels = (profile.get("spec") or {}).get("nodeSelector") or {}
        selector = ",".join(f"{key}={value}" for key, value in labels.items())
        nodes = cluster.json("get", "nodes", "-l", selector, "-o", "json") if selector else {}
        for node in nodes.get("items") or []:
            conditions = (node.get("status") or {}).get("conditions") or []
            if any(each.get("type") == "Ready" and each.get("status") == "True" for each in conditions):
                return str(node["metadata"]["name"])
    raise DemoError("no ready node is selected by a PerformanceProfile; DEMO_NODE names one")
