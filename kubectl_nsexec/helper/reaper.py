"""What a SIGKILL leaves no time for: another process, which outlives us, deletes the helper pod.

Its only tie to us is a pipe. Names of pods come through it, and at its end, however we ended, those that are not
known to be gone are deleted.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn

from kubectl_nsexec.errors import ApiError
from kubectl_nsexec.kube.api import delete_pod
from kubectl_nsexec.model.http import NOT_FOUND, SERVER_ERROR, TOO_MANY_REQUESTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from kubectl_nsexec.kube import Cluster

_TRY_FOR_SECONDS = 60.0
"""How long it tries to reach the API server."""
_MAY_COME_SECONDS = 10.0
"""How long a pod that is not there may yet be created by a request that was under way."""
_PAUSE_SECONDS = 0.5
_NAME = b"nsexec-cleanup"
"""Of its process (15 bytes at most, proc_pid_comm(5))."""


class Reaper:
    """The other process. On a system without fork(2) there is none, and nothing else changes."""

    def __init__(self, pipe: int | None = None, pid: int = 0) -> None:
        self._pipe = pipe
        self._pid = pid
        self._expected: set[tuple[str, str]] = set()

    @classmethod
    def forked(cls, cluster: Cluster, *, needed: bool = True) -> Reaper:
        """The other process, begun where it is ``needed``.

        It makes connections of its own: to be called before ``cluster`` has any. Nor may there be another thread, whose
        locks it would inherit.
        """
        if not needed or not hasattr(os, "fork"):
            return cls()
        ours, theirs = os.pipe()
        try:
            pid = os.fork()
        except OSError:  # no room for another process: without it a SIGKILL leaves the pod until its time is over
            os.close(ours)
            os.close(theirs)
            return cls()
        if not pid:
            os.close(theirs)
            _live(ours, cluster)
        os.close(ours)
        return cls(theirs, pid)

    def expect(self, namespace: str, name: str) -> None:
        """From now on that pod is deleted when this process ends."""
        self._expected.add((namespace, name))
        self._say(f"+{namespace}/{name}")

    def gone(self, namespace: str, name: str) -> None:
        """It does not exist any more, or never will."""
        self._expected.discard((namespace, name))
        self._say(f"-{namespace}/{name}")

    def _say(self, line: str) -> None:
        if self._pipe is not None:
            with suppress(OSError):  # somebody ended it
                os.write(self._pipe, line.encode() + b"\n")

    def dismiss(self) -> None:
        """No pod of this run is left to it: it ends while this process goes on."""
        if self._pipe is not None:
            os.close(self._pipe)
            self._pipe = None

    def close(self) -> None:
        """Lets it go: it ends at once, or goes on after what could not be deleted while this process ends."""
        self.dismiss()
        if self._pid and not self._expected:
            with suppress(OSError):
                os.waitpid(self._pid, 0)
            self._pid = 0


def _live(pipe: int, cluster: Cluster) -> NoReturn:
    """All of the other process: it never returns into the program that it is a copy of."""
    try:
        os.setsid()  # what the terminal sends to our process group is not for it
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in range(3):  # whoever reads our output waits for its last writer
            os.dup2(null, descriptor)
        if sys.platform == "linux":
            with suppress(OSError), open("/proc/self/comm", "wb") as file:  # noqa: PTH123 - nothing is imported here
                file.write(_NAME)
        with os.fdopen(pipe, "rb") as lines:
            left = outstanding(lines.read().splitlines())
        for namespace, name in left:
            delete(cluster, namespace, name)
    finally:
        os._exit(0)


def outstanding(lines: list[bytes]) -> list[tuple[str, str]]:
    """Namespace and name of the pods that ``lines`` ("+NAMESPACE/NAME", "-NAMESPACE/NAME") leave to be deleted."""
    left: dict[bytes, None] = {}
    for line in lines:
        if line.startswith(b"+"):
            left[line[1:]] = None
        else:
            left.pop(line[1:], None)
    pairs = [each.decode().partition("/") for each in left]
    return [(namespace, name) for namespace, _, name in pairs]


def delete(
    cluster: Cluster,
    namespace: str,
    name: str,
    *,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """Deletes the pod at once, also when the request that creates it has yet to arrive. Gives up in silence."""
    began = clock()
    while clock() - began < _patience_seconds(cluster, namespace, name):
        pause(_PAUSE_SECONDS)


def _patience_seconds(cluster: Cluster, namespace: str, name: str) -> float:
    """How long after the first time the API server may be asked again; 0: it is done, or there is no use."""
    try:
        delete_pod(cluster, namespace, name, patience_seconds=_TRY_FOR_SECONDS)
    except ApiError as error:
        if error.status == NOT_FOUND:
            return _MAY_COME_SECONDS
        return _TRY_FOR_SECONDS if error.status in (0, TOO_MANY_REQUESTS) or error.status >= SERVER_ERROR else 0.0
    return 0.0
