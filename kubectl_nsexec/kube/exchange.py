"""Requests and their answers over connections that are used again, as HTTP/1.1 has it."""

from __future__ import annotations

import select
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kubectl_nsexec.kube.dial import Dial

    Headers = Sequence[tuple[str, str]]
    """A name may stand several times, as that of an impersonated group."""

RETRY_AFTER = "Retry-After"
_ONCE_MORE = ("GET", "HEAD", "PUT", "DELETE", "OPTIONS")
"""Methods that may be sent twice (RFC 9110, 9.2.2)."""


class Answer(NamedTuple):
    """All of an answer: ``reason`` is that of its first line, ``data`` its body, ``retry_after`` that header."""

    status: int
    reason: str
    data: bytes
    retry_after: str = ""


class Exchange:
    """Any number of requests at the same time, from any thread: each has a connection of its own meanwhile."""

    def __init__(self, dial: Dial) -> None:
        self.dial = dial
        self._idle: list[HTTPConnection] = []

    def request(
        self, method: str, target: str, headers: Headers, body: bytes | None, timeout_seconds: float | None
    ) -> Answer:
        """One request and its whole answer; ``timeout_seconds`` is for each step of it, None: as long as it takes.

        A server that hangs up without a word is asked once more where that cannot do harm. Raises OSError (TimeoutError
        is one) and HTTPException.
        """
        try:
            return self._asked(method, target, headers, body, timeout_seconds)
        except TimeoutError:
            raise
        except (OSError, HTTPException):
            if method not in _ONCE_MORE:
                raise
            return self._asked(method, target, headers, body, timeout_seconds)

    def _asked(
        self, method: str, target: str, headers: Headers, body: bytes | None, timeout_seconds: float | None
    ) -> Answer:
        connection = self._taken(timeout_seconds)
        try:
            send(connection, method, target, headers, body)
            # urllib3's own would give its own kind of answer.
            answer = HTTPConnection.getresponse(connection)
            made = Answer(answer.status, answer.reason, answer.read(), answer.getheader(RETRY_AFTER) or "")
        except BaseException:
            connection.close()
            raise
        if connection.sock is not None:  # else the server has said that this was the last answer
            self.dial.learn(connection)
            self._idle.append(connection)
        return made

    def _taken(self, timeout_seconds: float | None) -> HTTPConnection:
        """One that is idle, or a new one."""
        while self._idle:
            try:
                connection = self._idle.pop()
            except IndexError:  # another thread was quicker
                break
            if not select.select([connection.sock], [], [], 0)[0]:
                connection.sock.settimeout(timeout_seconds)
                return connection
            connection.close()  # the server has hung up
        return self.dial(timeout_seconds)

    @contextmanager
    def streamed(
        self, target: str, headers: Headers, connect_seconds: float, quiet_seconds: float
    ) -> Iterator[HTTPResponse]:
        """The answer to a GET, to be read as it comes; it may be silent for so long."""
        connection = self.dial(connect_seconds)
        try:
            connection.sock.settimeout(quiet_seconds)
            send(connection, "GET", target, headers, None)
            yield HTTPConnection.getresponse(connection)
        finally:
            connection.close()


def send(connection: HTTPConnection, method: str, target: str, headers: Headers, body: bytes | None) -> None:
    """Sends a request on ``connection``. Raises OSError, HTTPException."""
    connection.putrequest(method, target)
    for name, value in headers:
        connection.putheader(name, value)
    if body is not None:
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
