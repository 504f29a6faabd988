"""The four transports of the table (``tests/conformance``) on the host node, with the real API server and ssh."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from testbed import control_plane, processes
from testbed.paths import API_PORT, KUBECONFIG
from tests.conformance import run
from tests.conformance.behaviours import TABLE, Stimulus, Transport
from tests.live import vias
from tests.live.api import pods_of
from tests.live.relays import line
from tests.live.sessions import folders

if TYPE_CHECKING:
    from collections.abc import Iterator

    from _pytest.mark import ParameterSet

    from testbed.sshd import Sshd
    from tests.live.api import Api
    from tests.live.pods import Pod
    from tests.live.relays import Line

_PATIENCE_SECONDS: Final = 60.0
_ROOT: Final = Path(__file__).parents[2]
_FLAGS: Final = {
    Transport.POD: (),
    Transport.KEPT: ("--keep", "5m"),
    Transport.SSH: ("--via", "ssh", "--ssh-user", "root", "--ssh-option", "ServerAliveInterval=1"),
    Transport.LOCAL: ("--via", "local"),
}
_OF_A_KEPT_HELPER: Final = {"nsexec-cpus"}


def cells(*transports: Transport) -> list[ParameterSet]:
    """Every behaviour by each of TRANSPORTS, but for the end of the API server, which all have together."""
    rows = [row for row in TABLE if row.stimulus is not Stimulus.SERVER_GONE]
    return [pytest.param(row, by, id=f"{row.name}-{by.value}") for row in rows for by in transports]


class LiveStand:
    """See ``run.Stand``. A target, and helper pods in a namespace that nobody else uses."""

    def __init__(
        self, transport: Transport, api: Api, target: Pod, helpers: str, sshd: Sshd, server: Line, ssh: Line
    ) -> None:
        self.transport = transport
        self._api, self._target, self._helpers, self._server, self._ssh = api, target, helpers, server, ssh
        self._before = {*self._on_the_node(), *self._pods(records=True)}
        config = sshd.folder / f"kubeconfig-{server.port}"
        config.write_text(KUBECONFIG.read_text().replace(f"127.0.0.1:{API_PORT}", f"127.0.0.1:{server.port}"))
        sshd.configure(Port=ssh.port, StrictHostKeyChecking="no", UserKnownHostsFile="/dev/null")
        self._environment = {
            **os.environ,
            "PATH": sshd.environment["PATH"],
            "KUBECONFIG": str(config),
            "NSEXEC_NAMESPACE": helpers,
        }

    def start(self, *words: str, ping_seconds: float | None = None) -> subprocess.Popen[bytes]:
        pipe, target = subprocess.PIPE, (self._target.name, "-n", self._target.namespace)
        argv = [sys.executable, "-m", "tests.conformance.client", *target, *_FLAGS[self.transport], *words]
        environment = run.with_pings(self._environment, ping_seconds)
        return subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe, cwd=_ROOT, env=environment)

    def cut(self) -> None:
        if self.transport is Transport.LOCAL:
            vias.kill(_inside, vias.guards(_inside)[-1])
        else:
            (self._ssh if self.transport is Transport.SSH else self._server).cut()

    def end_server(self) -> None:
        processes.stop(control_plane.API)

    def cut_idle(self, after_seconds: float) -> None:
        for proxy in (self._server, self._ssh):
            proxy.idle_seconds = after_seconds

    def left(self, *, records: bool) -> list[str]:
        return sorted({*self._pods(records=records), *self._on_the_node()} - self._before)

    def _pods(self, *, records: bool) -> list[str]:
        found = self._api.names(pods_of(self._helpers)) if records else self._api.alive(self._helpers)
        return [name for name in found if "-keep-" not in name]

    def _on_the_node(self) -> set[str]:
        found = folders(self._api, self._helpers, self._target.namespace)
        made = {path for path in found if Path(path).name not in _OF_A_KEPT_HELPER}
        return made | vias.traces(_inside)


def _inside(script: str) -> str:
    return subprocess.run(["sh", "-c", script], stdout=subprocess.PIPE, text=True, check=False).stdout


@contextmanager
def live_stand(transport: Transport, api: Api, target: Pod, helpers: str, sshd: Sshd) -> Iterator[LiveStand]:
    """One for the time of a test; what it left in the API server's records is gone then."""
    with line(API_PORT) as server, line(sshd.port) as ssh:
        yield LiveStand(transport, api, target, helpers, sshd, server, ssh)
    for name in api.names(f"{pods_of(helpers)}?fieldSelector=status.phase!%3DRunning"):
        api.delete(f"{pods_of(helpers)}/{name}")
        api.wait_until_gone(pods_of(helpers), name, _PATIENCE_SECONDS)
