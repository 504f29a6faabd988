"""``--keep`` from end to end: what a client asks of the API server and in which order, whatever the helper says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.unit.fake_session import (
    ERROR,
    GREETING,
    HELPERS,
    STDOUT,
    FakeSession,
    Handler,
    Json,
    WebSocket,
    enter,
    say_held,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_ROOT: Final = Path(__file__).parents[2]
_GONE: Final = "gone"
_MAKE: Final = ["POST kept", "attach kept"]
"""And hold its lease for a moment."""
_OWN: Final = ["POST own", "attach own", "enter", "DELETE own"]


class Keeping(FakeSession):
    """Its helper that is kept refuses what is listed for ``session`` and ``lease``, one code for each time."""

    def __init__(self) -> None:
        self.journal: list[str] = []
        self.refusals: dict[str, list[str]] = {"session": [], "lease": []}
        self.in_use = False
        self.live: dict[str, Json] = {}
        super().__init__(_Handler)


def kind(name: str) -> str:
    """Whether a helper of that name is kept."""
    return "kept" if name.startswith("nsexec-keep-") else "own"


class _Handler(Handler):
    session: Keeping

    def do_GET(self) -> None:  # noqa: N802 - as http.server calls it
        path = self.path.partition("?")[0]
        name = path.removeprefix(f"{HELPERS}/")
        if self.headers["Upgrade"] or name == path or "/" in name:
            super().do_GET()
        elif name in self.session.live:
            self.answer(200, self.session.live[name])
        else:
            self.answer(404, {"kind": "Status", "reason": "NotFound", "message": f"no {name}"})

    def do_DELETE(self) -> None:  # noqa: N802 - as above
        name = self.path.partition("?")[0].rpartition("/")[2]
        self.session.live.pop(name, None)
        self.session.journal.append(f"DELETE {kind(name)}")
        super().do_DELETE()

    def running(self) -> Json:
        made = super().running()
        made["metadata"]["uid"] = f"u-{len(self.session.helpers)}"
        if self.command == "POST":
            self.session.live[made["metadata"]["name"]] = made
            self.session.journal.append(f"POST {kind(made['metadata']['name'])}")
        return made

    def attached(self, stream: WebSocket) -> None:
        name = self.path.partition("?")[0].split("/")[-2]
        self.session.journal.append(f"attach {kind(name)}")
        super().attached(stream)

    def executed(self, stream: WebSocket, command: list[str]) -> None:
        verb = next(word for word in ("end", "lease", "session", "enter") if word in command)
        self.session.journal.append(verb)
        if verb == "end":
            code = 1 if self.session.in_use else 0
            causes = [{"reason": "ExitCode", "message": str(code)}]
            failed = {"status": "Failure", "reason": "NonZeroExitCode", "details": {"causes": causes}}
            stream.send(ERROR, json.dumps(failed if code else {"status": "Success"}).encode())
            return
        if verb == "enter":
            super().executed(stream, command)
            return
        nonce = command[command.index(verb) + 1]
        if refusals := self.session.refusals[verb]:
            error = {"event": "error", "code": refusals.pop(0), "message": "no"}
            stream.send(STDOUT, f"{nonce} {json.dumps(error)}\n".encode())
        elif verb == "lease":
            say_held(stream, nonce)
            for _ in stream.stdin():
                pass
        else:
            if command[command.index(verb) + 4] == "held":
                say_held(stream, nonce)
            enter(stream, nonce, self.session)


@pytest.fixture
def cluster() -> Iterator[Keeping]:
    """One without a helper."""
    made = Keeping()
    yield made
    made.close()


def run(cluster: Keeping, keep: str, *flags: str) -> subprocess.CompletedProcess[bytes]:
    """A client's run; the journal is about this one."""
    cluster.journal.clear()
    words = ["--server", cluster.url, "-n", "ran", "du-0", "--cpus", "0-1", "--keep", keep, *flags, "--", "true"]
    argv = [sys.executable, "-m", "kubectl_nsexec", *words]
    return subprocess.run(argv, cwd=_ROOT, input=b"", capture_output=True, check=False, timeout=60)


def started(done: subprocess.CompletedProcess[bytes]) -> bool:
    """Whether it went well, and without a word."""
    return (done.returncode, done.stdout, done.stderr) == (0, GREETING, b"")


def kept(cluster: Keeping) -> Keeping:
    """The same with a helper in it that is kept."""
    assert started(run(cluster, "5m"))
    return cluster


def test_a_helper_is_made_told_its_cpus_by_its_lease_and_left_for_the_next_run(cluster: Keeping) -> None:
    """A session with stdin has a lease of its own beside it."""
    assert started(run(cluster, "5m"))
    assert cluster.journal == [*_MAKE, "session"]
    assert started(run(cluster, "5m"))
    assert cluster.journal == ["session"]
    assert started(run(cluster, "5m", "-i"))
    assert cluster.journal == ["lease", "session"]


@pytest.mark.parametrize(
    ("flags", "refused", "before"),
    [
        ([], "session", ["session"]),
        (["-i"], "lease", ["lease"]),
        (["-i"], "session", ["lease", "session"]),
    ],
    ids=["session", "lease", "session behind its lease"],
)
def test_one_whose_time_runs_out_as_we_come_is_replaced(
    cluster: Keeping, flags: list[str], refused: str, before: list[str]
) -> None:
    """At whatever moment: another run may end it between a session's lease and the session."""
    kept(cluster).refusals[refused] = [_GONE]
    assert started(run(cluster, "5m", *flags))
    assert cluster.journal == [*before, "DELETE kept", *_MAKE, *(["lease"] if flags else []), "session"]


@pytest.mark.parametrize("refused", ["session", "lease"])
def test_with_keep_0_the_run_then_has_a_helper_of_its_own(cluster: Keeping, refused: str) -> None:
    """None is made only to be ended."""
    kept(cluster).refusals[refused] = [_GONE]
    assert started(run(cluster, "0", "-i"))
    assert cluster.journal == ["lease", *["session"][: refused == "session"], "DELETE kept", *_OWN]


def test_it_is_replaced_once(cluster: Keeping) -> None:
    """A second one that is gone is a failure."""
    kept(cluster).refusals["session"] = [_GONE, _GONE]
    done = run(cluster, "5m")
    assert (done.returncode, done.stdout) == (125, b"")
    assert b"nothing was started" in done.stderr
    assert cluster.journal == ["session", "DELETE kept", *_MAKE, "session"]


def test_a_new_one_is_not_replaced(cluster: Keeping) -> None:
    """Its time cannot have run out."""
    cluster.refusals["session"] = [_GONE]
    assert run(cluster, "5m").returncode == 125
    assert cluster.journal == [*_MAKE, "session"]


def test_a_session_that_is_refused_is_not_tried_again(cluster: Keeping) -> None:
    """Nor is the helper ended by ``--keep 0`` then: no command was in it."""
    kept(cluster).refusals["session"] = ["overlap", "overlap"]
    for keep in ("5m", "0"):
        assert run(cluster, keep).returncode == 125
        assert cluster.journal == ["session"]


def test_keep_0_ends_it_unless_somebody_is_in_it(cluster: Keeping) -> None:
    """After its own command."""
    kept(cluster).in_use = True
    assert started(run(cluster, "0"))
    assert cluster.journal == ["session", "end"]
    cluster.in_use = False
    assert started(run(cluster, "0"))
    assert cluster.journal == ["session", "end", "DELETE kept"]


def test_keep_0_without_one_is_a_run_with_a_helper_of_its_own(cluster: Keeping) -> None:
    """As without the flag."""
    assert started(run(cluster, "0"))
    assert cluster.journal == _OWN
