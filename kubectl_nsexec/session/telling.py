"""What the user is told of a run: of its plan, of the command once it has started, and of its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubectl_nsexec.cpus.policy import CpuPolicy
from kubectl_nsexec.errors import EXIT_TIMED_OUT, ConnectionLostError, NsexecError, TimedOutError
from kubectl_nsexec.session import observer_warnings

if TYPE_CHECKING:
    from kubectl_nsexec.model.deadline import Deadline
    from kubectl_nsexec.model.request import Request
    from kubectl_nsexec.session.handshake import StartedCommand
    from kubectl_nsexec.session.plan import Plan
    from kubectl_nsexec.transport.channels import ExitStatus
    from kubectl_nsexec.ui.console import Console


def planned(plan: Plan, console: Console) -> None:
    """Which pod it is where that was not said, and what there is to know of the CPUs as far as they are known."""
    if plan.target.notice:
        console.notice(plan.target.notice)
    if isinstance(plan.policy, CpuPolicy):
        for note in plan.policy.notes:
            console.notice(note)


def before_start(request: Request, console: Console) -> None:
    """What the command, or its helper pod, may do that one would not think of."""
    if request.image:
        console.notice(f"the tools of the image {request.image} are used, with every right on the node (--image)")
    if warning := observer_warnings.warning(request.command):
        console.notice(warning)


def started(request: Request, started: StartedCommand, console: Console) -> None:
    """What there is to know about the command that has just been started; with ``--verify`` the proof."""
    for note in started.proof.granted:
        console.notice(note)
    for warning in started.proof.warnings:
        console.notice(f"warning: {warning}")
    if request.verify:
        from kubectl_nsexec.ui import output  # noqa: PLC0415 - not for a command

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


def ended(ended: ExitStatus, started: StartedCommand, console: Console, program: str) -> int:
    """CMD's own status, announced as kubectl does; that its time was over is ours to say.

    ``program``: ``oc nsexec`` or ``kubectl nsexec``, as the user called us.
    """
    if error := _own_failure(ended, started.limit):
        console.say(error.told(program))
        return error.exit_status
    if ended.exit_code:
        console.say(f"command terminated with exit code {ended.exit_code}")
    return ended.exit_code or 0


def _own_failure(ended: ExitStatus, limit: Deadline | None) -> NsexecError | None:
    """What there is to say where the end is not the command's own. Told, not raised: the helper pod may be kept."""
    if limit and limit.expired() and ended.exit_code == EXIT_TIMED_OUT:
        return TimedOutError(f"the command was ended after {limit.allowed_seconds:g}s (--max-duration)")
    if ended.exit_code is None:
        return ConnectionLostError(ended.message or "the command ended without a status")
    return None
