"""Starts the targets, so many at a time, until all have ended or are to end: the main thread's part of a fleet."""

from __future__ import annotations

import queue
import signal as signals
import threading
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from kubectl_nsexec.errors import NsexecError
from kubectl_nsexec.fleet import member as members
from kubectl_nsexec.fleet.resolve import not_started
from kubectl_nsexec.fleet.result import Result
from kubectl_nsexec.fleet.status import failed
from kubectl_nsexec.model.background import Background
from kubectl_nsexec.model.deadline import Deadline
from kubectl_nsexec.transport.common_end import EndedError
from kubectl_nsexec.ui.interrupts import SignalReceived

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kubectl_nsexec.fleet.nodes import Nodes
    from kubectl_nsexec.fleet.resolve import Member
    from kubectl_nsexec.fleet.result import Place
    from kubectl_nsexec.fleet.schedule import Schedule
    from kubectl_nsexec.fleet.setting import Setting
    from kubectl_nsexec.ui.interrupts import Interrupts

_END_SECONDS = 5.0
"""How long what is ended may take to say so; what has not said it by then is unknown."""
_CLOSE_SECONDS = 15.0
"""How long the deletion of helper pods, say, may take at the end; the reaper goes on after that."""
_SLICE_SECONDS = 0.5
"""The kernel may give a signal to any thread, and Python answers it in this one, when it is not waiting."""
_UNKNOWN = "; whether it ended, and how, is not known"


class _Asked:
    """The user's first Ctrl-C."""


class _Ended(NamedTuple):
    number: int
    error: BaseException | None = None
    """Of what is no target's own: nobody reads our output any more, or a defect."""


class Engine:
    """One run of ``targets`` by ``schedule``."""

    def __init__(
        self,
        setting: Setting,
        targets: Sequence[Member],
        schedule: Schedule,
        nodes: Nodes,
        names: Callable[[Sequence[Place]], str],
    ) -> None:
        """``names``: how several targets are called in a line."""
        self._setting = setting
        self._targets = targets
        self._schedule = schedule
        self._nodes = nodes
        self._names = names
        self._news: queue.SimpleQueue[_Asked | _Ended] = queue.SimpleQueue()
        self._results: dict[int, Result] = {}
        self._begun: dict[int, str] = {}
        self._reporting = threading.Lock()
        self._closings: list[Background[None]] = []

    def run(self, interrupts: Interrupts, deadline: Deadline | None) -> tuple[list[Result], int | None]:
        """All results, in the order of the targets, and the signal by which the user ended it; None: it was not.

        Each result has been given to the presenter. Raises OutputClosedError, and what is a defect; then all has ended.
        """
        signal = None
        try:
            with interrupts.asked(partial(self._news.put, _Asked())):
                self._until_all_ended(deadline)
                self._close_all()
        except SignalReceived as received:
            signal = received.number
            self._end("ended by Ctrl-C" if signal == signals.SIGINT else f"ended by signal {signal}")
        except BaseException as error:
            self._end(f"ended: {error}")
            raise
        for number in self._schedule.left():
            why = self._setting.ending.cause or self._schedule.stopped or "not started"
            self._report(number, not_started(self._targets[number].place, why, EndedError.code))
        return [self._results[number] for number in range(len(self._targets))], signal

    def _until_all_ended(self, deadline: Deadline | None) -> None:
        while True:
            while (number := self._schedule.next()) is not None:
                threading.Thread(target=self._work, args=(number,), daemon=True).start()
            if not self._schedule.running:
                return
            if deadline is not None and deadline.expired():
                self._end(f"ended after {deadline.allowed_seconds:g}s (--deadline)")
                return
            left = _SLICE_SECONDS if deadline is None else min(_SLICE_SECONDS, deadline.remaining_seconds())
            with suppress(queue.Empty):
                self._heard(self._news.get(timeout=left))

    def _heard(self, news: _Asked | _Ended) -> None:
        """Raises what a target's thread could not deal with."""
        if isinstance(news, _Asked):
            self._say_who_runs()
            return
        if news.error is not None:
            self._schedule.ended(news.number, failed=True)
            raise news.error
        node = self._targets[news.number].place.node
        if self._schedule.ended(news.number, failed=failed(self._results[news.number])):
            self._close(node)

    def _say_who_runs(self) -> None:
        places = [self._targets[number].place for number in sorted(self._schedule.running)]
        waiting = len(self._schedule.left())
        more = f", {waiting} not started yet" if waiting and self._schedule.stopped is None else ""
        self._setting.console.below_echo()
        self._setting.console.say(
            f"{len(places)} still running: {self._names(places)}{more}; Ctrl-C once more ends everything"
        )

    def _work(self, number: int) -> None:
        """A target's thread."""
        target = self._targets[number]
        self._begun[number] = members.now()
        self._setting.progress.running(target.place)
        error: BaseException | None = None
        try:
            node = self._nodes.on(target.place.node)
            self._report(number, members.result(self._setting, target, node))
        except BaseException as unexpected:  # noqa: BLE001 - the main thread raises it
            error = unexpected
        self._news.put(_Ended(number, error))

    def _report(self, number: int, result: Result) -> None:
        """The first one of a target counts, and is shown. Raises OutputClosedError."""
        with self._reporting:
            if number in self._results:
                return
            self._results[number] = result
        self._setting.progress.ended(result)
        self._setting.presenter.ended(result)

    def _end(self, cause: str) -> None:
        """Ends whatever runs, and waits a little for what that says."""
        self._schedule.stop(cause)
        self._setting.ending.begin(cause)
        self._nodes.end(cause)
        patience = Deadline.after(_END_SECONDS)
        while self._schedule.running and not patience.expired():
            try:
                news = self._news.get(timeout=patience.remaining_seconds())
            except queue.Empty:
                break
            if isinstance(news, _Ended):
                self._schedule.ended(news.number, failed=True)
        for number in [*self._schedule.running]:
            self._schedule.ended(number, failed=True)
        self._close_all()
        for number in sorted({*self._begun} - {*self._results}):  # its command may have started since
            place, begun = self._targets[number].place, self._begun[number]
            self._report(number, Result(place, None, cause + _UNKNOWN, begun, 0.0, None, code=EndedError.code))

    def _close(self, node: str) -> None:
        taken = self._nodes.taken(node)
        if taken is not None:
            self._closings.append(Background(taken.close))

    def _close_all(self) -> None:
        """Waits until every node has been left, and says which has not."""
        for node in self._nodes.open_ones():
            self._close(node)
        patience = Deadline.after(_CLOSE_SECONDS)
        for closing in self._closings:
            try:
                closing.result(patience.remaining_seconds())
            except NsexecError as error:  # noqa: PERF203 - each is told
                self._say(error)
            except TimeoutError:
                self._say(self._nodes.late())

    def _say(self, error: NsexecError) -> None:
        """One line of what may be many."""
        self._setting.console.say(f"{error.rendered()} [{error.code}]")
