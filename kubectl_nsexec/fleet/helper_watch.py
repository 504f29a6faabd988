"""One watch for all helper pods of a fleet, where each would have one of its own."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from kubectl_nsexec.errors import ApiError
from kubectl_nsexec.helper.manifest import OWNER, OWNER_LABEL
from kubectl_nsexec.kube.api import JSON, PATIENCE_SECONDS, pod_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubectl_nsexec.kube import Cluster, Connection
    from kubectl_nsexec.kube.api import Query
    from kubectl_nsexec.model.http import Json

_NAMED = "metadata.name="
_QUIET_SECONDS = 60.0
"""After so long without news the watch is begun anew, or ended where nobody waits."""


class HelperWatch:
    """A Cluster whose watches of single pods in ``namespace`` share one. Every method is for any thread."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self.namespace = cluster.namespace
        self._cluster = cluster
        self._path = pod_path(namespace)
        self._changed = threading.Condition()
        self._last: dict[str, tuple[int, Json]] = {}
        """Name of a pod → the number of the last event about it, and that."""
        self._count = 0
        self._waiting = 0
        self._failure: ApiError | None = None
        self._over = False
        self._thread: threading.Thread | None = None

    def end(self) -> None:
        """Nobody waits any longer: every watch of a pod ends at once, and so does each that is begun."""
        with self._changed:
            self._over = True
            self._changed.notify_all()

    def request(
        self,
        method: str,
        path: str,
        query: Query = (),
        body: Json | None = None,
        *,
        timeout_seconds: float | None = None,
        accept: str = JSON,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> Json:
        """See Cluster."""
        return self._cluster.request(
            method,
            path,
            query,
            body,
            timeout_seconds=timeout_seconds,
            accept=accept,
            patience_seconds=patience_seconds,
        )

    def open_stream(self, path: str, query: Query, *, timeout_seconds: float) -> Connection:
        """See Cluster."""
        return self._cluster.open_stream(path, query, timeout_seconds=timeout_seconds)

    def watch(self, path: str, query: Query, *, timeout_seconds: float) -> Iterator[Json]:
        """See Cluster; of one pod by its name, what is known of it comes first."""
        field = dict(query).get("fieldSelector", "")
        if path != self._path or not field.startswith(_NAMED):
            return self._cluster.watch(path, query, timeout_seconds=timeout_seconds)
        return self._of_one(field.removeprefix(_NAMED), timeout_seconds)

    def _of_one(self, name: str, quiet_seconds: float) -> Iterator[Json]:
        with self._changed:
            self._waiting += 1
            if self._thread is None:
                self._failure = None
                self._thread = threading.Thread(target=self._watch_all, daemon=True)
                self._thread.start()
        seen = 0
        try:
            while (found := self._next(name, seen, quiet_seconds)) is not None:
                seen, event = found
                yield event
        finally:
            with self._changed:
                self._waiting -= 1

    def _next(self, name: str, seen: int, quiet_seconds: float) -> tuple[int, Json] | None:
        """The next event about that pod after the one of number ``seen``; None where none comes (in time)."""
        end = time.monotonic() + quiet_seconds
        with self._changed:
            while True:
                found = self._last.get(name)
                if found is not None and found[0] > seen:
                    return found
                if self._failure is not None:
                    raise ApiError(
                        self._failure.message, reason=self._failure.reason, status=self._failure.status
                    ) from self._failure
                if self._over or not self._changed.wait(max(0.0, end - time.monotonic())):
                    return None

    def _watch_all(self) -> None:
        """The thread: until nobody waits, or the watch is refused."""
        query = [("labelSelector", f"{OWNER_LABEL}={OWNER}")]
        while True:
            failure = None
            try:
                for event in self._cluster.watch(self._path, query, timeout_seconds=_QUIET_SECONDS):
                    if event["type"] == "ERROR":
                        break  # begun anew, it begins with all that there is
                    self._heard(event)
            except ApiError as error:
                failure = error
            with self._changed:
                if failure is not None or not self._waiting:
                    self._failure = failure
                    self._thread = None
                    self._changed.notify_all()
                    return

    def _heard(self, event: Json) -> None:
        name = str(event["object"]["metadata"]["name"])
        with self._changed:
            self._count += 1
            self._last[name] = (self._count, event)
            if event["type"] == "DELETED" and not self._waiting:
                del self._last[name]
            self._changed.notify_all()
