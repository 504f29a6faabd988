"""Running ``oc nsexec`` commands, and what of them can be seen on the node."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from testbed import machine
from tests.live.processes import running, unique_seconds, within

if TYPE_CHECKING:
    import subprocess

    from tests.live.api import Api
    from tests.live.harness import Program
    from tests.live.pods import Pod


_UID: Final = re.compile("(?<=/pod)[0-9a-f-]{36}")
"""In the path of a pod's cgroup folder, as the driver cgroupfs names it."""


class Session:
    """One running ``oc nsexec``; its command says hello, then sleeps for a number of seconds that nobody else uses.

    ``then``: what a shell does when the sleep has ended; without it the command is the sleep.
    """

    def __init__(self, nsexec: Program, target: Pod, helpers: str, then: str = "") -> None:
        self._seconds = unique_seconds()
        self.namespaces = (helpers, target.namespace)
        sleep = f"sleep {self._seconds}"
        script = f"grep Cpus_allowed_list /proc/self/status; {f'{sleep}; {then}' if then else f'exec {sleep}'}"
        arguments = (target.name, "-n", target.namespace, "--helper-namespace", helpers)
        self.client: subprocess.Popen[bytes] = nsexec.start(*arguments, "--", "sh", "-c", script)
        assert self.client.stdout is not None
        self.hello = self.client.stdout.readline().decode()
        # The hello comes from the shell that is about to become the sleep.
        if not self.hello or not within(10, lambda: bool(self.pids())):
            raise AssertionError(self.client.communicate()[1].decode())

    def pids(self) -> list[int]:
        """Return the pids of the command, seen from this machine."""
        return running("sleep", self._seconds)

    def mask(self) -> str:
        """Return the command's mask, seen from this machine."""
        status = Path(f"/proc/{self.pids()[0]}/status").read_text()
        found = re.search(r"^Cpus_allowed_list:\t(.*)$", status, re.MULTILINE)
        assert found
        return found[1]

    def close(self) -> None:
        """End the client if it still runs."""
        self.client.kill()
        self.client.communicate()


def folders(api: Api, *namespaces: str) -> list[str]:
    """Our cgroup folders on the host node in all pods but those of other namespaces, which are other tests'.

    A folder in a pod that the API server does not know any more is somebody's who has left it.
    """
    walks = (os.walk(top) for top in machine.kubepods())  # what vanishes on the way does not stop it
    found = [f"{at}/{name}" for walk in walks for at, names, _ in walk for name in names if name.startswith("nsexec-")]
    pods = api.items("/api/v1/pods")
    others = {pod["metadata"]["uid"] for pod in pods if pod["metadata"]["namespace"] not in namespaces}
    return sorted(path for path in found if not others & set(_UID.findall(path)))
