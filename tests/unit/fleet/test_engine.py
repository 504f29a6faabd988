"""The main thread of a fleet: what it does where a target's own thread cannot."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, cast

import pytest

from kubectl_nsexec.errors import HelperPodError, OutputFileError
from kubectl_nsexec.fleet import engine, helpers, member, shells
from kubectl_nsexec.fleet.engine import Engine
from kubectl_nsexec.fleet.helpers import Helper, for_many
from kubectl_nsexec.fleet.resolve import Member, not_started
from kubectl_nsexec.fleet.result import Place, Result
from kubectl_nsexec.fleet.schedule import Schedule
from kubectl_nsexec.fleet.setting import Ending, Said, Setting
from kubectl_nsexec.fleet.show.outcome import Outcome, outcome
from kubectl_nsexec.fleet.show.progress import Progress
from kubectl_nsexec.helper.config_map import HelperProgram
from kubectl_nsexec.helper.manifest import MAX_LIFE_SECONDS, HelperSpec
from kubectl_nsexec.model.deadline import Deadline
from kubectl_nsexec.model.fleet import Fleet
from kubectl_nsexec.model.request import Request
from kubectl_nsexec.ui.console import Console
from kubectl_nsexec.ui.interrupts import Interrupts
from tests.unit.fakes import FakeCluster
from tests.unit.transport.test_shell import planned

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from kubectl_nsexec.fleet.nodes import Nodes
    from kubectl_nsexec.session.plan import Plan

_WAIT_SECONDS = 30.0


class Shown:
    """A Presenter; what it raises at each end, if anything."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.results: list[Result] = []
        self._error = error

    def stdout(self, place: Place, data: bytes) -> None:
        raise AssertionError((place, data))

    def stderr(self, place: Place, data: bytes) -> None:
        raise AssertionError((place, data))

    def ended(self, result: Result) -> None:
        if self._error:
            raise self._error
        self.results.append(result)

    def finish(self, results: Sequence[Result]) -> None:
        raise AssertionError(results)


class FakeHelpers:
    """The helper pods, of which nothing is wanted but their end."""

    def __init__(self) -> None:
        self.ended: list[str] = []
        self.closed: list[str] = []
        self._open: list[str] = []

    def on(self, node: str) -> str:
        self._open.append(node)
        return node

    def taken(self, node: str) -> None:
        self._open.remove(node)
        self.closed.append(node)

    def open_ones(self) -> list[str]:
        return [*self._open]

    def end(self, cause: str) -> None:
        self.ended.append(cause)


class Made:
    """An engine of so many targets, one on each node, which do what ``work`` says."""

    def __init__(self, count: int, error: BaseException | None = None) -> None:
        plan = planned()
        self.places = [Place("ran", f"du-{n}", "main", f"n{n}", "0-1", "--cpus") for n in range(count)]
        self.shown, self.helpers = Shown(error), FakeHelpers()
        console = Console(quiet=True)
        self.setting = Setting(
            Request(pod="", command=(b"true",)),
            FakeCluster({}),
            console,
            self.shown,
            Progress(self.places, console, terminal=False),
            None,
            Ending(),
            Said(console),
            None,
        )
        self.schedule = Schedule([place.node for place in self.places], fanout=9, per_node=1, max_fail=None)
        self.members = [Member(place, plan) for place in self.places]
        self.engine = Engine(
            self.setting, self.members, self.schedule, cast("Any", self.helpers), lambda places: f"{len(places)}"
        )

    def run(self, deadline: Deadline | None = None) -> list[Result]:
        """All results."""
        return self.engine.run(Interrupts(), deadline)[0]


def works(monkeypatch: pytest.MonkeyPatch, work: Callable[[Place], Result]) -> None:
    """From now on this is what a target does."""
    monkeypatch.setattr(member, "result", lambda _, target, __: work(target.place))


def well(place: Place) -> Result:
    """A command that ended well."""
    return Result(place, 0, "", "2026-11-28T00:00:00.000Z", 1.0, None)


def test_every_target_has_a_result_and_its_helper_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the order of the targets, each shown once."""
    works(monkeypatch, well)
    made = Made(5)
    assert [result.place for result in made.run()] == made.places
    assert sorted(result.place for result in made.shown.results) == made.places
    assert (sorted(made.helpers.closed), made.helpers.ended) == ([f"n{n}" for n in range(5)], [])


def test_one_that_does_not_end_in_time_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is waited for for ever; what it says later is not heard."""
    go, done = threading.Event(), threading.Event()

    def stuck(place: Place) -> Result:
        if place.pod == "du-1":
            go.wait(_WAIT_SECONDS)
            done.set()
        return well(place)

    works(monkeypatch, stuck)
    monkeypatch.setattr(engine, "_END_SECONDS", 0.0)
    made = Made(2)
    first, second = made.run(Deadline.after(0.5, lambda: 1.0 if made.shown.results else 0.0))  # over when one has ended
    assert first.status == 0
    assert (second.status, second.cause) == (
        None,
        "ended after 0.5s (--deadline); whether it ended, and how, is not known",
    )
    assert outcome(second) is Outcome.END_UNKNOWN, "its command may have started"
    go.set()
    assert done.wait(_WAIT_SECONDS)
    assert len(made.shown.results) == 2
    assert made.helpers.ended == ["ended after 0.5s (--deadline)"]


WAYS: list[tuple[Callable[[Setting, Sequence[Plan], ExitStack], Nodes], str, str]] = [
    (lambda setting, plans, _: helpers.helpers(setting, plans), "a helper pod", "helper-pod"),
    (shells.logins, "an ssh connection", "node-access"),
    (lambda setting, plans, _: shells.here(setting, plans), "a shell", "node-access"),
]


@pytest.mark.parametrize(("ways", "what", "code"), WAYS, ids=["pod", "ssh", "local"])
def test_a_way_that_does_not_end_in_time_is_told_as_what_it_is(
    ways: Callable[[Setting, Sequence[Plan], ExitStack], Nodes], what: str, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the code of whatever leads to the nodes."""
    go, said = threading.Event(), list[str]()
    works(monkeypatch, well)
    monkeypatch.setattr(engine, "_CLOSE_SECONDS", 0.0)
    monkeypatch.setattr(Console, "say", lambda _, line: said.append(line))
    made = Made(1)
    with ExitStack() as stack:
        nodes = ways(made.setting, [planned()], stack)
        monkeypatch.setattr(nodes, "on", lambda _: None)
        monkeypatch.setattr(nodes, "taken", lambda _: Slow(go))
        monkeypatch.setattr(nodes, "open_ones", list)
        Engine(made.setting, made.members, made.schedule, nodes, str).run(Interrupts(), None)
    go.set()
    assert said == [f"error: {what} has not ended yet; it does now that we are gone [{code}]"]


class Slow:
    """What leads to a node, and is closed no sooner than it may."""

    def __init__(self, may: threading.Event) -> None:
        self._may = may

    def close(self) -> None:
        """Waits."""
        self._may.wait(_WAIT_SECONDS)


@pytest.mark.parametrize("error", [OutputFileError("the disk is full"), ZeroDivisionError("a defect")])
def test_what_is_no_targets_own_trouble_ends_all(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is raised, after the helper pods are closed."""
    works(monkeypatch, well)
    made = Made(3, error)
    with pytest.raises(type(error)):
        made.run()
    assert len(made.helpers.closed) == 3
    assert made.setting.ending.cause is not None


def test_a_defect_in_a_targets_thread_is_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not lost with the thread."""

    def breaks(place: Place) -> Result:
        raise ZeroDivisionError(place)

    works(monkeypatch, breaks)
    made = Made(1)
    with pytest.raises(ZeroDivisionError):
        made.run()


def test_failures_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that was not started is one."""
    works(monkeypatch, lambda place: not_started(place, "no room", "helper-pod"))
    assert [result.cause for result in Made(2).run()] == ["no room"] * 2


def spec(life_seconds: int = 100) -> HelperSpec:
    """Of a single run."""
    program = HelperProgram("amd64", b"shim", "agent")
    annotations = {"nsexec.io/target": "ran/du-0/main"}
    return HelperSpec("h", "nsexec", "n0", "amd64", "i", program, (), True, annotations, "/f", life_seconds)  # noqa: FBT003 - its field


@pytest.mark.parametrize(
    ("deadline", "own", "life"),
    [(None, 100, MAX_LIFE_SECONDS), (None, 2 * MAX_LIFE_SECONDS, 2 * MAX_LIFE_SECONDS), (90.5, 100, 60 + 91 + 60)],
)
def test_a_helper_for_many_lives_as_long_as_all_of_them_may_take(deadline: float | None, own: int, life: int) -> None:
    """activeDeadlineSeconds, a net: a day, or what --deadline or --max-duration says."""
    request = Request(pod="", command=(b"true",), fleet=Fleet(deadline_seconds=deadline))
    made = for_many(planned(helper=spec(own)), request, 3)
    assert made.helper.life_seconds == life
    assert made.helper.annotations["nsexec.io/target"] == "ran/du-0/main and 2 more"


def test_no_helper_is_made_once_all_is_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A target's thread may come late."""
    monkeypatch.setattr(helpers, "NodeHelperPod", None)
    setting = Made(1).setting
    setting.ending.begin("ended by Ctrl-C")
    setting.ending.begin("of no matter any more")
    with pytest.raises(HelperPodError, match="ended by Ctrl-C"):
        Helper(setting, planned(helper=spec()), 1).opened()


def test_every_deadline_is_over_once_all_is_to_end() -> None:
    """So that who waits for a helper pod waits no longer."""
    ending = Ending()
    deadline = ending.deadline(1000)
    assert not deadline.expired()
    ending.begin("ended by Ctrl-C")
    assert deadline.expired()


def test_what_many_have_to_say_is_said_once(tmp_path: Path) -> None:
    """Each different line."""
    path = tmp_path / "stderr"
    with path.open("wb") as file:
        said = Said(Console(stderr_fd=file.fileno()))
        for line in ("one", "two", "one"):
            said.notice(line)
    assert path.read_text() == "one\ntwo\n"
