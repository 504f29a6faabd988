"""The four transports without a cluster: commands, guard and client are real; API server, kubelet and ssh are fakes."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.conformance import fake_ssh, run
from tests.conformance.behaviours import Transport
from tests.conformance.fake_cluster import fake_cluster
from tests.live.relays import line

if TYPE_CHECKING:
    from collections.abc import Iterator

_ROOT: Final = Path(__file__).parents[2]
_PIDS: Final = Path("/sys/fs/cgroup/pids")
_TOP: Final = _PIDS if _PIDS.is_dir() else Path("/sys/fs/cgroup")
_FLAGS: Final = {
    Transport.POD: (),
    Transport.KEPT: ("--keep", "5m"),
    Transport.SSH: ("--via", "ssh", "--ssh-user", "root"),
    Transport.LOCAL: ("--via", "local"),
}


class FakeStand:
    """See ``run.Stand``."""

    def __init__(self, transport: Transport, shim: Path, folder: Path, stack: ExitStack) -> None:
        self.transport = transport
        self._cluster = stack.enter_context(fake_cluster())
        self._api = stack.enter_context(line(self._cluster.port))
        self._ssh = stack.enter_context(line(stack.enter_context(fake_ssh.server(_ROOT))))
        self._pod = _TOP / f"nsexec-test{secrets.token_hex(4)}"
        login = [sys.executable, "-m", "tests.conformance.fake_login", str(shim), str(self._pod), str(folder / "run")]
        ssh = [sys.executable, "-m", "tests.conformance.fake_ssh", str(self._ssh.port), *login]
        self.environment = {
            **os.environ,
            "KUBECONFIG": str(_kubeconfig(folder, self._api.port)),
            "NSEXEC_TEST_NODE": json.dumps(ssh if transport is Transport.SSH else login),
        }

    def argv(self, *words: str) -> list[str]:
        """``oc nsexec WORDS`` by this transport, to be run in the repository's folder with ``environment``."""
        program = (sys.executable, "-m", "tests.conformance.client")
        return [*program, "--cpus", "0-1", *_FLAGS[self.transport], *words]

    def start(self, *words: str, ping_seconds: float | None = None) -> subprocess.Popen[bytes]:
        pipe = subprocess.PIPE
        argv = self.argv("du-0", *words)
        environment = run.with_pings(self.environment, ping_seconds)
        return subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe, cwd=_ROOT, env=environment)

    def cut(self) -> None:
        if self.transport is Transport.LOCAL:
            guards = (self._pod / "nsexec-guard/cgroup.procs").read_text().split()
            os.kill(max(map(int, guards)), signal.SIGKILL)  # the younger serves, the older clears up
        else:
            (self._ssh if self.transport is Transport.SSH else self._api).cut()

    def end_server(self) -> None:
        self._api.cut()

    def cut_idle(self, after_seconds: float) -> None:
        for proxy in (self._api, self._ssh):
            proxy.idle_seconds = after_seconds

    def left(self, *, records: bool) -> list[str]:
        running = [str(command.pid) for command in self._cluster.commands if command.poll() is None]
        pods = self._cluster.live() if records and self.transport is Transport.POD else []
        return [*running, *pods, *([str(self._pod)] if self._pod.exists() else [])]


def _kubeconfig(folder: Path, port: int) -> Path:
    config = {
        "current-context": "c",
        "clusters": [{"name": "k", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "u", "user": {}}],
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u", "namespace": "ran"}}],
    }
    path = folder / "config"
    path.write_text(json.dumps(config))
    return path


@contextmanager
def fake_stand(transport: Transport, shim: Path, folder: Path) -> Iterator[FakeStand]:
    """One for the time of a test."""
    with ExitStack() as stack:
        yield FakeStand(transport, shim, folder, stack)
