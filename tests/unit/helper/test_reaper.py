"""What outlives a client that was killed, and what it deletes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from kubectl_nsexec.errors import ApiError, HelperPodError
from kubectl_nsexec.helper.life import running
from kubectl_nsexec.helper.reaper import Reaper, delete, outstanding
from kubectl_nsexec.model.deadline import Deadline
from kubectl_nsexec.ui.interrupts import Interrupts
from tests.unit.fakes import Answer, FakeCluster, Json, forbidden, not_found
from tests.unit.helper.test_life import DELETED, RUNNING, cluster, pod, spec

if TYPE_CHECKING:
    from pathlib import Path

DELETE = "DELETE /api/v1/namespaces/ns/pods/p"


class Note(Reaper):
    """Only notes what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def _say(self, line: str) -> None:
        self.said.append(line)


@pytest.mark.parametrize(
    ("lines", "left"),
    [
        ([], []),
        ([b"+ns/a"], [("ns", "a")]),
        ([b"+ns/a", b"-ns/a"], []),
        ([b"+ns/a", b"-ns/a", b"+ns/b"], [("ns", "b")]),
        ([b"-ns/a"], []),
    ],
)
def test_what_is_not_known_to_be_gone_is_outstanding(lines: list[bytes], left: list[tuple[str, str]]) -> None:
    """In the order in which it was expected."""
    assert outstanding(lines) == left


@pytest.mark.parametrize(
    ("answers", "asked"),
    [
        ([{}], 1),
        ([not_found("p"), not_found("p"), {}], 3),  # the request that creates it was under way
        ([ApiError("no route"), {}], 2),
        ([ApiError("slow down", status=429), {}], 2),
        ([ApiError("rolled out", status=503), ApiError("elected", status=500), {}], 3),
        ([ApiError("rolled out", status=503), forbidden("no")], 2),
        ([ApiError("bad", status=422)], 1),
        ([forbidden("no")], 1),
        ([not_found("p")] * 100, 21),  # for ten seconds
        ([ApiError("no route")] * 200, 121),  # for a minute
        ([ApiError("away", status=502)] * 200, 121),
    ],
)
def test_a_pod_is_deleted_for_as_long_as_there_is_hope(answers: list[Answer], asked: int) -> None:
    """It may yet come, and the network may; whoever may not delete it need not ask again."""
    left, now = iter(answers), [0.0]

    def answer(_: Json | None) -> Json:
        given = next(left)
        if isinstance(given, ApiError):
            raise given
        assert isinstance(given, dict)
        return given

    fake = FakeCluster({DELETE: answer})
    delete(fake, "ns", "p", clock=lambda: now[0], pause=lambda seconds: now.append(now.pop() + seconds))
    assert fake.calls == [DELETE] * asked


@pytest.fixture
def record(tmp_path: Path) -> tuple[FakeCluster, Path]:
    """A cluster that writes down in a file what was deleted, also from another process."""
    path = tmp_path / "deleted"

    def deleted(_: Json | None) -> Json:
        path.write_text("yes")
        return {}

    return FakeCluster({DELETE: deleted}), path


@pytest.mark.parametrize(("known_to_be_gone", "deletes"), [(True, False), (False, True)])
def test_the_other_process_outlives_a_kill(
    record: tuple[FakeCluster, Path], *, known_to_be_gone: bool, deletes: bool
) -> None:
    """It sees that its pipe has no writer any more, whatever ended that."""
    fake, path = record
    reads, writes = os.pipe()
    client = os.fork()
    if not client:
        os.close(reads)
        reaper = Reaper.forked(fake)  # it holds `writes` too, until it ends
        reaper.expect("ns", "p")
        if known_to_be_gone:
            reaper.gone("ns", "p")
        os.kill(os.getpid(), signal.SIGKILL)
    os.close(writes)
    assert os.waitstatus_to_exitcode(os.waitpid(client, 0)[1]) == -signal.SIGKILL
    assert os.read(reads, 1) == b""  # the other process is over, too
    os.close(reads)
    assert path.exists() is deletes


def test_a_client_that_ends_in_order_leaves_no_process() -> None:
    """It waits for the other one, which has nothing to do."""
    reaper = Reaper.forked(FakeCluster({}))
    reaper.expect("ns", "p")
    reaper.gone("ns", "p")
    reaper.close()
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
    reaper.close()


SIGNALLED_WHILE_FORKING = """
import os, signal
from kubectl_nsexec.cli import app
os.register_at_fork(before=lambda: os.kill(os.getpid(), signal.SIGTERM))
raise SystemExit(app.main(["oc-nsexec", "--server=http://127.0.0.1:1", "p", "--", "true"]))
"""


def test_a_signal_while_it_is_forked_is_not_lost() -> None:
    """What a handler raises in a callback of os.fork is swallowed, so it waits."""
    done = subprocess.run([sys.executable, "-c", SIGNALLED_WHILE_FORKING], capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (128 + signal.SIGTERM, b"")


def test_without_need_there_is_none() -> None:
    """Then nobody is told anything, and nothing fails."""
    reaper = Reaper.forked(FakeCluster({}), needed=False)
    reaper.expect("ns", "p")
    reaper.close()


@pytest.mark.parametrize(
    ("create", "removed", "said"),
    [
        (None, None, ["+nsexec/nsexec-a", "-nsexec/nsexec-a"]),
        (forbidden("no"), None, ["+nsexec/nsexec-a", "-nsexec/nsexec-a"]),
        (ApiError("cut"), ApiError("cut"), ["+nsexec/nsexec-a"]),
        (None, ApiError("cut"), ["+nsexec/nsexec-a"]),
    ],
    ids=["deleted", "refused", "no answer", "not deleted"],
)
def test_a_pod_is_expected_before_it_is_asked_for_and_gone_only_when_it_is(
    create: ApiError | None, removed: ApiError | None, said: list[str]
) -> None:
    """What the client cannot delete, the other process goes on trying to."""
    fake, note = cluster(pod(**RUNNING), create=create, delete=removed), Note()
    try:
        with running(fake, spec(), Deadline.after(5), Interrupts(), note):
            assert note.said == ["+nsexec/nsexec-a"]
    except (ApiError, HelperPodError):
        assert create or removed
    assert note.said == said
    assert (DELETED in fake.calls) is (create is None or create.status == 0)
