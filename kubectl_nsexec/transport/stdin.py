"""The user's stdin on its way to the command, no further ahead of it than does its end good.

A command may end without having read it. What is on its way then would stay unread in the servers. A server that
closes with unread bytes resets the connection, and the API server and the kubelet end both directions as soon as one is
broken (k8s.io/apimachinery, util/proxy, UpgradeAwareHandler): the status behind it is lost. ``kubectl exec`` waited for
ever in 12 of 40 such runs (November 2026). So at the exit marker stdin is closed, and the supervisor, which waits for
that a short time (node/shim/drain.c), reads what is under way: little, for that to suffice also where the link is slow.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from kubectl_nsexec.model.deadline import Deadline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from kubectl_nsexec.transport.channels import RemoteStream
    from kubectl_nsexec.ui.sources import Source

_UNSENT_LIMIT_BYTES = 64 * 1024
"""Stdin is not read further while this much waits for the link: more makes nothing faster, the kernel has its own."""
_FIRST_BYTES = 4 * 1024
"""Little enough to be in the command's own pipe (pipe(7)) and in no server's buffer, whatever the command does."""
_FIRST_SECONDS = 0.2
"""How long no more than that is sent."""


class Stdin:
    """``sources`` to ``session``; when one of them ends, so does the command's stdin."""

    def __init__(
        self, session: RemoteStream, sources: tuple[Source, ...], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._session = session
        self._left = sources
        self._moment = Deadline.after(_FIRST_SECONDS, clock)
        self._sent_bytes = 0
        self._held = b""
        """What was read, and has to wait for that moment."""

    def wanted(self) -> tuple[Source, ...]:
        """What is to be read from as soon as there is something; nothing after the exit marker, which closes stdin."""
        session = self._session
        if self._left and session.exit_marker is not None and session.exit_marker.status is not None:
            session.close_stdin()
            self._left, self._held = (), b""
        if self._held and self._moment.expired():
            session.send_stdin(self._held)
            self._held = b""
        return () if self._held or session.connection.unsent_bytes >= _UNSENT_LIMIT_BYTES else self._left

    def wait_seconds(self, longest: float) -> float:
        """How long to wait for news: ``longest``, or until something that is held can be sent."""
        return min(longest, self._moment.remaining_seconds()) if self._held else longest

    def forward(self, ready: Iterable[Source]) -> None:
        """Takes what these have to the command."""
        for source in ready:
            data = source.read()
            if data is None:
                if self._held:
                    self._session.send_stdin(self._held)
                self._session.close_stdin()
                self._left, self._held = (), b""
                return
            self._sent_bytes += len(data)
            if self._held or (self._sent_bytes > _FIRST_BYTES and not self._moment.expired()):
                self._held += data
            else:
                self._session.send_stdin(data)
