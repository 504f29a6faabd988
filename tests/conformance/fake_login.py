"""A program that plays login and agent on a node, up to a real ``shim guard``: SHIM POD RUN NONCE SIZE SIZE."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.conformance import fake_agent


def main(shim: str, pod: str, run: str, nonce: str, *sizes: str) -> None:
    """Never returns."""
    for folder in (Path(pod), Path(pod, "nsexec-guard"), Path(pod, "nsexec-session"), Path(run)):
        folder.mkdir()
    os.mkfifo(Path(run, "lease"))
    Path(pod, "nsexec-guard/cgroup.procs").write_text("0")
    os.write(2, b"Authorized use only, says the banner.\n")
    os.write(1, f"\n{nonce} ready\n".encode())
    left = sum(map(int, sizes))
    while left:
        left -= len(os.read(0, min(left, 65536)) or sys.exit("the client has gone"))
    os.write(1, fake_agent.held(nonce))
    script = f'echo $$ >{pod}/nsexec-session/cgroup.procs; exec "$@"'
    session = [sys.executable, "-m", "tests.conformance.fake_agent", nonce]
    os.execv(  # noqa: S606 - it becomes the guard
        shim, [shim, "guard", nonce, pod, str(Path(pod).parent), run, "/bin/sh", "-c", script, "sh", *session]
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
