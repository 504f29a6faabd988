"""How many commands run at once, for how long, and with which stdin."""

from __future__ import annotations

import threading
from collections import Counter

import pytest

from tests.program.fleet.fake_fleet import Command, Fleet, exits, says_its_name
from tests.program.fleet.runs import DU, TRUE, WAIT_SECONDS, causes, codes, lines, made, pods


@pytest.mark.parametrize(
    ("flags", "at_once"), [((), 2), (("--per-node", "2"), 4), (("--fanout", "3", "--per-node", "4"), 3)]
)
def test_so_many_at_once(fleet: Fleet, flags: tuple[str, ...], at_once: int) -> None:
    """All that may run at once do: each waits for the others."""
    together = threading.Barrier(at_once)

    def meets(_: Command) -> int:
        together.wait(WAIT_SECONDS)
        return 0

    count = at_once * 2
    pods(fleet, count).scripts = {f"du-{number}": meets for number in range(count)}
    done = fleet.run(*DU, *flags, *TRUE)
    assert (done.returncode, fleet.most_at_once) == (0, at_once)


def test_one_after_the_other(fleet: Fleet) -> None:
    """With --fanout 1, and one helper pod at a time."""
    done = pods(fleet, 4).run(*DU, "--fanout", "1", "--per-node", "9", *TRUE)
    assert (done.returncode, fleet.most_at_once, made(fleet)) == (0, 1, 2)
    order = [
        each for each in fleet.journal if each in ("POST pods", "DELETE pod", "attach") or each.startswith("enter")
    ]
    assert [each for each in order if each.startswith("enter")] == [f"enter du-{n}" for n in (0, 2, 1, 3)]


@pytest.mark.parametrize(
    ("flags", "runs"), [(("--fail-fast",), 1), (("--max-fail", "2"), 3), (("--max-fail", "50%"), 4)]
)
def test_more_than_so_many_failures_start_no_more(fleet: Fleet, flags: tuple[str, ...], runs: int) -> None:
    """Those that were not started are reported as such."""
    pods(fleet, 6, nodes=1).scripts = {f"du-{number}": exits(2) for number in range(6)}
    done = fleet.run(*DU, "-o", "json", *flags, *TRUE)
    assert done.returncode == 125
    assert len([each for each in fleet.journal if each.startswith("enter")]) == runs
    most, number = runs - 1, f"{runs} failure{'s' if runs > 1 else ''}"
    assert causes(done) == {f"du-{n}": f"not started after {number} (--max-fail {most})" for n in range(runs, 6)}
    assert {*codes(done).values()} == {"ended"}
    assert made(fleet) == 1


def test_what_runs_then_ends_by_itself(fleet: Fleet) -> None:
    """It is not cut short by the failure of another."""

    def waits(command: Command) -> int:
        command.fleet.one_gone.wait(WAIT_SECONDS)  # the helper of the other, for nothing more is to start on its node
        return says_its_name(command)

    pods(fleet, 4).scripts = {"du-0": waits, "du-1": exits(1)}
    done = fleet.run(*DU, "--fail-fast", *TRUE)
    assert lines(done) == ["ran/du-0: from du-0"]


def test_the_time_of_a_command_is_limited(fleet: Fleet) -> None:
    """By the node's clock; 124 then, unless something was not run at all."""
    pods(fleet, 2).scripts["du-0"] = exits(124)
    done = fleet.run(*DU, "--max-duration", "1ms", "-o", "json", *TRUE)
    assert (done.returncode, causes(done)) == (124, {"du-0": "ended after 0.001s (--max-duration)"})
    assert codes(done) == {"du-0": "timed-out"}


def until_we_are_gone(command: Command) -> int:
    """One that runs on until its client goes away."""
    command.write(b"begun\n")
    command.stdin()
    return 0


def test_the_time_of_all_is_limited(fleet: Fleet) -> None:
    """What has not ended by then is ended and reported, what was not started as well."""
    pods(fleet, 4).scripts = {f"du-{number}": until_we_are_gone for number in (0, 2)}
    done = fleet.run(*DU, "--deadline", "5s", "-o", "json", *TRUE)
    assert done.returncode == 125
    assert causes(done) == {f"du-{number}": "ended after 5s (--deadline)" for number in (0, 2)}
    assert {*codes(done).values()} == {"ended"}
    assert fleet.live == {}


_LINE = "0123456789" * 10


def echoes(command: Command) -> int:
    """Gives back its stdin."""
    command.write(command.stdin())
    return 0


@pytest.mark.parametrize("count", [0, 1, 30_000])
def test_stdin_is_given_to_each(fleet: Fleet, count: int) -> None:
    """All of it, though one does not read any."""
    pods(fleet, 4).scripts = {"du-0": says_its_name, **{f"du-{number}": echoes for number in (1, 2, 3)}}
    done = fleet.run(*DU, "-i", "--per-node", "2", "--", "cat", stdin=f"{_LINE}\n".encode() * count)
    assert done.returncode == 0
    given = {f"ran/du-{n}: {_LINE}": count for n in (1, 2, 3)}
    assert Counter(lines(done)) == Counter({"ran/du-0: from du-0": 1, **given})


def test_without_i_there_is_none(fleet: Fleet) -> None:
    """As in a single run."""
    pods(fleet, 1).scripts["du-0"] = lambda command: len(next(command.received))
    assert fleet.run(*DU, *TRUE, stdin=b"abc").returncode == 0
