"""One lease for many sessions of this client: one thread keeps it alive, and tells each session of its end."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from kubectl_nsexec.errors import ConnectionLostError
from kubectl_nsexec.transport.channels import PING_SECONDS, RemoteStream
from kubectl_nsexec.transport.common_end import CommonEnd
from kubectl_nsexec.transport.relay import SILENT_PINGS

if TYPE_CHECKING:
    from kubectl_nsexec.transport.channels import Streams

_ERROR = 3
"""The channel of a status, see channels."""


class CommonLease(CommonEnd):
    """Keeps ``lease``, the only one of ``streams``, from ``start`` to ``close``; a share of it is a session's lease."""

    def __init__(self, streams: Streams, lease: RemoteStream) -> None:
        super().__init__()
        self._streams = streams
        self._lease = lease
        self._ours, self._theirs = socket.socketpair()
        self._thread = threading.Thread(target=self._keep, daemon=True)

    def start(self) -> None:
        """From now on nobody else may touch the stream."""
        self._thread.start()

    def close(self) -> None:
        """Lets the thread go; the stream is the caller's again."""
        self._tell_all()
        if self._thread.ident is not None:
            self._theirs.send(b"!")
            self._thread.join()
        self._ours.close()
        self._theirs.close()

    def _keep(self) -> None:
        """The thread."""
        lease = self._lease
        with suppress(ConnectionLostError):
            while not (self._over or lease.ended or lease.connection.unanswered_pings >= SILENT_PINGS):
                self._streams.step(PING_SECONDS, self._ours.fileno())
        self._tell_all()

    @property
    def silent_for_pings(self) -> int:
        """See Connection."""
        return self._lease.connection.unanswered_pings

    def last_words(self) -> bytes | None:
        """The status with which the helper's main process ended, as it comes on a stream; None: the link broke.

        Raises EndedError.
        """
        super().last_words()
        if self._lease.status is None:
            return None
        return bytes([_ERROR]) + json.dumps({"status": "Failure", "message": self._lease.status.message}).encode()
