"""A private folder for the sockets of ssh's shared connections, which is gone when we are, however we end."""

from __future__ import annotations

import subprocess
import tempfile
from contextlib import suppress

from kubectl_nsexec.errors import NodeAccessError

_LONGEST = 60
"""Bytes of its path: ssh adds our name of a socket, and 17 more while it makes that; sun_path has 104 on macOS."""
_SHORT = "/tmp"  # noqa: S108 - mkdtemp makes a private folder there
_REMOVE = """trap '' HUP INT QUIT TERM
read -r _
for _ in 1 2 3; do rm -rf -- "$1" && exit; sleep 1; done"""
"""Waits until we close its stdin, or are gone; then a socket may still be on its way."""
_WAIT_SECONDS = 5.0


class ControlFolder:
    """``path``: of the folder. Raises NodeAccessError where there is no room for it."""

    def __init__(self) -> None:
        try:
            self.path = _made()
        except OSError as error:
            raise NodeAccessError(f"there is no room for a folder of ssh's sockets: {error}") from error
        # A process of its own and not our reaper, which knows only of pods and is there only for them.
        self._remover = subprocess.Popen(
            ["/bin/sh", "-c", _REMOVE, "nsexec-cleanup", self.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )

    def close(self) -> None:
        """Removes it."""
        assert self._remover.stdin is not None  # noqa: S101 - for the type: it is a pipe
        self._remover.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self._remover.wait(_WAIT_SECONDS)


def _made() -> str:
    folder = tempfile.gettempdir()
    return tempfile.mkdtemp(prefix="nsexec-", dir=_SHORT if len(folder) > _LONGEST else folder)
