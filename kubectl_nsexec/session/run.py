"""One planned run to its end: a transport to the node, the command in it, its bytes both ways."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from kubectl_nsexec.errors import ApiError
from kubectl_nsexec.helper import audit
from kubectl_nsexec.model.background import Background
from kubectl_nsexec.model.deadline import Deadline
from kubectl_nsexec.session import telling, user_input
from kubectl_nsexec.session.context import Context
from kubectl_nsexec.session.handshake import Handshake
from kubectl_nsexec.transport import choice
from kubectl_nsexec.transport.relay import relay
from kubectl_nsexec.ui.waiting import NOBODY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from kubectl_nsexec.helper.reaper import Reaper
    from kubectl_nsexec.kube import Cluster
    from kubectl_nsexec.model.http import Json
    from kubectl_nsexec.model.request import Request
    from kubectl_nsexec.session.handshake import StartedCommand
    from kubectl_nsexec.session.plan import Plan
    from kubectl_nsexec.transport.base import Transport
    from kubectl_nsexec.ui.console import Console
    from kubectl_nsexec.ui.interrupts import Interrupts
    from kubectl_nsexec.ui.terminal import Terminal
    from kubectl_nsexec.ui.waiting import Waiting

_EVENT_SECONDS = 5.0
"""How long the end of a run may wait for the answer to its Event."""
_END_SECONDS = 20.0
"""The grace after SIGTERM (node/shim/control.c, 5 s) and the way of the answer, generously."""


def run(
    request: Request,
    cluster: Cluster,
    made: Plan,
    console: Console,
    interrupts: Interrupts,
    terminal: Terminal | None = None,
    reaper: Reaper | None = None,
    waits: Waiting = NOBODY,
) -> int:
    """Does what ``request`` says, as planned, and returns the exit status. Raises the NsexecError family.

    ``terminal``: the user's, when the command is to have one too. ``reaper``: who clears up should we be killed.
    ``waits`` is told what is waited for, and that it is over before the command's first byte.
    """
    deadline = Deadline.after(request.timeout_seconds)  # not before: waiting for the target's pod has its own time-out
    beside = console if waits is NOBODY else waits.console
    telling.planned(made, beside)
    if request.dry_run:
        beside.print(choice.dry_run(request, cluster, made))
        return 0
    telling.before_start(request, beside)
    window = terminal.size() if terminal else None
    context = Context(request, cluster, made, deadline, beside, interrupts, reaper, window, waits)
    with choice.chosen(context) as transport:
        try:
            started = Handshake(context, transport).start()
        finally:  # also before a helper pod is deleted after Ctrl-C
            waits.over()
        telling.started(request, started, console)
        with announced(context, started, transport):
            with user_input.sources(context, started.stream, terminal) as sources:
                ended = relay(transport.streams, started.stream, transport.lease, console, sources, latest_end(started))
            return telling.ended(ended, started, console, request.program)


def announced(context: Context, started: StartedCommand, transport: Transport) -> AbstractContextManager[None]:
    """Says beside the command, where there is one, that it runs: as an Event of the target's pod."""
    request, plan = context.request, context.plan
    if not request.command:
        return nullcontext()
    where = f"on CPUs {started.policy.reserved} of node {plan.target.node}, by {transport.name}"
    event = audit.event(plan.target, plan.audit, where)
    return _published(context.cluster, event, context.console, request.connection.verbosity)


@contextmanager
def _published(cluster: Cluster, event: Json, console: Console, verbosity: int) -> Iterator[None]:
    """Publishes the Event beside the command. That it could not be is no failure of the command."""
    published = Background(lambda: audit.publish(cluster, event))
    yield
    try:
        published.result(_EVENT_SECONDS)
    except (ApiError, TimeoutError) as error:
        if verbosity > 0:
            console.notice(f"no Event says that the command ran: {error}")


def latest_end(started: StartedCommand) -> Deadline | None:
    """When even a command that ignores SIGTERM has ended, and its end has been told."""
    return started.limit and Deadline.after(started.limit.remaining_seconds() + _END_SECONDS)
