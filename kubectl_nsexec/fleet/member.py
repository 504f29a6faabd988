"""One target of a fleet from the way to its node to its result: the handshake, the command, its bytes."""

from __future__ import annotations

import time
from contextlib import ExitStack, closing
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from kubectl_nsexec.errors import EXIT_TIMED_OUT, ConnectionLostError, DefectError, NsexecError, TimedOutError
from kubectl_nsexec.fleet.resolve import not_started
from kubectl_nsexec.fleet.result import Result
from kubectl_nsexec.session import run
from kubectl_nsexec.session.context import Context
from kubectl_nsexec.session.handshake import Handshake
from kubectl_nsexec.transport.common_end import EndedError
from kubectl_nsexec.transport.relay import relay
from kubectl_nsexec.ui.console import OutputClosedError
from kubectl_nsexec.ui.interrupts import Interrupts
from kubectl_nsexec.ui.output import proof_document

if TYPE_CHECKING:
    from collections.abc import Callable

    from kubectl_nsexec.fleet.nodes import Node
    from kubectl_nsexec.fleet.resolve import Member
    from kubectl_nsexec.fleet.result import Place, Presenter
    from kubectl_nsexec.fleet.setting import Setting
    from kubectl_nsexec.session.handshake import StartedCommand
    from kubectl_nsexec.transport.base import Transport
    from kubectl_nsexec.transport.channels import ExitStatus


class _Sink:
    """A command's bytes, to the presenter."""

    failure: NsexecError | None = None
    """Why they could not be kept: a full disk is no target's own trouble."""

    def __init__(self, presenter: Presenter, place: Place) -> None:
        self._presenter = presenter
        self._place = place

    def write_stdout(self, data: bytearray) -> None:
        """See Sink."""
        self._write(self._presenter.stdout, data)

    def write_stderr(self, data: bytearray) -> None:
        """See Sink."""
        self._write(self._presenter.stderr, data)

    def _write(self, write: Callable[[Place, bytes], None], data: bytearray) -> None:
        try:
            write(self._place, bytes(data))
        except NsexecError as error:
            self.failure = error
            raise OutputClosedError(error.message) from error


def result(setting: Setting, member: Member, node: Node[Any]) -> Result:
    """Runs the command there and says how that ended, whatever it was.

    Raises OutputClosedError, and OutputFileError where what it prints cannot be kept.
    """
    clock, sink = _Clock(), _Sink(setting.presenter, member.place)
    started: StartedCommand | None = None
    try:
        with ExitStack() as stack:
            started, transport, context = _started(setting, member, node, stack)
            clock.start()
            _tell(setting, started)
            with run.announced(context, started, transport):
                sources = []
                if setting.spool is not None:
                    sources = [stack.enter_context(closing(setting.spool.reader())).source()]
                limit = run.latest_end(started)
                ended = relay(transport.streams, started.stream, transport.lease, sink, sources, limit)
                clock.stop()
    except OutputClosedError as closed:
        raise (sink.failure or closed) from closed
    except (NsexecError, OSError) as error:  # too many open files, say, are this target's trouble
        cause, code = (setting.ending.cause, EndedError.code) if setting.ending.cause else _why(error)
        if started is None:
            return not_started(member.place, cause, code)
        clock.stop()
        proof = proof_document(started.proof)
        return Result(member.place, None, cause, clock.began, clock.seconds, proof, code=code)
    return _ended(member.place, started, ended, clock)


def _why(error: NsexecError | OSError) -> tuple[str, str]:
    """See Result: ``cause`` and ``code``."""
    return (error.message, error.code) if isinstance(error, NsexecError) else (str(error), DefectError.code)


def _started(
    setting: Setting, member: Member, node: Node[Any], stack: ExitStack
) -> tuple[StartedCommand, Transport, Context]:
    node.opened()  # what that takes is no part of the target's own time
    request = setting.request
    plan = member.plan if node.policy is None else member.plan._replace(policy=node.policy)
    deadline = setting.ending.deadline(request.timeout_seconds)
    context = Context(request, setting.cluster, plan, deadline, setting.said.console, Interrupts())
    transport = node.transport(context, stack)
    talk = Handshake(context, transport)
    started = talk.start()
    node.policy = node.policy or talk.policy
    return started, transport, context


def _tell(setting: Setting, started: StartedCommand) -> None:
    for note in started.proof.granted:
        setting.said.notice(note)
    for warning in started.proof.warnings:
        setting.said.notice(f"warning: {warning}")


def _ended(place: Place, started: StartedCommand, ended: ExitStatus, clock: _Clock) -> Result:
    proof = proof_document(started.proof)
    if ended.exit_code is None:
        cause = ended.message or "the command ended without a status"
        return Result(place, None, cause, clock.began, clock.seconds, proof, code=ConnectionLostError.code)
    if started.limit and started.limit.expired() and ended.exit_code == EXIT_TIMED_OUT:
        cause = f"ended after {started.limit.allowed_seconds:g}s (--max-duration)"
        code = TimedOutError.code
        return Result(place, EXIT_TIMED_OUT, cause, clock.began, clock.seconds, proof, timed_out=True, code=code)
    return Result(place, ended.exit_code, "", clock.began, clock.seconds, proof)


def now() -> str:
    """As in Result.started."""
    moment = datetime.now(timezone.utc)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


class _Clock:
    """When a command began, and how long it took."""

    began = ""
    seconds = 0.0
    _began_at = 0.0
    _running = False

    def start(self) -> None:
        """Now."""
        self.began = now()
        self._began_at, self._running = time.monotonic(), True

    def stop(self) -> None:
        """Now, the first time."""
        if self._running:
            self.seconds, self._running = time.monotonic() - self._began_at, False
