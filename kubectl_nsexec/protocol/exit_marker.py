"""The exit marker: by it the supervisor says that the command has ended. It is taken out of the command's stderr here.

A server may call a command's end a success that it has not seen: containerd, told to end, ends its streams so. The
shim, which waits for the command, says it itself, as the last thing on stderr: a zero byte, the nonce, an event.
"""

from __future__ import annotations


class ExitMarker:
    """Looks for it in a stream that comes in pieces. ``status``: the command's exit status, once it has been told."""

    def __init__(self, nonce: str) -> None:
        self.status: int | None = None
        self._mark = b"\0" + nonce.encode() + b' {"event":"ended","status":'

    def take(self, data: bytearray, *, whole: bool) -> bytearray:
        """What of ``data`` is the command's, removed from it; what may be the beginning of the marker stays.

        ``whole``: nothing more comes, so nothing stays.
        """
        begin = data.find(self._mark)
        end = data.find(b"}\n", begin) if begin >= 0 else -1
        if end >= 0 and (digits := bytes(data[begin + len(self._mark) : end])).isdigit():
            self.status = int(digits)
            del data[begin : end + 2]
            return self.take(data, whole=whole)  # what a process that the command left behind still said
        if whole:
            kept = len(data)
        elif begin >= 0:
            kept = begin
        else:
            kept = len(data) - self._begun(data)
        taken = data[:kept]
        del data[:kept]
        return taken

    def _begun(self, data: bytearray) -> int:
        """How many bytes at the end are the marker's first; an end like that is rare, it begins with a zero byte."""
        longest = min(len(data), len(self._mark) - 1)
        return next((size for size in range(longest, 0, -1) if data.endswith(self._mark[:size])), 0)
