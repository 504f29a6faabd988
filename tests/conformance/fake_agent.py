"""A program that plays agent and shim for one session, with a real command: NONCE [client].

``client``: the end of its stdin is the client's, as in a helper that is kept and a command without stdin.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import threading
import time

_HELD = {"event": "held", "mask": "0-1", "cgroup": "v2", "pin": "folder"}
_DRAIN_SECONDS = 2.0


def held(nonce: str) -> bytes:
    """What the lease's holder says."""
    return f"{nonce} {json.dumps(_HELD)}\n".encode()


def _read(size: int) -> bytes:
    data = b""
    while len(data) < size:
        data += os.read(0, size - len(data)) or sys.exit("the client has gone")
    return data


def _line() -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        line += _read(1)
    return line


def _kill_at_the_end_of_stdin(command: subprocess.Popen[bytes]) -> None:
    while os.read(0, 4096):
        pass
    command.kill()


def _drain() -> None:
    """What the command did not read, for as long as the shim does it."""
    end = time.monotonic() + _DRAIN_SECONDS
    while select.select([0], [], [], max(0.0, end - time.monotonic()))[0] and os.read(0, 65536):
        pass


def main(nonce: str, *flags: str) -> int:
    """The command's status, which is told on stderr as well."""
    from tests.unit.fake_session import target_event  # noqa: PLC0415 - not for the others who import this

    os.write(1, f"{nonce} {json.dumps(target_event())}\n".encode())
    records = [record.partition(b"=") for record in _read(int(_line().split()[1])).split(b"\0")]
    started = {"event": "start", "pid": os.getpid(), "mask": "0-1", "tty": ""}
    os.write(1, f"{nonce} {json.dumps(started)}\n".encode())
    with_stdin = (b"stdin", b"=", b"1") in records
    command = subprocess.Popen(
        [value for key, _, value in records if key == b"arg"],
        stdin=0 if with_stdin else subprocess.DEVNULL,
    )
    if "client" in flags:
        threading.Thread(target=_kill_at_the_end_of_stdin, args=(command,), daemon=True).start()
    status = command.wait()
    status = 128 - status if status < 0 else status
    os.write(2, f'\0{nonce} {{"event":"ended","status":{status}}}\n'.encode())
    if with_stdin:
        _drain()
    return status


if __name__ == "__main__":
    os._exit(main(*sys.argv[1:]))
