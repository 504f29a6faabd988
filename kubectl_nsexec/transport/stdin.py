"""The user's stdin on its way to the command, no further ahead of it than does its end good.

A command may end without having read it. What is on its way then would stay unread in the servers. A server that
closes with unread bytes resets the connection, and the API server and the kubelet end both directions as soon as one is
broken (k8s.io/apimachinery, util/proxy, UpgradeAwareHandler): the status behind it is lost. ``kubectl exec`` waited for
ever in 12 of 40 such runs (November 2026). So at the exit marker stdin is closed, and the supervisor, which waits for
that a short time (node/shim/drain.c), reads what is under way: little, for that to suffice also where the link is slow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubectl_nsexec.ui.sources import in_a_row

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kubectl_nsexec.transport.channels import RemoteStream
    from kubectl_nsexec.ui.sources import Source

_UNSENT_LIMIT_BYTES = 64 * 1024
"""Stdin is not read further while this much waits for the link: more makes nothing faster, the kernel has its own."""
_PIECES = 8
"""So many of a source are taken in a row if the link takes them. Then the relay looks for other work, which between any
two would be most of the loop's own time."""


class Stdin:
    """``sources`` to ``session``; when one of them ends, so does the command's stdin."""

    def __init__(self, session: RemoteStream, sources: tuple[Source, ...]) -> None:
        self._session = session
        self._left = sources

    def wanted(self) -> tuple[Source, ...]:
        """What is to be read from as soon as there is something; nothing after the exit marker, which closes stdin."""
        session = self._session
        if self._left and session.exit_marker is not None and session.exit_marker.status is not None:
            self._close()
        return self._left if session.connection.unsent_bytes < _UNSENT_LIMIT_BYTES else ()

    def forward(self, ready: Iterable[Source]) -> None:
        """Takes what these have to the command."""
        for source in ready:
            for data in in_a_row(source, _PIECES):
                if data is None:
                    self._close()
                    return
                self._session.send_stdin(data)
                if self._session.connection.unsent_bytes:
                    break

    def _close(self) -> None:
        self._session.close_stdin()
        self._left = ()
