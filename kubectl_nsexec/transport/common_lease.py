"""One lease for many sessions of this client: one thread keeps it alive, and tells each session of its end."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from kubectl_nsexec.errors import ConnectionLostError, NsexecError
from kubectl_nsexec.kube.connection import V5_PROTOCOL
from kubectl_nsexec.transport.channels import PING_SECONDS, RemoteStream
from kubectl_nsexec.transport.relay import SILENT_PINGS

if TYPE_CHECKING:
    from kubectl_nsexec.transport.channels import Streams

_ERROR = 3
"""The channel of a status, see channels."""


class EndedError(NsexecError):
    """We end the session ourselves, whatever the command is about."""

    code = "ended"


class CommonLease:
    """Keeps ``lease``, the only one of ``streams``, from ``start`` to ``close``."""

    def __init__(self, streams: Streams, lease: RemoteStream) -> None:
        self._streams = streams
        self._lease = lease
        self._shares: set[_Share] = set()
        self._changing = threading.Lock()
        self._over = False
        self._cause: str | None = None
        self._ours, self._theirs = socket.socketpair()
        self._thread = threading.Thread(target=self._keep, daemon=True)

    def start(self) -> None:
        """From now on nobody else may touch the stream."""
        self._thread.start()

    @property
    def ended(self) -> bool:
        """Whether there is nothing to share any more."""
        return self._over

    def share(self) -> RemoteStream:
        """The lease for one session: a stream on which nothing comes but its end."""
        made = _Share(self)
        with self._changing:
            self._shares.add(made)
            if self._over:
                made.tell()
        return RemoteStream(made)

    def give_back(self, share: RemoteStream) -> None:
        """Nobody waits for its end any more."""
        with self._changing:
            self._shares -= {each for each in self._shares if each is share.connection}
        share.connection.close()

    def end(self, cause: str) -> None:
        """Ends every session at once: whoever waits in one gets an EndedError that says ``cause``."""
        self._cause = cause
        self._tell_all()

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

    def _tell_all(self) -> None:
        with self._changing:
            self._over = True
            for share in self._shares:
                share.tell()

    @property
    def silent_for_pings(self) -> int:
        """See Connection."""
        return self._lease.connection.unanswered_pings

    def last_words(self) -> bytes | None:
        """The status with which the helper's main process ended, as it comes on a stream; None: the link broke.

        Raises EndedError.
        """
        if self._cause is not None:
            raise EndedError(self._cause)
        if self._lease.status is None:
            return None
        return bytes([_ERROR]) + json.dumps({"status": "Failure", "message": self._lease.status.message}).encode()


class _Share:
    """The Connection of a share: a pair of sockets, so that it can be waited on with others."""

    protocol = V5_PROTOCOL
    ends_by_reset = False
    active = False

    def __init__(self, lease: CommonLease) -> None:
        self.closed = False
        self._lease = lease
        self._ours, self._theirs = socket.socketpair()

    @property
    def unanswered_pings(self) -> int:
        """Of the lease itself."""
        return self._lease.silent_for_pings

    @unanswered_pings.setter
    def unanswered_pings(self, _: int) -> None:
        return

    def tell(self) -> None:
        """There is news."""
        with suppress(OSError):  # it has just been closed
            self._theirs.send(b"!")

    def fileno(self) -> int:
        """See Connection."""
        return self._ours.fileno()

    def receive(self) -> list[bytes]:
        """See Connection. Raises EndedError."""
        self._ours.recv(64)
        words = self._lease.last_words()
        if words is None:
            self.closed = True
            return []
        return [words]

    def send(self, payload: bytes) -> None:
        """Nothing: the lease says no more."""

    def ping(self) -> None:
        """Nothing: the lease's own thread does."""

    def flush(self) -> None:
        """Nothing waits."""

    @property
    def unsent_bytes(self) -> int:
        """None."""
        return 0

    def buffered(self) -> bool:
        """No."""
        return False

    def close(self) -> None:
        """Of the pair of sockets."""
        self.closed = True
        self._ours.close()
        self._theirs.close()
