"""One planned run to its end: helper pod, session in it."""

from __future__ import annotations

import shlex
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from kubectl_nsexec.cpus.policy import CpuPolicy
from kubectl_nsexec.errors import EXIT_OWN_FAILURE, EXIT_TIMED_OUT, ApiError
from kubectl_nsexec.helper import audit, config_map
from kubectl_nsexec.model.background import Background
from kubectl_nsexec.model.deadline import Deadline
from kubectl_nsexec.model.via import POD
from kubectl_nsexec.protocol import commands
from kubectl_nsexec.session import observer_warnings
from kubectl_nsexec.session.context import Context
from kubectl_nsexec.session.start import start
from kubectl_nsexec.transport.relay import relay
from kubectl_nsexec.ui.sources import Source, of_descriptor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubectl_nsexec.helper.reaper import Reaper
    from kubectl_nsexec.kube import Cluster
    from kubectl_nsexec.model.http import Json
    from kubectl_nsexec.model.request import Request
    from kubectl_nsexec.session.handshake import Handshake, StartedCommand
    from kubectl_nsexec.session.plan import Plan
    from kubectl_nsexec.transport.base import Transport
    from kubectl_nsexec.transport.channels import ExitStatus
    from kubectl_nsexec.ui.console import Console
    from kubectl_nsexec.ui.interrupts import Interrupts
    from kubectl_nsexec.ui.terminal import Terminal

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
) -> int:
    """Does what ``request`` says, as planned, and returns the exit status. Raises the NsexecError family.

    ``terminal``: the user's, when the command is to have one too. ``reaper``: who clears up should we be killed.
    """
    deadline = Deadline.after(request.timeout_seconds)  # not before: waiting for the target's pod has its own time-out
    if made.target.notice:
        console.notice(made.target.notice)
    if isinstance(made.policy, CpuPolicy):
        _say_all(made.policy.notes, console)
    if request.dry_run:
        console.print(_dry_run(request, cluster, made))
        return 0
    if request.image:
        console.notice(f"the tools of the image {request.image} are used, with every right on the node (--image)")
    if warning := observer_warnings.warning(request.command):
        console.notice(warning)
    window = terminal.size() if terminal else None
    context = Context(request, cluster, made, deadline, console, interrupts, reaper, window)
    with ExitStack() as stack:
        handshake, policy, started = start(stack, context)
        _tell(request, started, console)
        if request.command:
            event = _event(made, policy, handshake.transport)
            stack.enter_context(_published(cluster, event, console, request.connection.verbosity))
        return _relay(handshake, started, console, terminal)


def _say_all(notes: tuple[str, ...], console: Console) -> None:
    for note in notes:
        console.notice(note)


def _event(made: Plan, policy: CpuPolicy, transport: Transport) -> Json:
    where = f"on CPUs {policy.reserved} of node {made.target.node}, by {transport.name}"
    return audit.event(made.target, made.audit, where)


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


def _dry_run(request: Request, cluster: Cluster, made: Plan) -> str:
    """What would be created or run; as with kubectl, several objects are a List."""
    from kubectl_nsexec.ui import output  # noqa: PLC0415 - not for a command

    if request.via.kind == POD:
        objects = config_map.would_be_made(cluster, made.shared or made.helper)
        several = {"apiVersion": "v1", "kind": "List", "metadata": {}, "items": objects}
        return output.in_form(several if len(objects) > 1 else objects[0], request.output or "yaml")
    from kubectl_nsexec.transport import shell  # noqa: PLC0415 - not for a helper pod

    return shlex.join(shell.command(request, made))


def _tell(request: Request, started: StartedCommand, console: Console) -> None:
    """What there is to know about the command that has just been started."""
    _say_all(started.proof.granted, console)
    for warning in started.proof.warnings:
        console.notice(f"warning: {warning}")
    if request.verify:
        from kubectl_nsexec.ui import output  # noqa: PLC0415 - as above

        proof = started.proof
        shown = (
            output.in_form(output.proof_document(proof), request.output)
            if request.output
            else output.proof_table(proof)
        )
        if request.command:
            console.say(shown)  # stdout is the command's
        else:
            console.print(shown)
    if started.tty == "helper":
        console.notice("the container has no /dev/pts of its own, so the terminal has no name inside it")


def _relay(handshake: Handshake, started: StartedCommand, console: Console, terminal: Terminal | None) -> int:
    """The command's streams, until it ends; the exit status."""
    if terminal:
        ended = _relay_terminal(handshake, started, console, terminal)
    else:
        request = handshake.context.request
        sources = [of_descriptor(console.stdin_fd)] if request.stdin and request.command else []
        ended = relay(
            handshake.transport.links, started.stream, handshake.lease_apart, console, sources, _latest_end(started)
        )
    return _exit_status(ended, started, console)


def _relay_terminal(handshake: Handshake, started: StartedCommand, console: Console, terminal: Terminal) -> ExitStatus:
    """The user's terminal in raw mode, tied to the command's."""
    stream = started.stream
    with terminal.resizes() as resized:

        def window() -> bytes:
            resized.read()
            return commands.window(*terminal.size())

        stream.send_stdin(
            commands.window(*terminal.size())
        )  # it may have changed since the command was given its first
        with terminal.raw():
            typed = terminal.keys()

            def keys() -> bytes | None:
                data = typed.read()
                return commands.typed(data) if data else data

            sources = [Source(typed.fd, keys), Source(resized.fd, window)]
            return relay(
                handshake.transport.links, stream, handshake.lease_apart, console, sources, _latest_end(started)
            )


def _latest_end(started: StartedCommand) -> Deadline | None:
    """When even a command that ignores SIGTERM has ended, and its end has been told."""
    return started.limit and Deadline.after(started.limit.remaining_seconds() + _END_SECONDS)


def _exit_status(ended: ExitStatus, started: StartedCommand, console: Console) -> int:
    """CMD's own status, announced as kubectl does; that its time was over is ours to say."""
    if started.limit and started.limit.expired() and ended.exit_code == EXIT_TIMED_OUT:
        console.say(f"error: the command was ended after {started.limit.allowed_seconds:g}s (--max-duration)")
        return EXIT_TIMED_OUT
    if ended.exit_code is None:
        console.say(f"error: {ended.message or 'the command ended without a status'}")
        return EXIT_OWN_FAILURE
    if ended.exit_code:
        console.say(f"command terminated with exit code {ended.exit_code}")
    return ended.exit_code
