"""One end for many sessions of this client: each has a stream on which nothing comes but that."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

from kubectl_nsexec.errors import NsexecError
from kubectl_nsexec.kube.connection import V5_PROTOCOL
from kubectl_nsexec.transport.channels import RemoteStream


class EndedError(NsexecError):
    """We end the session ourselves, whatever the command is about."""

    code = "ended"


class CommonEnd:
    """What sessions share, from any thread: that they are to end, and why."""

    def __init__(self) -> None:
        self._shares: set[_Share] = set()
        self._changing = threading.Lock()
        self._over = False
        self._cause: str | None = None

    @property
    def ended(self) -> bool:
        """Whether there is nothing to share any more."""
        return self._over

    def share(self) -> RemoteStream:
        """For one session: a stream on which nothing comes but the end."""
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

    def _tell_all(self) -> None:
        with self._changing:
            self._over = True
            for share in self._shares:
                share.tell()

    @property
    def silent_for_pings(self) -> int:
        """See Connection."""
        return 0

    def last_words(self) -> bytes | None:
        """What comes on a share at the end, a status on its channel; None: nothing. Raises EndedError."""
        if self._cause is not None:
            raise EndedError(self._cause)
        return None


class _Share:
    """The Connection of a share: a pair of sockets, so that it can be waited on with others."""

    protocol = V5_PROTOCOL
    ends_by_reset = False
    active = False

    def __init__(self, end: CommonEnd) -> None:
        self.closed = False
        self._end = end
        self._ours, self._theirs = socket.socketpair()

    @property
    def unanswered_pings(self) -> int:
        """Of what is shared itself."""
        return self._end.silent_for_pings

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
        words = self._end.last_words()
        if words is None:
            self.closed = True
            return []
        return [words]

    def send(self, payload: bytes) -> None:
        """Nothing: it says no more."""

    def ping(self) -> None:
        """Nothing: whoever keeps what is shared does."""

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
