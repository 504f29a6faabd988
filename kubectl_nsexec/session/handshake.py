"""The handshake with the node: the lease, what the node says of the target, the checks, the command's start."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kubectl_nsexec.cpus.policy import CpuPolicy, Undecided
from kubectl_nsexec.errors import AgentError, HelperPodError, NsexecError
from kubectl_nsexec.model.background import import_ahead
from kubectl_nsexec.model.cpuset import CpuSet
from kubectl_nsexec.model.deadline import Deadline
from kubectl_nsexec.model.messages import AgentFailure, Held, NodeLook, Started, TargetFacts
from kubectl_nsexec.protocol import commands, events
from kubectl_nsexec.protocol.exit_marker import ExitMarker
from kubectl_nsexec.session import seen

if TYPE_CHECKING:
    from kubectl_nsexec.model.proof import Proof
    from kubectl_nsexec.protocol.events import Event
    from kubectl_nsexec.session.context import Context
    from kubectl_nsexec.transport.base import Transport
    from kubectl_nsexec.transport.channels import RemoteStream

_SHOWN_CHARACTERS = 2000
_STRAY_BYTES = 1024 * 1024
"""What a container that can trace our process may say in its place before the command starts."""
_LAST_WORDS_SECONDS = 2.0


class StartedCommand(NamedTuple):
    """CMD, about to run: its stream, and the proof of where it stands."""

    stream: RemoteStream
    policy: CpuPolicy
    """The CPUs that it was sent to, by the node's own word where only that says which."""
    proof: Proof
    tty: str
    """See Started."""
    limit: Deadline | None
    """When the node tells it that its time is over (``--max-duration``); never later than the node's own clock."""


class Handshake:
    """Over one transport, for one target; its Talk. Every method raises the NsexecError family."""

    def __init__(self, context: Context, transport: Transport) -> None:
        self._context = context
        self._transport = transport
        self._plan = plan = context.plan
        self._policy = plan.policy if isinstance(plan.policy, CpuPolicy) else CpuPolicy(CpuSet(), "not known yet")

    @property
    def policy(self) -> CpuPolicy:
        """The CPUs that are known so far: after ``hold`` those on which the lease's holder stands, and why."""
        return self._policy

    def start(self) -> StartedCommand:
        """The command, which has just been started: the transport calls ``hold``, then ``enter``."""
        return self._transport.start(self)

    def hold(self, lease: RemoteStream, opening: bytes = b"") -> CpuSet:
        """See Talk.

        Tells the node's side its CPUs where only the node itself says which, and the user what there is to know of
        them.
        """
        self._context.waits.on(f"the agent on node {self._plan.target.node}")
        import_ahead("kubectl_nsexec.session.admission")  # while the node is at work: it takes a tenth of a warm run
        if isinstance(self._plan.policy, Undecided):
            self._policy = self._by_node(self._plan.policy, lease)
        if opening:
            lease.send_stdin(opening)
        event = self.next_event(lease)
        if not isinstance(event, Held):
            raise AgentError(f"the lease's holder on the node answered {type(event).__name__} instead of Held")
        if self._policy is not self._plan.policy:
            for note in self._policy.notes:
                self._context.console.notice(note)
        return self._policy.reserved

    def _by_node(self, undecided: Undecided, lease: RemoteStream) -> CpuPolicy:
        """Until it is told its CPUs, a helper pod waits in the shared pool, on CPUs that nobody owns."""
        lease.send_stdin(commands.LOOK)
        look = self.next_event(lease)
        if not isinstance(look, NodeLook):
            raise AgentError(f"the lease's holder on the node answered {type(look).__name__} instead of NodeLook")
        from kubectl_nsexec.session import admission  # noqa: PLC0415 - see hold

        policy = admission.by_node(undecided, look, in_pool=self._transport.in_shared_pool)
        lease.send_stdin(commands.place_line(policy.reserved))
        return policy

    def enter(self, session: RemoteStream) -> StartedCommand:
        """See Talk."""
        self._context.waits.on(f"node {self._plan.target.node} to find container {self._plan.target.container}")
        facts = self._facts(session)
        from kubectl_nsexec.session import admission  # noqa: PLC0415 - see hold

        if outside := admission.outside_target(self._policy, facts):
            session.send_stdin(commands.narrow_line(outside))
            facts = self._facts(session)
        checked = admission.checked(self._context, self._policy, facts)
        if self._context.request.verify:
            session.send_stdin(commands.THREADS)
            looked = seen.all_of(lambda: self.next_event(session), 1)
            checked = admission.with_plain_exec(checked, looked, self._plan)
        seconds = self._context.request.max_duration_seconds
        limit = None if seconds is None else Deadline.after(seconds)
        self._context.waits.on(f"node {self._plan.target.node} to start the command")
        session.send_stdin(commands.go_line(len(checked.record)) + checked.record)
        started = self.next_event(session)
        if not isinstance(started, Started):
            raise AgentError(f"the agent answered {type(started).__name__} instead of Started")
        session.exit_marker = ExitMarker(self._plan.nonce)
        proof = admission.proof(self._plan.target, self._policy, checked, started)
        return StartedCommand(session, self._policy, proof, started.tty, limit)

    def _facts(self, stream: RemoteStream) -> TargetFacts:
        facts = self.next_event(stream)
        if not isinstance(facts, TargetFacts):
            raise AgentError(f"the agent answered {type(facts).__name__} instead of TargetFacts")
        return facts

    def next_event(self, stream: RemoteStream) -> Event:
        """The agent's next event, which is no failure; lines that are not the agent's are kept for the error."""
        strays: list[bytes] = []
        stray_bytes = 0
        while (line := self._transport.streams.wait_for_line(stream, self._context.deadline)) is not None:
            event = events.parse_event(line, self._plan.nonce)
            if isinstance(event, AgentFailure):
                raise commands.to_error(event, self._failure_context())
            if event is not None:
                return event
            strays.append(line)
            stray_bytes += len(line)
            if stray_bytes + len(stream.stderr) > _STRAY_BYTES:
                raise AgentError(f"more than {_STRAY_BYTES} bytes came from the node that are not the agent's")
        raise self._silence(stream, strays)

    def _silence(self, stream: RemoteStream, strays: list[bytes]) -> NsexecError:
        if self._context.deadline.expired():
            return HelperPodError(
                f"the node did not start the command within {self._context.deadline.allowed_seconds:g}s; "
                f"nothing was started; give it longer by --timeout{self._heard()}"
            )
        self._transport.streams.wait_for_end(stream, Deadline.after(_LAST_WORDS_SECONDS))
        words = b"\n".join([*strays, bytes(stream.stdout), bytes(stream.stderr)]).decode(errors="backslashreplace")
        status = stream.status.message if stream.status else "the connection was closed"
        found = "; ".join(part for part in (status, words.strip()[-_SHOWN_CHARACTERS:]) if part)
        node = self._plan.target.node
        return AgentError(f"the agent on node {node} ended before the command started: {found}{self._heard()}")

    def _heard(self) -> str:
        """What else was said, as the end of an error."""
        words = self._transport.stray_output().strip()[-_SHOWN_CHARACTERS:]
        return f"\nSaid on the way:\n{words}" if words else ""

    def _failure_context(self) -> commands.FailureContext:
        target, policy = self._plan.target, self._policy
        return commands.FailureContext(target.pod, target.container, target.node, policy.reserved, policy.source)
