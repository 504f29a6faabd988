"""Key files that no disk ever sees."""

from __future__ import annotations

import atexit
import os
from contextlib import suppress


def memory_file(content: bytes) -> str:
    """A path under which this process can open ``content`` until it ends, by SIGKILL too: nothing stays of it.

    OpenSSL takes client certificates and keys by path only. memfd_create(2) makes a file without a name, closed in
    programs that we start; where there is none (macOS) it is a private temporary file, removed at exit.
    """
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("nsexec", os.MFD_CLOEXEC)
        path = f"/proc/self/fd/{descriptor}"
    else:
        import tempfile  # noqa: PLC0415 - not on Linux

        descriptor, path = tempfile.mkstemp(prefix="nsexec-")
        atexit.register(_remove, path)
    with os.fdopen(descriptor, "wb", closefd=not path.startswith("/proc")) as file:
        file.write(content)
    return path


def _remove(path: str) -> None:
    with suppress(OSError):
        os.unlink(path)  # noqa: PTH108 - at exit, with as little machinery as can be
