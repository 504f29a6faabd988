"""Signals as exceptions: none is lost, wherever it arrives."""

from __future__ import annotations

import signal
import sys
import weakref
from importlib import import_module
from typing import TYPE_CHECKING, Final

import pytest

from kubectl_nsexec.ui.interrupts import Interrupts, SignalReceived

if TYPE_CHECKING:
    from collections.abc import Callable

_PATIENCE_SECONDS: Final = 20.0
"""A run in which the signal is lost fails after this long."""


class _Thing:
    pass


class _WithDestructor:
    def __del__(self) -> None:
        signal.raise_signal(signal.SIGTERM)


def _in_a_weak_reference() -> None:
    thing = _Thing()
    reference = weakref.ref(thing, lambda _: signal.raise_signal(signal.SIGTERM))
    del thing
    assert reference() is None


def _in_a_destructor() -> None:
    _WithDestructor()


def _in_plain_code() -> None:
    signal.raise_signal(signal.SIGTERM)


class _Importing:
    """A finder that interrupts what it is asked for."""

    def find_spec(self, name: str, *_: object) -> None:
        if name == "colorsys":
            signal.raise_signal(signal.SIGTERM)


class _Lock:
    """Held from the middle of ``__enter__`` to the middle of ``__exit__``."""

    def __init__(self, arrives: str) -> None:
        self.arrives = arrives
        self.held = False

    def __enter__(self) -> None:
        self.held = True
        if self.arrives == "__enter__":
            signal.raise_signal(signal.SIGTERM)

    def __exit__(self, *_: object) -> None:
        if self.arrives == "__exit__":
            signal.raise_signal(signal.SIGTERM)
        self.held = False


def _received(run: Callable[[Interrupts], None]) -> int:
    """The signal that RUN was ended by."""
    interrupts = Interrupts()
    with pytest.raises(SignalReceived) as received, interrupts.as_exceptions():
        run(interrupts)
    return received.value.number


@pytest.mark.parametrize("arrives", [_in_plain_code, _in_a_weak_reference, _in_a_destructor])
def test_a_signal_is_raised_wherever_it_arrives(
    arrives: Callable[[], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where Python lets no exception out; and it says nothing of that to the user."""

    def run(_: Interrupts) -> None:
        arrives()
        signal.sigtimedwait([signal.SIGUSR1], _PATIENCE_SECONDS)

    assert _received(run) == signal.SIGTERM
    assert capsys.readouterr().err == ""


def test_a_signal_waits_for_the_end_of_an_import(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python's import system has locks that another thread would wait for, for ever."""
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    monkeypatch.setattr(sys, "meta_path", [_Importing(), *sys.meta_path])
    imported = []

    def run(_: Interrupts) -> None:
        imported.append(import_module("colorsys"))
        signal.sigtimedwait([signal.SIGUSR1], _PATIENCE_SECONDS)

    assert _received(run) == signal.SIGTERM
    assert imported


@pytest.mark.parametrize("arrives", ["__enter__", "__exit__"])
def test_a_signal_does_not_come_between_a_lock_and_its_with(arrives: str) -> None:
    """It is raised within the block, or after it: the lock is given back."""
    lock = _Lock(arrives)

    def run(_: Interrupts) -> None:
        with lock:
            if arrives == "__enter__":
                signal.sigtimedwait([signal.SIGUSR1], _PATIENCE_SECONDS)
        signal.sigtimedwait([signal.SIGUSR1], _PATIENCE_SECONDS)

    assert _received(run) == signal.SIGTERM
    assert not lock.held


def test_the_first_signal_counts_and_waits_for_the_end_of_a_deferred_block() -> None:
    """A step that must not be cut in two is not; a second, other signal changes nothing."""
    done = []

    def run(interrupts: Interrupts) -> None:
        with interrupts.deferred():
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGTERM)
            done.append("the step")
        done.append("what follows it")

    assert _received(run) == signal.SIGINT
    assert done == ["the step"]


def test_a_signal_that_is_ignored_from_the_start_stays_ignored() -> None:
    """As nohup(1) has it for SIGHUP."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Interrupts().as_exceptions():
            signal.raise_signal(signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_other_exceptions_that_cannot_get_out_are_reported_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """To the hook that was there before, which comes back."""
    told: list[object] = []
    before = lambda unraisable: told.append(unraisable.exc_type)  # noqa: E731 - compared below
    monkeypatch.setattr(sys, "unraisablehook", before)
    with Interrupts().as_exceptions():
        reference = weakref.ref(thing := _Thing(), lambda _: 1 // 0)
        del thing
    assert reference() is None
    assert told == [ZeroDivisionError]
    assert sys.unraisablehook is before


def _raised(*numbers: int, first: Callable[[], object], answers: bool = True) -> int:
    """Which of the signals raises, where the first Ctrl-C is a question, as long as somebody ``answers``."""
    interrupts = Interrupts()
    with interrupts.as_exceptions():
        try:
            with interrupts.asked(first):
                if answers:
                    _send(numbers)
            _send(numbers)
        except SignalReceived as received:
            return received.number
    return 0


def _send(numbers: tuple[int, ...]) -> None:
    for number in numbers:
        signal.raise_signal(number)


def test_the_first_ctrl_c_may_be_a_question() -> None:
    """It is answered, once, and what runs goes on; the second raises."""
    asked: list[str] = []
    assert _raised(signal.SIGINT, signal.SIGINT, first=lambda: asked.append("who?")) == signal.SIGINT
    assert asked == ["who?"]


@pytest.mark.parametrize(("number", "answers"), [(signal.SIGTERM, True), (signal.SIGINT, False)])
def test_all_else_is_no_question(number: int, answers: bool) -> None:  # noqa: FBT001 - a table's column
    """Other signals raise at once, and so does Ctrl-C when nobody answers any more."""
    asked: list[str] = []
    assert _raised(number, first=lambda: asked.append("who?"), answers=answers) == number
    assert asked == []
