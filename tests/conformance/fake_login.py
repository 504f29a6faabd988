"""A program that plays login and agent on a node, up to a real ``last-link guard``: LINK HOME RUN NONCE SIZE SIZE."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.conformance import fake_agent


def main(link: str, home: str, run: str, nonce: str, *sizes: str) -> None:
    """Never returns."""
    for folder in (Path(home), Path(home, "nsexec-guard"), Path(home, "nsexec-session"), Path(run)):
        folder.mkdir()
    os.mkfifo(Path(run, "lease"))
    Path(home, "nsexec-guard/cgroup.procs").write_text("0")
    os.write(2, b"Authorized use only, says the banner.\n")
    os.write(1, f"\n{nonce} ready\n".encode())
    left = sum(map(int, sizes))
    while left:
        left -= len(os.read(0, min(left, 65536)) or sys.exit("the client has gone"))
    os.write(1, fake_agent.held(nonce))
    script = f'echo $$ >{home}/nsexec-session/cgroup.procs; exec "$@"'
    session = [sys.executable, "-m", "tests.conformance.fake_agent", nonce]
    os.execv(  # noqa: S606 - it becomes the guard
        link, [link, "guard", nonce, home, str(Path(home).parent), run, "/bin/sh", "-c", script, "sh", *session]
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
