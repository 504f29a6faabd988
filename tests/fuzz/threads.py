"""The kernel's words about threads, and the runtime's about execs, as a node sends them: as events.py is called.

Whatever comes, it is read, or refused by ValueError. An input is the lines of stat, an empty line, those of status.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from kubectl_nsexec.cpus import survey, threads
from kubectl_nsexec.model.messages import ThreadsSeen
from tests.fuzz import events

if TYPE_CHECKING:
    import random


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Some of its bytes changed, or its lines in another order."""
    if chance.random() < 0.2:
        lines = data.split(b"\n")
        chance.shuffle(lines)
        return b"\n".join(lines)
    changed = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at = chance.randint(0, len(changed))
        changed[at : at + chance.choice((0, 1, 1, 8))] = chance.choice(
            (chance.randbytes(2), b" ", b"9" * 30, b")", b"")
        )
    return bytes(changed)


def look(data: bytes) -> bool:
    """Whether it is read. Raises whatever the parsers may not raise."""
    stat, _, status = data.partition(b"\n\n")
    try:
        found = threads.of_processes([ThreadsSeen(1, 1.0, stat + b"\n", status), ThreadsSeen(2, 3.0, stat, status)])
        survey.affinity(data if not stat.strip() else b"")
    except ValueError:
        return False
    return bool(found)


if __name__ == "__main__":
    words = sys.argv
    sys.exit(events.main(int(words[1]), int(words[2]), Path(words[3]), [Path(w) for w in words[4:]], look, mutated))
