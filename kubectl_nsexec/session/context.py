"""One planned run and what carries it out, handed on whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kubectl_nsexec.ui.waiting import NOBODY

if TYPE_CHECKING:
    from kubectl_nsexec.helper.reaper import Reaper
    from kubectl_nsexec.kube import Cluster
    from kubectl_nsexec.model.deadline import Deadline
    from kubectl_nsexec.model.request import Request
    from kubectl_nsexec.session.plan import Plan
    from kubectl_nsexec.ui.console import Console
    from kubectl_nsexec.ui.interrupts import Interrupts
    from kubectl_nsexec.ui.waiting import Waiting


class Context(NamedTuple):
    """What is asked, what is planned, and by what it is done."""

    request: Request
    cluster: Cluster
    plan: Plan
    deadline: Deadline
    """By when the command has to have started."""
    console: Console
    interrupts: Interrupts
    reaper: Reaper | None = None
    """Who clears up should we be killed."""
    window: tuple[int, int] | None = None
    """Rows and columns of the user's terminal, when the command is to have one too."""
    waits: Waiting = NOBODY
    """Who is told what the command's start waits for."""
