"""What a session needs of the transport to its node: ``helper_pod``, ``shared_helper_pod`` and ``shell`` are three."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from kubectl_nsexec.model.cpuset import CpuSet
    from kubectl_nsexec.transport.channels import RemoteStream, Streams

Result = TypeVar("Result")
_Result_co = TypeVar("_Result_co", covariant=True)


class Talk(Protocol[_Result_co]):
    """The handshake with the node, in two parts, which a transport calls. Both raise the NsexecError family."""

    def hold(self, lease: RemoteStream, opening: bytes = b"") -> CpuSet:
        """Talks over the lease until its holder stands on its CPUs, and returns those.

        ``opening``: what the holder waits for, after its CPUs, before it says that it holds.
        """
        ...

    def enter(self, session: RemoteStream) -> _Result_co:
        """Talks over the session, on which ``TargetFacts`` comes next, until CMD has been started."""
        ...


class Transport(Protocol):
    """The transport to one node, for one session. Its methods raise the NsexecError family."""

    in_shared_pool: bool
    """Whether the lease's holder is in the kubelet's shared pool until it is told its CPUs."""
    name: str
    """What it is, after the word "by"; known when the command has started."""
    streams: Streams
    """Every stream of it; others after ``start`` than before."""
    lease: RemoteStream | None
    """The lease of the command that has started: while it is open, all of ours on the node lives.

    None where the session's own stream is the lease: then there is no other whose end or silence says anything.
    """

    def start(self, talk: Talk[Result]) -> Result:
        """Creates what it takes, takes the lease and enters the target; what ``talk`` made of the session.

        ``talk`` begins anew where a helper that is shared has ended before the command has started.
        """
        ...

    def stray_output(self) -> str:
        """What others said on the wire (banners, sudo, ssh), for an error; empty when nobody did."""
        ...
