"""A fleet that the user ends: Ctrl-C once and twice, other signals, a reader that goes away, SIGKILL; the question."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest

from tests.program.fleet.fake_fleet import ROOT, Command, Fleet

if TYPE_CHECKING:
    from collections.abc import Iterator

_DU = ("-l", "app=du", "-n", "ran")
_WAIT_SECONDS = 30.0
_LOOK_SECONDS = 0.05
_KILLED = 137


class Waiting:
    """Commands that say so when they begin, and end when they are let or their client goes away."""

    def __init__(self, fleet: Fleet, count: int, *, but: int = 0) -> None:
        """``but``: so many of the first ones end by themselves."""
        self.begun = threading.Semaphore(0)
        self.go = threading.Event()
        for number in range(count):
            fleet.add(f"du-{number}", f"n{number}", app="du")
            if number >= but:
                fleet.scripts[f"du-{number}"] = self._command

    def _command(self, command: Command) -> int:
        command.write(b"begun\n")
        self.begun.release()
        gone = threading.Event()
        threading.Thread(target=self._until_gone, args=(command, gone), daemon=True).start()
        while not self.go.is_set() and not gone.wait(_LOOK_SECONDS):
            pass
        return 0 if self.go.is_set() else _KILLED

    def _until_gone(self, command: Command, gone: threading.Event) -> None:
        with suppress(OSError, ValueError):  # as a connection is that was reset
            command.stdin()
        gone.set()

    def all_begun(self, count: int) -> None:
        """Waits until so many have."""
        for _ in range(count):
            assert self.begun.acquire(timeout=_WAIT_SECONDS)


@contextmanager
def client(fleet: Fleet, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """One that runs; killed at the latest at the end."""
    argv = fleet.argv(*_DU, *words, "--", "sleep", "inf")
    pipe, environment = subprocess.PIPE, {**os.environ, **fleet.environment}
    with subprocess.Popen(
        argv, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, env=environment, start_new_session=True
    ) as running:
        try:
            yield running
        finally:
            running.kill()


def said(running: subprocess.Popen[bytes]) -> str:
    """The next line of stderr."""
    assert running.stderr is not None
    return running.stderr.readline().decode()


def heard(running: subprocess.Popen[bytes], count: int) -> list[str]:
    """The next lines of stdout, sorted."""
    assert running.stdout is not None
    return sorted(running.stdout.readline().decode() for _ in range(count))


def test_ctrl_c_says_who_is_running_and_a_second_ends_all(fleet: Fleet) -> None:
    """No helper pod is left, and the status is 130."""
    Waiting(fleet, 3, but=1)
    with client(fleet) as running:
        assert heard(running, 3) == ["ran/du-0: from du-0\n", "ran/du-1: begun\n", "ran/du-2: begun\n"]
        assert fleet.one_gone.wait(_WAIT_SECONDS)  # the helper of the one that ended
        running.send_signal(signal.SIGINT)
        assert said(running) == "2 still running: ran/du-[1-2]; Ctrl-C once more ends everything\n"
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=_WAIT_SECONDS)
    assert running.returncode == 130
    assert b"1 of 3 ok, 2 end unknown (ended by Ctrl-C)" in err
    assert fleet.live == {}


def test_a_helper_pod_that_does_not_run_is_waited_for_no_longer(fleet: Fleet) -> None:
    """Its node may have no kubelet: the pod is deleted all the same."""
    Waiting(fleet, 2, but=1)
    fleet.never_runs = "n1"
    with client(fleet) as running:
        assert heard(running, 1) == ["ran/du-0: from du-0\n"]
        assert fleet.one_gone.wait(_WAIT_SECONDS)
        running.send_signal(signal.SIGINT)
        assert said(running).startswith("1 still running: ran/du-1;")
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=_WAIT_SECONDS)
    assert (running.returncode, fleet.live) == (130, {})
    assert b"1 of 2 ok, 1 not started (ended by Ctrl-C)" in err


@pytest.mark.parametrize("mode", ["--gather", "--group"])
def test_what_was_gathered_until_then_is_printed(fleet: Fleet, mode: str) -> None:
    """Whatever way it is shown."""
    waiting = Waiting(fleet, 2, but=1)
    with client(fleet, mode) as running:
        waiting.all_begun(1)
        assert fleet.one_gone.wait(_WAIT_SECONDS)
        running.send_signal(signal.SIGINT)
        said(running)
        running.send_signal(signal.SIGINT)
        out, _ = running.communicate(timeout=_WAIT_SECONDS)
    assert running.returncode == 130
    assert b"from du-0\n" in out


def test_after_one_ctrl_c_it_goes_on(fleet: Fleet) -> None:
    """It was a question."""
    waiting = Waiting(fleet, 2)
    with client(fleet, "--fanout", "1") as running:
        waiting.all_begun(1)
        running.send_signal(signal.SIGINT)
        assert said(running) == "1 still running: ran/du-0, 1 not started yet; Ctrl-C once more ends everything\n"
        waiting.go.set()
        out, _ = running.communicate(timeout=_WAIT_SECONDS)
    assert (running.returncode, sorted(out.splitlines())) == (0, [b"ran/du-0: begun", b"ran/du-1: begun"])


def test_another_signal_ends_all_at_once(fleet: Fleet) -> None:
    """With 128 and its number, as everywhere."""
    waiting = Waiting(fleet, 2)
    with client(fleet) as running:
        waiting.all_begun(2)
        running.send_signal(signal.SIGTERM)
        _, err = running.communicate(timeout=_WAIT_SECONDS)
    assert (running.returncode, fleet.live) == (143, {})
    assert b"ended by signal 15" in err


def test_sigkill_leaves_nothing(fleet: Fleet) -> None:
    """Another process deletes what helper pods there are, on whatever nodes."""
    waiting = Waiting(fleet, 3)
    with client(fleet) as running:
        waiting.all_begun(3)
        assert len(fleet.live) == 3
        running.kill()
        assert fleet.all_gone.wait(_WAIT_SECONDS)


def test_a_reader_that_goes_away_ends_all(fleet: Fleet) -> None:
    """As ``| head -1`` does: 128 and SIGPIPE, and no helper pod is left."""
    waiting = Waiting(fleet, 2)
    with client(fleet) as running:
        assert running.stdout is not None
        running.stdout.close()
        waiting.all_begun(1)
        assert running.wait(_WAIT_SECONDS) == 141
    assert fleet.live == {}


def on_terminal(fleet: Fleet, answer: bytes, *words: str) -> tuple[int, str]:
    """The exit status and all that the terminal shows, of a run whose question is answered so."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(fleet.argv(*_DU, *words, "--", "true"), cwd=ROOT, stdin=theirs, stderr=theirs) as running:
        os.close(theirs)
        shown = b""
        with open(ours, "r+b", buffering=0) as terminal:  # noqa: PTH123 - a descriptor
            try:
                while data := terminal.read(1024):
                    shown += data
                    if b"[y/N]" in shown and answer:
                        terminal.write(answer)
                        answer = b""
            except OSError:  # EIO: nobody has the other end any more
                pass
    return running.returncode, shown.decode()


def many(fleet: Fleet, count: int) -> Fleet:
    """The same with so many pods on three nodes."""
    for number in range(count):
        fleet.add(f"du-{number}", f"n{number % 3}", app="du")
    return fleet


@pytest.mark.parametrize(
    ("count", "flags", "question"),
    [
        (11, (), "The command is to run in 11 pods on 3 nodes. Go on? [y/N] "),
        (1, ("--privileged",), "in 1 pod on 1 node, as root with every right (--privileged). Go on? [y/N] "),
        (2, ("--host-tools",), "in 2 pods on 2 nodes, as root with every right (--host-tools). Go on? [y/N] "),
    ],
)
def test_a_terminal_is_asked_before_much_is_done(
    fleet: Fleet, count: int, flags: tuple[str, ...], question: str
) -> None:
    """Anything but yes means no, and nothing was created."""
    status, shown = on_terminal(many(fleet, count), b"\n", *flags)
    assert question in shown
    assert "nothing was started" in shown
    assert (status, fleet.helpers) == (1, [])


def test_several_containers_of_a_pod_are_counted(fleet: Fleet) -> None:
    """It is the targets that are many; the question says of how many pods they are."""
    for pod in many(fleet, 6).pods.values():
        pod["spec"]["containers"].append({"name": "side", "image": "i"})
        pod["status"]["containerStatuses"] += [{**pod["status"]["containerStatuses"][0], "name": "side"}]
    _, shown = on_terminal(fleet, b"\n", "-c", "main", "-c", "side")
    assert "in 12 containers of 6 pods on 3 nodes. Go on? [y/N] " in shown


def test_yes_goes_on(fleet: Fleet) -> None:
    """In one letter, or the whole word."""
    status, _ = on_terminal(many(fleet, 11), b"y\n", "--fanout", "2")
    assert (status, len(fleet.helpers)) == (0, 3)


@pytest.mark.parametrize(("count", "flags"), [(10, ()), (11, ("-y",)), (1, ("--host-tools", "--yes"))])
def test_little_and_what_was_agreed_to_is_not_asked_about(fleet: Fleet, count: int, flags: tuple[str, ...]) -> None:
    """The command just runs."""
    status, shown = on_terminal(many(fleet, count), b"", *flags)
    assert "[y/N]" not in shown
    assert status == 0


def test_without_a_terminal_nobody_is_asked(fleet: Fleet) -> None:
    """A script would wait for ever."""
    done = many(fleet, 11).run(*_DU, "--", "true")
    assert (done.returncode, b"[y/N]" in done.stderr) == (0, False)
