"""The loop that moves bytes between the command and the user, until the command has ended.

One thread does everything: both streams, the user's stdin and the keep-alive pings. Nothing here blocks: what the user
is to read is written by another (``outlet``), and while too much waits there the command's stream is hardly read any
further, which is how a slow reader slows the command down. The streams are kept alive.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from kubectl_nsexec.errors import ConnectionLostError, NsexecError
from kubectl_nsexec.model.deadline import Deadline
from kubectl_nsexec.transport.channels import PING_SECONDS, ExitStatus
from kubectl_nsexec.transport.stdin import Stdin
from kubectl_nsexec.ui.outlet import Outlet

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kubectl_nsexec.protocol.exit_marker import ExitMarker
    from kubectl_nsexec.transport.channels import RemoteStream, Streams
    from kubectl_nsexec.ui.outlet import Sink
    from kubectl_nsexec.ui.sources import Source

SILENT_PINGS = 4
"""So many without an answer, a minute, and a link is taken for dead, as kubectl does."""
_LAST_WORDS_SECONDS = 3.0
_LEASE_SECONDS = 1.0
_TOLD_SECONDS = 20.0
"""How long the end of a command may take to be told once its reader reads on."""
_KILLED = 137  # 128 + SIGKILL


def relay(
    streams: Streams,
    session: RemoteStream,
    lease: RemoteStream | None,
    console: Sink,
    sources: Iterable[Source] = (),
    limit: Deadline | None = None,
) -> ExitStatus:
    """Moves CMD's bytes both ways until it has ended and all that it wrote is with the user, and says how it ended.

    ``lease``: None where the session's own stream is the lease. When one of ``sources`` ends, so does CMD's stdin.
    ``limit``: when the node ends it at the latest. Raises ConnectionLostError when the link or the helper pod went
    first, and what became of CMD is unknown; OutputClosedError when nobody reads what it writes.
    """
    outlet = Outlet(console)
    try:
        try:
            ended = _until_its_end(streams, session, lease, outlet, Stdin(session, tuple(sources)), limit)
        except NsexecError:
            _show(session, outlet)  # what came along with the news
            outlet.drain()  # an error comes after what the command has said
            raise
        outlet.drain()
        return ended
    finally:
        outlet.close()


def _until_its_end(
    streams: Streams,
    session: RemoteStream,
    lease: RemoteStream | None,
    outlet: Outlet,
    stdin: Stdin,
    limit: Deadline | None,
) -> ExitStatus:
    while True:
        _show(session, outlet)
        if session.status is not None:
            return _confirmed(session.status, session.exit_marker, streams, lease)
        if session.connection.closed:
            raise ConnectionLostError("the connection to the command broke; whether it ended, and how, is not known")
        if lease and lease.ended:
            # The helper's main process is gone, and the node ends CMD: its last words may still be on their way.
            streams.wait_for_end(session, Deadline.after(_LAST_WORDS_SECONDS))
            _show(session, outlet)
            raise (
                _helper_ended()
                if lease.status
                else ConnectionLostError(
                    "the connection to the helper pod broke; whether the command ended, and how, is not known"
                )
            )
        # Not the session's own, where there is another: a command that does not read its stdin keeps the server from
        # hearing pings there.
        if (lease or session).connection.unanswered_pings >= SILENT_PINGS:
            raise ConnectionLostError(
                f"the API server, a proxy on the way or the node has been silent for {SILENT_PINGS * PING_SECONDS:g}"
                "s; whether the command ended, and how, is not known"
            )
        wanted = stdin.wanted()
        held = session if outlet.full else None
        waited_for = (outlet.fileno(), *(source.fd for source in wanted))
        ready = streams.step(PING_SECONDS, *waited_for, held=held, ping_held=outlet.overfull)
        if outlet.fileno() in ready:
            outlet.hear()
        if limit and held:  # the end may wait behind what nobody has read yet
            limit = max(limit, Deadline.after(_TOLD_SECONDS, limit.clock))
        if limit and limit.expired() and not (ready or session.stdout or session.stderr or session.ended):
            raise ConnectionLostError(
                "the command's time (--max-duration) is over, and the node does not say that it has ended; "
                "it ends the command by itself, however broken the connection is"
            )
        stdin.forward(source for source in wanted if source.fd in ready)


def _confirmed(
    status: ExitStatus, exit_marker: ExitMarker | None, streams: Streams, lease: RemoteStream | None
) -> ExitStatus:
    """The server's word, where it is an exit code, only with the supervisor's. Raises ConnectionLostError."""
    if exit_marker is None or status.exit_code is None:
        return status
    # Killed perhaps along with the helper pod, of which the node may tell later than of this.
    if status.exit_code == _KILLED and lease:
        with suppress(ConnectionLostError):  # a lease that breaks says nothing of the helper pod
            streams.wait_for_end(lease, Deadline.after(_LEASE_SECONDS))
        if lease.status:
            raise _helper_ended()
    if exit_marker.status is None:
        raise ConnectionLostError(
            "the connection to the command was ended from the other side (the node's container runtime or kubelet has "
            "restarted, or what led to the command was killed?); whether the command ended, and how, is not known"
        )
    return ExitStatus(exit_marker.status, status.message)


def _helper_ended() -> ConnectionLostError:
    return ConnectionLostError("the helper pod ended before the command did (evicted, deleted, or the node went away)")


def _show(session: RemoteStream, outlet: Outlet) -> None:
    """What CMD has written so far, to the user."""
    if session.stdout:
        data, session.stdout = session.stdout, bytearray()
        outlet.put_stdout(data)
    if session.stderr:
        if session.exit_marker:
            data = session.exit_marker.take(session.stderr, whole=session.ended)
        else:
            data, session.stderr = session.stderr, bytearray()
        outlet.put_stderr(data)
