"""The handshake with the node: the lease, what the node says of the target, the checks, the command's start."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kubectl_nsexec.cpus.policy import CpuPolicy, Undecided
from kubectl_nsexec.errors import AgentError, HelperPodError, NsexecError
from kubectl_nsexec.model.background import import_ahead
from kubectl_nsexec.model.cpuset import CpuSet
from kubectl_nsexec.model.deadline import Deadline
from kubectl_nsexec.model.messages import AgentFailure, Held, NodeLook, Started, TargetFacts
from kubectl_nsexec.model.via import POD
from kubectl_nsexec.protocol import commands, events
from kubectl_nsexec.protocol.exit_marker import ExitMarker

if TYPE_CHECKING:
    from kubectl_nsexec.model.proof import Proof
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
    proof: Proof
    tty: str
    """See Started."""
    limit: Deadline | None
    """When the node tells it that its time is over (``--max-duration``); never later than the node's own clock."""


class Handshake:
    """Over one transport, for one target. Every method raises the NsexecError family."""

    def __init__(self, context: Context, transport: Transport) -> None:
        self.context = context
        self.transport = transport
        self._plan = plan = context.plan
        self._policy = plan.policy if isinstance(plan.policy, CpuPolicy) else CpuPolicy(CpuSet(), "not known yet")

    def hold_lease(self) -> CpuPolicy:
        """Takes the lease: while it is open, all of ours on the node lives.

        Tells the node's side its CPUs where only the node itself says which, opens the talk, and waits until it stands
        on them. Returns the policy that holds from here on.
        """
        self.lease = self.transport.hold()
        import_ahead("kubectl_nsexec.session.admission")  # while the node is at work: it takes a tenth of a warm run
        if isinstance(self._plan.policy, Undecided):
            self._policy = self._by_node(self._plan.policy)
        if self.transport.opening:
            self.lease.send_stdin(self.transport.opening)
        event = self._next_event(self.lease)
        if not isinstance(event, Held):
            raise AgentError(f"the lease's holder on the node answered {type(event).__name__} instead of Held")
        return self._policy

    @property
    def lease_apart(self) -> RemoteStream | None:
        """The lease, where it is a stream of its own."""
        return None if self.transport.lease_is_session else self.lease

    def _by_node(self, undecided: Undecided) -> CpuPolicy:
        """Until it is told its CPUs, a helper pod waits in the shared pool, on CPUs that nobody owns."""
        self.lease.send_stdin(commands.LOOK)
        look = self._next_event(self.lease)
        if not isinstance(look, NodeLook):
            raise AgentError(f"the lease's holder on the node answered {type(look).__name__} instead of NodeLook")
        from kubectl_nsexec.session import admission  # noqa: PLC0415 - see hold_lease

        policy = admission.by_node(undecided, look, in_pool=self.context.request.via.kind == POD)
        self.lease.send_stdin(commands.place_line(policy.reserved))
        return policy

    def start_command(self) -> StartedCommand:
        """Enters the target and stops just after CMD has been started."""
        stream = self.transport.enter(self._policy.reserved)
        facts = self._facts(stream)
        from kubectl_nsexec.session import admission  # noqa: PLC0415 - see hold_lease

        if outside := admission.outside_target(self._policy, facts):
            stream.send_stdin(commands.narrow_line(outside))
            facts = self._facts(stream)
        checked = admission.checked(self.context, self._policy, facts)
        seconds = self.context.request.max_duration_seconds
        limit = None if seconds is None else Deadline.after(seconds)
        stream.send_stdin(commands.go_line(len(checked.record)) + checked.record)
        started = self._next_event(stream)
        if not isinstance(started, Started):
            raise AgentError(f"the agent answered {type(started).__name__} instead of Started")
        stream.exit_marker = ExitMarker(self._plan.nonce)
        proof = admission.proof(self._plan.target, self._policy, checked, started)
        return StartedCommand(stream, proof, started.tty, limit)

    def _facts(self, stream: RemoteStream) -> TargetFacts:
        facts = self._next_event(stream)
        if not isinstance(facts, TargetFacts):
            raise AgentError(f"the agent answered {type(facts).__name__} instead of TargetFacts")
        return facts

    def _next_event(self, stream: RemoteStream) -> Held | NodeLook | TargetFacts | Started:
        """The agent's next event; lines that are not the agent's are kept for the error."""
        strays: list[bytes] = []
        stray_bytes = 0
        while (line := self.transport.links.wait_for_line(stream, self.context.deadline)) is not None:
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
        if self.context.deadline.expired():
            return HelperPodError(
                f"the node did not start the command within {self.context.deadline.allowed_seconds:g}s; "
                f"nothing was started; give it longer by --timeout{self._heard()}"
            )
        self.transport.links.wait_for_end(stream, Deadline.after(_LAST_WORDS_SECONDS))
        words = b"\n".join([*strays, bytes(stream.stdout), bytes(stream.stderr)]).decode(errors="backslashreplace")
        status = stream.status.message if stream.status else "the connection was closed"
        found = "; ".join(part for part in (status, words.strip()[-_SHOWN_CHARACTERS:]) if part)
        node = self._plan.target.node
        return AgentError(f"the agent on node {node} ended before the command started: {found}{self._heard()}")

    def _heard(self) -> str:
        """What else was said, as the end of an error."""
        words = self.transport.stray_output().strip()[-_SHOWN_CHARACTERS:]
        return f"\nSaid on the way:\n{words}" if words else ""

    def _failure_context(self) -> commands.FailureContext:
        target, policy = self._plan.target, self._policy
        return commands.FailureContext(target.pod, target.container, target.node, policy.reserved, policy.source)
