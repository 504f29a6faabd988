"""ssh and its server, without the secrets: what runs over there has a TCP connection for its stdin and stdout."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_BUFFER_BYTES = 65536


def client(port: str, *words: str) -> None:
    """PORT WORDS…: runs them over there; the client's half of it."""
    with socket.create_connection(("127.0.0.1", int(port))) as link:
        link.sendall(json.dumps(words).encode() + b"\n")
        threading.Thread(target=_send_stdin, args=(link,), daemon=True).start()
        with suppress(ConnectionError):
            while data := link.recv(_BUFFER_BYTES):
                _write_all(1, data)
    os._exit(255)  # as ssh, whatever became of the words


def _send_stdin(link: socket.socket) -> None:
    with suppress(OSError):
        while data := os.read(0, _BUFFER_BYTES):
            link.sendall(data)
        link.shutdown(socket.SHUT_WR)


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


@contextmanager
def server(folder: Path) -> Iterator[int]:
    """Its port, for the time of a test; what it runs works in FOLDER."""
    listening = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=_serve, args=(listening, folder), daemon=True)
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


def _serve(listening: socket.socket, folder: Path) -> None:
    with listening, suppress(OSError):
        while True:
            link, _ = listening.accept()
            threading.Thread(target=_run, args=(link, folder), daemon=True).start()


def _run(link: socket.socket, folder: Path) -> None:
    with link, suppress(OSError):
        words = b""
        while not words.endswith(b"\n"):
            words += link.recv(1) or b"\n"
        if words.strip():
            fd = link.fileno()
            subprocess.run(json.loads(words), stdin=fd, stdout=fd, stderr=subprocess.DEVNULL, check=False, cwd=folder)
            link.shutdown(socket.SHUT_WR)
            while link.recv(_BUFFER_BYTES):  # closed with something unread, it would reset what is on its way
                pass


if __name__ == "__main__":
    client(*sys.argv[1:])
