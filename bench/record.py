"""The page of memory that bench/gaps.c and we share; the layout is the same there."""

import mmap
import struct
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.errors import BenchError

SLOTS: Final = 64
_REST: Final = 2**64 - 1
_HEADER: Final = struct.Struct("<QQ")
_SLOT: Final = struct.Struct("<7Q")
_BYTES: Final = _HEADER.size + SLOTS * _SLOT.size
_PATIENCE_SECONDS: Final = 10.0


@dataclass(frozen=True)
class Loss:
    """What the loop lost in one phase (times in ns): in gaps over 10 µs, and of those the "long" ones over 1 ms."""

    elapsed_ns: int
    gaps: int
    lost_ns: int
    longest_ns: int
    long_gaps: int
    long_gaps_by_tasks: int
    """Those in which another task had the CPU for most of the gap; the rest is interrupts and the hypervisor."""
    run_delay_ns: int
    """How long other tasks had the CPU, by the kernel's account."""


class Record:
    """The page; ``folder`` is the pod's ``/bench`` as seen from outside."""

    def __init__(self, folder: Path) -> None:
        file = folder / "record"
        file.write_bytes(_HEADER.pack(_REST, 0) + bytes(_BYTES - _HEADER.size))
        with file.open("r+b") as opened:
            self._page = mmap.mmap(opened.fileno(), _BYTES)
        self._used = 0

    def rest(self) -> None:
        """Let the loop sleep, and wait until it does."""
        self._want(_REST)

    def start(self) -> int:
        """Begin a phase and return the slot that it goes into."""
        if self._used == SLOTS:
            raise BenchError(f"the record has {SLOTS} slots, and all of them are used")
        slot = self._used
        self._used += 1
        self._want(slot)
        return slot

    def read(self, slot: int) -> Loss:
        """Return what was lost in a phase that is over."""
        return Loss(*_SLOT.unpack_from(self._page, _HEADER.size + slot * _SLOT.size))

    def _want(self, wanted: int) -> None:
        struct.pack_into("<Q", self._page, 0, wanted)
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while _HEADER.unpack_from(self._page)[1] != wanted:
            if time.monotonic() > deadline:
                raise BenchError("the busy loop does not look at its memory any more; has its pod ended?")
            time.sleep(0.005)
