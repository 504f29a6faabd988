"""Many pods by ``--via ssh``: one connection a node, which all its commands go over and which ends with the client."""

from __future__ import annotations

import json
import os
import signal
import threading
from typing import TYPE_CHECKING

import pytest

from tests.program.fleet.fake_ssh import FakeSsh
from tests.program.fleet.runs import DU, TRUE, WAIT_SECONDS, causes, lines, pods
from tests.program.fleet.test_ends import Waiting, client, heard, said
from tests.program.fleet.test_limits import echoes, until_we_are_gone

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.program.fleet.fake_fleet import Command, Fleet

SSH = ("--via", "ssh", *DU)
_LOOK_SECONDS = 0.05


@pytest.fixture
def ssh(fleet: Fleet, tmp_path: Path) -> Iterator[FakeSsh]:
    """Servers on all nodes."""
    made = FakeSsh(fleet, tmp_path)
    yield made
    made.close()


def nothing_left(ssh: FakeSsh) -> bool:
    """No connection, and no folder of its socket: the latter is removed by a process that nobody can wait for."""
    assert ssh.nobody_there.wait(WAIT_SECONDS)
    looked = threading.Event()
    for _ in range(int(WAIT_SECONDS / _LOOK_SECONDS)):
        if not [*ssh.temporary.iterdir()]:
            return True
        looked.wait(_LOOK_SECONDS)
    return False


def test_the_commands_of_a_node_go_over_one_connection(fleet: Fleet, ssh: FakeSsh) -> None:
    """No helper pod is made, no right to one is asked for; each command has its Event."""
    done = pods(fleet, 6).run(*SSH, *TRUE)
    assert (done.returncode, lines(done)) == (0, [f"ran/du-{n}: from du-{n}" for n in range(6)]), done.stderr
    assert (sorted(ssh.logins), sorted(ssh.sessions)) == (["n0", "n1"], ["n0"] * 3 + ["n1"] * 3)
    assert (fleet.helpers, fleet.journal.count("POST events")) == ([], 6)
    assert fleet.journal.count("POST selfsubjectaccessreviews") == 1  # exec into the pods
    assert nothing_left(ssh)


def test_the_users_options_are_heeded_and_nobody_is_asked(fleet: Fleet, ssh: FakeSsh) -> None:
    """Of several values ssh takes the first: the user's before BatchMode, and ours of the connection before theirs."""
    options = ("--ssh-option", "ControlPersist=yes", "--ssh-option", "BatchMode=no", "--ssh-user", "me")
    assert pods(fleet, 1).run(*SSH, *options, *TRUE).returncode == 0
    for argv in ssh.argvs:
        given = [argv[at + 1] for at, word in enumerate(argv) if word == "-o"]
        assert given.index("BatchMode=no") < given.index("BatchMode=yes")
        assert argv[argv.index("-l") + 1] == "me"
    given = [word for word in ssh.argvs[0] if word.startswith("Control")]
    assert given == ["ControlMaster=yes", "ControlPersist=no", "ControlPersist=yes"]


def test_a_node_that_cannot_be_reached_costs_its_own_targets(fleet: Fleet, ssh: FakeSsh) -> None:
    """Each is told what ssh says of it; it is tried once, and the others go on."""
    ssh.refused["n0"] = "core@n0: Permission denied (publickey)."
    done = pods(fleet, 6).run(*SSH, "-o", "json", *TRUE)
    why = "ssh could not reach node n0: core@n0: Permission denied (publickey)."
    assert (done.returncode, causes(done)) == (125, {f"du-{n}": why for n in (0, 2, 4)})
    assert sorted(ssh.logins) == ["n0", "n1"]
    assert nothing_left(ssh)


def test_a_node_that_is_not_ready_can_be_reached(fleet: Fleet, ssh: FakeSsh) -> None:
    """No kubelet is needed."""
    pods(fleet, 2).nodes["n1"]["status"]["conditions"] = [{"type": "Ready", "status": "Unknown"}]
    done = fleet.run(*SSH, *TRUE)
    assert (done.returncode, len(lines(done)), len(ssh.logins)) == (0, 2, 2)


def test_a_connection_that_breaks_takes_only_its_own_targets_along(fleet: Fleet, ssh: FakeSsh) -> None:
    """What comes later is not started; the others go on."""

    def is_cut(command: Command) -> int:
        ssh.cut("n0")
        command.stdin()  # until the client has gone: with the connection go its sessions
        return 0

    pods(fleet, 6).scripts["du-0"] = is_cut
    done = fleet.run(*SSH, "-o", "json", *TRUE)
    never = "the ssh connection to node n0 has ended; nothing was started"
    broken = "the connection to the command broke; whether it ended, and how, is not known"
    assert (done.returncode, causes(done)) == (125, {"du-0": broken, "du-2": never, "du-4": never}), done.stderr
    assert nothing_left(ssh)


@pytest.mark.parametrize("at_once", [2, 4])
def test_so_many_at_once_over_one_connection(fleet: Fleet, ssh: FakeSsh, at_once: int) -> None:
    """--per-node and --fanout are the same by whatever way."""
    together = threading.Barrier(at_once)

    def meets(_: Command) -> int:
        together.wait(WAIT_SECONDS)
        return 0

    pods(fleet, 2 * at_once, nodes=1).scripts = {f"du-{number}": meets for number in range(2 * at_once)}
    done = fleet.run(*SSH, "--per-node", str(at_once), *TRUE)
    assert (done.returncode, fleet.most_at_once, ssh.logins) == (0, at_once, ["n0"])


def test_stdin_is_given_to_each(fleet: Fleet, ssh: FakeSsh) -> None:
    """From its beginning to its end."""
    pods(fleet, 3).scripts = {f"du-{number}": echoes for number in range(3)}
    done = fleet.run(*SSH, "-i", "--", "cat", stdin=b"0123456789\n" * 30_000)
    assert (done.returncode, len(lines(done)), len(ssh.sessions)) == (0, 90_000, 3)


def test_where_only_the_node_knows_its_cpus_its_first_session_asks(fleet: Fleet, ssh: FakeSsh) -> None:
    """The others there are told."""
    fleet.by_hand = False
    done = pods(fleet, 6).run(*SSH, "-o", "json", *TRUE)
    assert done.returncode == 0, done.stderr
    targets = [json.loads(line) for line in done.stdout.splitlines()][:-1]
    assert {(each["cpus"], each["source"]) for each in targets} == {("0-1", "/etc/crio/x, infra_ctr_cpuset")}
    assert (fleet.journal.count("look"), len(ssh.logins)) == (2, 2)


def test_the_time_of_all_is_limited(fleet: Fleet, ssh: FakeSsh) -> None:
    """What has not ended by then is ended and reported, what was not started as well."""
    pods(fleet, 4).scripts = {f"du-{number}": until_we_are_gone for number in (0, 2)}
    done = fleet.run(*SSH, "--deadline", "5s", "-o", "json", *TRUE)
    assert done.returncode == 125
    assert causes(done) == {f"du-{number}": "ended after 5s (--deadline)" for number in (0, 2)}
    assert nothing_left(ssh)


def test_ctrl_c_is_a_question_and_a_second_ends_all(fleet: Fleet, ssh: FakeSsh) -> None:
    """The terminal sends it to every process of the group: no ssh is one of them."""
    Waiting(fleet, 3, but=1)
    with client(fleet, "--via", "ssh") as running:
        assert heard(running, 3) == ["ran/du-0: from du-0\n", "ran/du-1: begun\n", "ran/du-2: begun\n"]
        os.killpg(running.pid, signal.SIGINT)
        assert "still running: ran/du-" in said(running)
        assert len({*ssh.logins}) == 3
        os.killpg(running.pid, signal.SIGINT)
        _, err = running.communicate(timeout=WAIT_SECONDS)
    assert running.returncode == 130
    assert b"1 of 3 ok, 2 end unknown (ended by Ctrl-C)" in err
    assert nothing_left(ssh)


def test_after_one_ctrl_c_it_goes_on(fleet: Fleet, ssh: FakeSsh) -> None:
    """The connections are still there."""
    waiting = Waiting(fleet, 2)
    with client(fleet, "--via", "ssh", "--fanout", "1") as running:
        waiting.all_begun(1)
        os.killpg(running.pid, signal.SIGINT)
        assert said(running).startswith("1 still running")
        waiting.go.set()
        out, err = running.communicate(timeout=WAIT_SECONDS)
    assert (running.returncode, sorted(out.splitlines())) == (0, [b"ran/du-0: begun", b"ran/du-1: begun"]), err
    assert nothing_left(ssh)


def test_sigkill_leaves_nothing(fleet: Fleet, ssh: FakeSsh) -> None:
    """Neither a connection nor the folder of its socket."""
    waiting = Waiting(fleet, 3)
    with client(fleet, "--via", "ssh") as running:
        waiting.all_begun(3)
        assert len([*ssh.temporary.iterdir()]) == 1
        running.kill()
        assert nothing_left(ssh)


def test_a_missing_ssh_is_said(fleet: Fleet, ssh: FakeSsh, tmp_path: Path) -> None:
    """For each target."""
    (tmp_path / "bin/ssh").unlink()
    fleet.environment["PATH"] = f"{tmp_path}/bin"
    done = pods(fleet, 2).run(*SSH, "-o", "json", *TRUE)
    assert done.returncode == 125
    assert causes(done)["du-0"] == "ssh could not reach node n0: ssh: No such file or directory"
    assert ssh.logins == []
