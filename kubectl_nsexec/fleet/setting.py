"""What all targets of a fleet share: what is asked, by what it is done, and its end where the user wants that."""

from __future__ import annotations

import math
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

from kubectl_nsexec.model.deadline import Deadline
from kubectl_nsexec.ui.console import Console

if TYPE_CHECKING:
    from collections.abc import Callable

    from kubectl_nsexec.fleet.result import Presenter
    from kubectl_nsexec.fleet.show.progress import Progress
    from kubectl_nsexec.fleet.stdin import Spool
    from kubectl_nsexec.helper.reaper import Reaper
    from kubectl_nsexec.kube import Cluster
    from kubectl_nsexec.model.request import Request


class Ending:
    """Whether all of it is to end before its time, and why."""

    cause: str | None = None

    def __init__(self) -> None:
        self._then: list[Callable[[], object]] = []

    def begin(self, cause: str) -> None:
        """Every deadline that was made here is over from now on."""
        self.cause = self.cause or cause
        for call in self._then:
            call()

    def then(self, call: Callable[[], object]) -> None:
        """``begin`` calls it: for who waits for something else than a deadline. From the main thread, as ``begin``."""
        self._then.append(call)

    def deadline(self, seconds: float) -> Deadline:
        """So long from now, or until ``begin``."""
        return Deadline.after(seconds, self._clock)

    def _clock(self) -> float:
        return time.monotonic() if self.cause is None else math.inf


class Said:
    """Lines for the user that many targets may give: each is said once."""

    def __init__(self, console: Console) -> None:
        self.console = _Once(*console)
        """The same, whose notices go through here."""
        self.console.said = self
        self._console = console
        self._known: set[str] = set()
        self._changing = threading.Lock()

    def notice(self, line: str) -> None:
        """The line, unless it was said before."""
        with self._changing:
            known = line in self._known
            self._known.add(line)
        if not known:
            self._console.notice(line)


class _Once(Console):
    """Of many who say the same."""

    said: Said

    def notice(self, line: str) -> None:
        """See Said."""
        self.said.notice(line)


class Setting(NamedTuple):
    """Handed on whole."""

    request: Request
    cluster: Cluster
    console: Console
    """For words of ours while commands run."""
    presenter: Presenter
    progress: Progress
    reaper: Reaper | None
    ending: Ending
    said: Said
    spool: Spool | None
    """The commands' stdin, where they have one."""
