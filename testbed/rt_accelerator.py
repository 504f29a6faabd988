"""What runs the real-time node's instructions: this machine's processor, or QEMU in its place."""

import os
import platform
from typing import Final, NamedTuple

from testbed import processes
from testbed.errors import ClusterError
from testbed.once import alone
from testbed.paths import CACHE, LOG
from testbed.progress import say
from testbed.rt_disk import Disk

_TRIAL: Final = "rtnode-trial"
_CONSOLE: Final = LOG / f"{_TRIAL}-console"
_FIRST_LINE_SECONDS: Final = 15.0
"""Hardware acceleration may be offered and hang before the kernel's first line; more than this means that it does."""


class Accelerator(NamedTuple):
    """One of QEMU's."""

    title: str
    """For the person who waits."""
    words: tuple[str, ...]
    kernel_arguments: tuple[str, ...] = ()


# What an emulated kernel must be told (kernel-parameters.txt). norandmaps: code at another address is translated again,
# so each start of a program cost four times as much. tsc=reliable: the counter is this machine's own, one for all CPUs,
# but the kernel doubts it and reads the HPET instead, for which QEMU leaves the emulated CPU at each look at the clock.
# erms, fsrm, rep_good: where string instructions are said to be fast, the kernel clears and copies memory by them, and
# QEMU emulates them piece by piece: half as fast as ordinary ones.
HARDWARE: Final = Accelerator("hardware acceleration", ("-accel", "kvm", "-cpu", "host"))
SOFTWARE: Final = Accelerator(
    "software emulation",
    ("-accel", "tcg,thread=multi,tb-size=1024", "-cpu", "max,erms=off,fsrm=off"),
    ("norandmaps", "tsc=reliable", "clearcpuid=rep_good"),
)
_BY_NAME: Final = {"kvm": HARDWARE, "tcg": SOFTWARE}


def chosen(disk: Disk) -> Accelerator:
    """The one that works here: tried once with the kernel of ``disk``, and remembered for this machine's kernel."""
    remembered = CACHE / f"accelerator-{platform.release()}"
    with alone("accelerator"):
        known = remembered.read_text(encoding="utf-8").strip() if remembered.exists() else ""
        if known in _BY_NAME:
            return _BY_NAME[known]
        if not os.access("/dev/kvm", os.R_OK | os.W_OK):
            return SOFTWARE  # nothing to remember: the next user of this cache may have it
        found = "kvm" if _the_kernel_speaks(disk) else "tcg"
        remembered.write_text(found + "\n", encoding="utf-8")
    return _BY_NAME[found]


def _the_kernel_speaks(disk: Disk) -> bool:
    say(f"real-time node: trying hardware acceleration, at most {_FIRST_LINE_SECONDS:.0f} s")
    LOG.mkdir(parents=True, exist_ok=True)
    _CONSOLE.unlink(missing_ok=True)
    machine = ["qemu-system-x86_64", "-machine", "q35", *HARDWARE.words, "-m", "1G", "-nodefaults", "-display", "none"]
    kernel = ["-kernel", str(disk.kernel), "-append", "console=ttyS0", "-serial", f"file:{_CONSOLE}"]
    processes.start(_TRIAL, [*machine, *kernel])
    try:
        processes.wait_until("the kernel's first line", _spoke, _FIRST_LINE_SECONDS, process=_TRIAL)
    except ClusterError:
        return False
    finally:
        processes.stop(_TRIAL, grace_seconds=2)
    return True


def _spoke() -> bool:
    return _CONSOLE.exists() and b"Linux version" in _CONSOLE.read_bytes()
