"""Doubles for the API server and its streams. A call that no test expects fails."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from kubectl_nsexec.errors import ApiError
from kubectl_nsexec.model.cpuset import CpuSet
from kubectl_nsexec.model.messages import TargetFacts

if TYPE_CHECKING:
    from kubectl_nsexec.kube.api import Query

Json = dict[str, Any]
Answer = Json | ApiError | Callable[[Json | None], Json]


FACTS = TargetFacts(
    pid=4711,
    inner_pid=1,
    entry_mask=CpuSet.of(0),
    mask=CpuSet.of(0),
    target_mask=CpuSet.of(2),
    online=CpuSet.parse("0-3"),
    pin="folder",
    cgroup="v2",
    spec=b"",
    status=b"",
    environ=b"",
    limits=b"",
    cwd=b"/",
    root=b"/",
    capabilities=2**41 - 1,
    cpu_manager_state=b"",
)
"""What an agent on a node with the CPUs 0-3 reports."""


class FakeConnection:
    """A Connection whose far end is a list of messages; a pipe makes it something that poll can wait on."""

    protocol = "v5.channel.k8s.io"
    unanswered_pings = 0
    ends_by_reset = True
    active = False

    def __init__(self, *messages: bytes, then_closed: bool = False) -> None:
        self.messages = deque(messages)
        self.sent: list[bytes] = []
        self.closed = False
        self._then_closed = then_closed
        self._read_fd, self._write_fd = os.pipe()
        os.write(self._write_fd, b"x")

    def fileno(self) -> int:
        return self._read_fd

    def receive(self) -> list[bytes]:
        self.unanswered_pings = 0
        if self.messages:
            return [self.messages.popleft()]
        self.closed = self.closed or self._then_closed
        return []

    def send(self, payload: bytes) -> None:
        self.sent.append(payload)

    def ping(self) -> None:
        self.unanswered_pings += 1
        self.sent.append(b"ping")

    def flush(self) -> None:
        return

    @property
    def unsent_bytes(self) -> int:
        return 0

    def buffered(self) -> bool:
        return False

    def close(self) -> None:
        if not self.closed:
            self.closed = True
        os.close(self._read_fd)
        os.close(self._write_fd)


class FakeCluster:
    """A Cluster that answers from a table of ``"METHOD path"``; each answer is a document, an error, or a function.

    A path may end in ``/*``, for any name.
    """

    namespace = "default"

    def __init__(self, answers: dict[str, Answer], watches: dict[str, list[Json]] | None = None) -> None:
        self._answers = answers
        self._watches = watches or {}
        self._turns: dict[str, list[list[Json]]] = {}
        self.calls: list[str] = []
        self.bodies: list[Json | None] = []
        self.streams: dict[str, deque[FakeConnection]] = {}

    def answer(self, request: str, answer: Answer) -> None:
        """From now on this is the answer to ``"METHOD path"``."""
        self._answers[request] = answer

    def watch_in_turn(self, path: str, watches: list[list[Json]]) -> None:
        """What each watch of that path shows, one watch after the other."""
        self._turns[path] = watches

    def request(
        self,
        method: str,
        path: str,
        query: Query = (),
        body: Json | None = None,
        *,
        timeout_seconds: float | None = None,
        accept: str = "application/json",
        patience_seconds: float = 0.0,
    ) -> Json:
        del query, timeout_seconds, accept, patience_seconds
        self.calls.append(f"{method} {path}")
        self.bodies.append(body)
        anything = f"{method} {path.rpartition('/')[0]}/*"
        answer = self._answers[anything if anything in self._answers else f"{method} {path}"]
        if isinstance(answer, ApiError):
            raise answer
        return answer(body) if callable(answer) else answer

    def watch(self, path: str, query: Query, *, timeout_seconds: float) -> Iterator[Json]:
        del query, timeout_seconds
        self.calls.append(f"WATCH {path}")
        yield from self._turns[path].pop(0) if path in self._turns else self._watches[path]

    def open_stream(self, path: str, query: Query, *, timeout_seconds: float) -> FakeConnection:
        del query, timeout_seconds
        self.calls.append(f"STREAM {path}")
        return self.streams[path.rpartition("/")[2]].popleft()


def not_found(what: str) -> ApiError:
    """The API server's 404."""
    return ApiError(f"{what} not found", reason="NotFound", status=404)


def forbidden(message: str) -> ApiError:
    """The API server's 403."""
    return ApiError(message, reason="Forbidden", status=403)
