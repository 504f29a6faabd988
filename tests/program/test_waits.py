"""What a user on a terminal sees while a run waits, station by station, and that nothing of it is left."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kubectl_nsexec.cli import app
from kubectl_nsexec.errors import UsageError
from kubectl_nsexec.ui import waiting
from tests.unit.fake_session import GREETING, HELPERS, POD, FakeSession, Handler, Json
from tests.unit.fake_terminal import opened_for_ctrl_c, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubectl_nsexec.ui.console import Console

ROOT = Path(__file__).parents[3]
HINT = "waiting for "


class Slow(FakeSession):
    """One that keeps its client waiting at a station until it is let go on."""

    def __init__(self, station: str) -> None:
        self.station = station
        self.goes_on = threading.Event()
        self.helper_status: Json | None = None
        super().__init__(_Handler)

    def at(self, station: str) -> None:
        """Waits where it is this one."""
        if station == self.station:
            self.goes_on.wait()


class _Handler(Handler):
    session: Slow

    def do_GET(self) -> None:  # noqa: N802 - as http.server calls it
        path = self.path.partition("?")[0]
        if path == POD:
            self.session.at("pod")
        elif path == "/api/v1/nodes/n":
            self.session.at("node")
        elif path == HELPERS:
            self.session.at("helper")
            self.session.helper_status = None
        super().do_GET()

    def do_POST(self) -> None:  # noqa: N802 - as above
        if self.path.endswith("selfsubjectaccessreviews"):
            self.session.at("rights")
        super().do_POST()

    def running(self) -> Json:
        made = super().running()
        status = self.session.helper_status
        return made if status is None else {**made, "status": {**status, "phase": "Pending", "qosClass": "BestEffort"}}

    def attached(self, stream: Any) -> None:  # noqa: ANN401 - a WebSocket
        self.session.at("hold")
        super().attached(stream)

    def executed(self, stream: Any, command: list[str]) -> None:  # noqa: ANN401 - as above
        self.session.at("enter")
        super().executed(stream, command)

    def _session(self, path: str, command: list[str]) -> None:
        self.session.at("attach")
        super()._session(path, command)


class Client:
    """``oc nsexec du-0 -- true`` on a terminal of its own, with Ctrl-C."""

    def __init__(self, session: FakeSession, *flags: str) -> None:
        self._ours, theirs = opened_for_ctrl_c()
        words = ["--server", session.url, "-n", "ran", "du-0", "--cpus", "0-1", *flags, "--", "true"]
        argv = ["setsid", "--ctty", sys.executable, "-m", "kubectl_nsexec", *words]
        environment = {**os.environ, "TERM": "xterm", "KUBECONFIG": os.devnull}
        self.process = subprocess.Popen(argv, cwd=ROOT, stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
        os.close(theirs)
        self.written = b""

    def read_until(self, end: bytes) -> None:
        """What it writes, until that is there. Fails at its end."""
        while end not in self.written:
            self.written += os.read(self._ours, 65536)

    def press_ctrl_c(self) -> None:
        """On its terminal."""
        os.write(self._ours, b"\x03")

    def rest(self) -> list[str]:
        """The lines on the terminal after its end."""
        try:
            while data := os.read(self._ours, 65536):
                self.written += data
        except OSError:  # EIO: nobody has the other end any more
            pass
        self.process.wait()
        return shown(self.written)

    def close(self) -> None:
        """Whatever became of it."""
        self.process.kill()
        self.process.wait()
        os.close(self._ours)


@contextmanager
def waiting_client(station: str, *flags: str, status: Json | None = None) -> Iterator[tuple[Client, Slow]]:
    """A client that is kept waiting there; STATUS: of the helper pod meanwhile."""
    session = Slow(station)
    session.helper_status = status
    client = Client(session, *flags)
    try:
        yield client, session
    finally:
        session.goes_on.set()
        client.close()
        session.close()


def sandbox(ready: str) -> Json:
    """The status of a pod whose kubelet has taken it up."""
    conditions = [{"type": "PodReadyToStartContainers", "status": ready}]
    return {"startTime": "2026-11-28T10:00:00Z", "conditions": conditions}


@pytest.mark.parametrize(
    ("station", "status", "words"),
    [
        ("pod", None, "the API server to find du-0"),
        ("node", None, "the API server to tell of node n and its CPUs"),
        ("rights", None, "the API server to say which rights you have"),
        ("helper", {}, "node n to take up the helper pod"),
        ("helper", sandbox("False"), "the helper pod's sandbox on node n"),
        ("helper", sandbox("True"), "the helper pod's image on node n"),
        ("attach", None, "node n to open the connection"),
        ("hold", None, "the agent on node n"),
        ("enter", None, "node n to find container main"),
    ],
)
def test_it_says_what_is_waited_for_and_is_gone_before_the_command_says_a_word(
    station: str, status: Json | None, words: str
) -> None:
    """Wherever it hangs, for how long as well; the command's first byte comes in the first column."""
    with waiting_client(station, status=status) as (client, session):
        client.read_until(f"{HINT}{words}, 1 s".encode())
        session.goes_on.set()
        lines = client.rest()
    assert client.process.returncode == 0
    greeting = GREETING.decode(errors="replace").rstrip("\n")
    assert lines == [greeting, ""]
    before, _, after = client.written.partition(GREETING.rstrip(b"\n"))
    assert shown(before) == [""]
    assert HINT.encode() not in after


def test_ctrl_c_clears_it() -> None:
    """Neither the line is left nor what the terminal shows of the key; the helper pod is deleted."""
    with waiting_client("helper", status={}) as (client, session):
        client.read_until(f"{HINT}node n to take up the helper pod, 1 s".encode())
        client.press_ctrl_c()
        lines = client.rest()
        assert session.deleted
    assert (client.process.returncode, lines) == (130, [""])


def test_quiet_is_heard_before_anything_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """``-q`` of the line itself, with which the line never comes."""
    quiet: list[bool] = []

    def seen(console: Console, _: object) -> waiting.Waiting:
        quiet.append(console.quiet)
        raise UsageError("seen")

    monkeypatch.setattr(waiting, "on_terminal", seen)
    for flags in ((), ("-q",)):
        assert app.main(["oc-nsexec", *flags, "du-0", "--", "true"]) == 1
    assert quiet == [False, True]
