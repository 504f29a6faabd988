"""Many pods by ``--via ssh`` and ``--via local`` on the host node: one connection, of which nothing is left."""

from __future__ import annotations

import dataclasses
import json
import signal
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.live import vias
from tests.live.many_pods import labelled
from tests.live.processes import running, unique_seconds, within
from tests.live.test_host_fleet import MASK

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from testbed.sshd import Sshd
    from tests.live.harness import Program

    Json = dict[str, Any]

pytestmark = [pytest.mark.host_node, pytest.mark.usefixtures("only_sessions", "nothing_left", "nothing_stays")]

_TARGETS: Final = 12
_GONE_WITHIN_SECONDS: Final = 30.0
_SHOWN_WITHIN_SECONDS: Final = 60.0
_FOLDERS: Final = "nsexec-????????"
"""As mkdtemp names the folder of a connection's socket."""


@pytest.fixture(scope="module")
def label(kubectl: Program, namespace: str, host_node: str) -> Iterator[str]:
    """Of twelve pods that run."""
    with labelled(kubectl, namespace, "by-ssh", {f"by-ssh-{n}": host_node for n in range(_TARGETS)}) as selector:
        yield selector


@pytest.fixture
def by_ssh(nsexec: Program, namespace: str, label: str, sshd: Sshd) -> Program:
    """``oc nsexec --via ssh`` in all of them."""
    sshd.configure()
    return _in_all(nsexec, sshd.environment, namespace, label)


def _in_all(nsexec: Program, way: Mapping[str, str], namespace: str, label: str) -> Program:
    argv = (*nsexec.argv, "-n", namespace, "-l", label)
    return dataclasses.replace(nsexec, argv=argv, environment={**nsexec.environment, **way})


def _inside(script: str) -> str:
    return subprocess.run(["sh", "-c", script], stdout=subprocess.PIPE, text=True, check=False).stdout


@pytest.fixture
def nothing_stays() -> Iterator[None]:
    """After the test nothing of a session is left on the node, and no folder of a connection beside the client."""
    before = _folders()
    with vias.nothing_stays(_inside, _GONE_WITHIN_SECONDS):
        yield
    assert within(_GONE_WITHIN_SECONDS, lambda: _folders() <= before), _folders() - before


def _folders() -> set[Path]:
    return {*Path(tempfile.gettempdir()).glob(_FOLDERS)}


def test_each_answers_on_the_reserved_cpus(nsexec: Program, way: Mapping[str, str], namespace: str, label: str) -> None:
    """A line each, with the pod's name before it."""
    done = _in_all(nsexec, way, namespace, label)("--per-node", "4", "--", *MASK)
    assert done.status == 0, done.stderr
    lines = dict(line.split(": ", 1) for line in done.text.splitlines())
    assert {name.partition("/")[2] for name in lines} == {f"by-ssh-{number}" for number in range(_TARGETS)}
    assert set(lines.values()) == {"Cpus_allowed_list:\t0"}


def test_all_go_over_one_connection(by_ssh: Program, sshd: Sshd) -> None:
    """It is the server's word: so many logins."""
    log = sshd.folder / "log"
    before = log.read_text().count("Accepted publickey")
    done = by_ssh("--per-node", "4", "-q", "--", "true")
    assert done.status == 0, done.stderr
    assert log.read_text().count("Accepted publickey") - before == 1


def test_more_at_once_than_a_connection_may_have_get_others(by_ssh: Program) -> None:
    """MaxSessions is 10, of which one is the connection's own; none fails."""
    done = by_ssh("--per-node", str(_TARGETS), "-q", "--", "sh", "-c", "sleep 2; echo done")
    assert (done.status, done.text.count("done")) == (0, _TARGETS), done.stderr


def test_stdin_and_statuses_are_each_ones_own(by_ssh: Program) -> None:
    """As with helper pods."""
    done = by_ssh("-i", "--per-node", "4", "--gather", "--", "sh", "-c", "cat; exit 3", stdin=b"given\n")
    assert done.status == 3, done.stderr
    assert (done.text.count("given"), f"({_TARGETS})" in done.text) == (1, True)


def test_a_node_that_ssh_cannot_reach_is_told_for_each(by_ssh: Program, sshd: Sshd) -> None:
    """In ssh's own words."""
    sshd.configure(IdentityFile="/nonexistent")
    done = by_ssh("-o", "json", "--", "true")
    *targets, _ = map(json.loads, done.text.splitlines())
    assert (done.status, len(targets)) == (125, _TARGETS)
    assert all("ssh could not reach node" in each["cause"] for each in targets), targets[0]
    assert all("Permission denied" in each["cause"] for each in targets), targets[0]


class Running:
    """A client of whose commands four run until somebody ends them."""

    def __init__(self, program: Program) -> None:
        self.seconds = unique_seconds()
        self.client = program.start("--per-node", "4", "--", "sleep", self.seconds)
        assert within(_SHOWN_WITHIN_SECONDS, lambda: len(running("sleep", self.seconds)) == 4), self.client.poll()

    def nothing_runs(self) -> bool:
        """Soon no command of it does."""
        return within(_GONE_WITHIN_SECONDS, lambda: not running("sleep", self.seconds))

    def close(self) -> None:
        """End the client if it still runs."""
        if self.client.poll() is None:
            self.client.kill()
        self.client.communicate()


@pytest.fixture
def four(nsexec: Program, way: Mapping[str, str], namespace: str, label: str) -> Iterator[Running]:
    """Four commands at once, by either way."""
    made = Running(_in_all(nsexec, way, namespace, label))
    yield made
    made.close()


def test_a_killed_client_leaves_nothing(four: Running) -> None:
    """Neither a command nor ssh's connection, nor what either has made."""
    four.client.kill()
    assert four.nothing_runs()
    assert within(_GONE_WITHIN_SECONDS, lambda: not _inside("ps axo args | grep '[C]ontrolMaster=yes'"))


def test_the_first_ctrl_c_tells_who_runs_and_the_second_ends_all(four: Running) -> None:
    """130; what ssh runs is not ended by the first."""
    assert four.client.stderr is not None
    four.client.send_signal(signal.SIGINT)
    told = next(line for line in iter(four.client.stderr.readline, b"") if b"running" in line)
    assert told.startswith(b"4 still running"), told
    assert len(running("sleep", four.seconds)) == 4
    rest = threading.Thread(target=four.client.stderr.read)
    rest.start()
    four.client.send_signal(signal.SIGINT)
    assert four.client.wait(_SHOWN_WITHIN_SECONDS) == 130
    rest.join()
    assert four.nothing_runs()


def test_a_connection_that_is_killed_is_told_and_leaves_nothing(by_ssh: Program, sshd: Sshd) -> None:
    """Of those that ran the end is unknown, the others are not started."""
    made = Running(by_ssh)
    try:
        vias.kill(_inside, *sshd.sessions())
        _, errors = made.client.communicate(timeout=_SHOWN_WITHIN_SECONDS)
        assert made.client.returncode == 125, errors.decode()
        assert f"0 of {_TARGETS} ok" in errors.decode()
        assert made.nothing_runs()
    finally:
        made.close()
