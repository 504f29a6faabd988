"""What a session needs of the transport to its node: ``helper_pod``, ``shared_helper_pod`` and ``shell`` are three."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from kubectl_nsexec.model.cpuset import CpuSet
    from kubectl_nsexec.transport.channels import Links, RemoteStream


class Transport(Protocol):
    """The transport to one node, for one session. Its methods raise the NsexecError family."""

    name: str
    """What it is, after the word "by"."""
    links: Links
    """Every stream of it."""
    opening: bytes
    """What the lease's holder waits for before it says that it holds."""
    lease_is_session: bool
    """Whether the session's own stream is the lease: then there is no other whose end or silence says anything."""

    def hold(self) -> RemoteStream:
        """The lease: while it is open, all of ours on the node lives. Its holder waits for CPUs or ``opening``."""
        ...

    def enter(self, cpus: CpuSet) -> RemoteStream:
        """The session, on ``cpus``, once the lease is held: ``TargetFacts`` comes next, then CMD's bytes and status."""
        ...

    def stray_output(self) -> str:
        """What others said on the wire (banners, sudo, ssh), for an error; empty when nobody did."""
        ...
