"""Runs inside the real-time node: records every CPU mask of every thread of the best-effort pods, until its stdin ends.

It is sent there as text, needs only Python's standard library, and is never imported. A line on its stdin is a mark:
it is kept with the time, so that what happened outside can be set against what was seen. It answers each with "ok".
"""

import json
import os
import select
import sys
import time
from pathlib import Path

ROOT = Path("/sys/fs/cgroup/kubepods.slice/kubepods-besteffort.slice")
PAUSE_SECONDS = 0.005


def read(path: str) -> str:
    """Return a file of proc or of the cgroup tree, empty when the process or the folder is gone by now."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def answer(text: str) -> None:
    """Say one line to the test."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def folders(top: str) -> list[str]:
    """Return TOP and every folder below it."""
    try:
        below = [entry.path for entry in os.scandir(top) if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []
    return [top, *(deeper for folder in below for deeper in folders(folder))]


def main() -> None:
    """Sample until the end of stdin, then print one JSON object."""
    began = time.monotonic()
    threads: dict[str, list[list[object]]] = {}
    marks: list[list[object]] = []
    passes, longest, last = 0, 0.0, 0.0
    answer("ok")
    while True:
        if select.select([0], [], [], PAUSE_SECONDS)[0]:
            line = sys.stdin.readline()
            if not line:
                break
            marks.append([time.monotonic() - began, line.strip()])
            answer("ok")
        now = time.monotonic() - began
        passes, longest, last = passes + 1, max(longest, now - last), now
        for folder in folders(str(ROOT)):
            for thread in read(f"{folder}/cgroup.threads").split():
                facts = dict(
                    line.split(":\t", 1) for line in read(f"/proc/{thread}/status").splitlines() if ":\t" in line
                )
                if "Cpus_allowed_list" not in facts:
                    continue
                seen = [folder[len(str(ROOT)) :], facts["Name"], facts["Cpus_allowed_list"]]
                history = threads.setdefault(thread, [])
                if not history or history[-1][2:] != seen:
                    history.append([now, now, *seen])
                history[-1][1] = now
    sightings = [[thread, *row] for thread, history in threads.items() for row in history]
    answer(json.dumps({"passes": passes, "longest_gap_seconds": longest, "marks": marks, "sightings": sightings}))


main()
