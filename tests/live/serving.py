"""Servers of this machine's own, for the time of a test."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from http.server import ThreadingHTTPServer

LOCAL = "127.0.0.1"


@contextmanager
def serving(server: ThreadingHTTPServer) -> Iterator[None]:
    """In a thread of its own; closed at the end."""
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
