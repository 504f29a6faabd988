"""Bytes per second through a running command, out of the container and into it."""

import os
import re
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from statistics import median
from typing import Final

from bench.commands import BESIDE, TIMEOUT_SECONDS, environment, kubectl_exec, nsexec_in, shown
from bench.errors import BenchError
from bench.results import Result, ratio_of_pairs, verdict
from testbed.progress import say

RUNS: Final = 25
STREAM_BYTES: Final = 200 * 1024 * 1024
"""Each way: more than a second, so that beginning and end hardly count."""
TARGET_RATIO: Final = 0.9
"""Against commands that have a CPU more than ours."""
PLACED_TARGET_RATIO: Final = 1.0
"""Where the commands of both run on the same CPUs."""
_BLOCK_BYTES: Final = 1024 * 1024
# In large pieces, so that the streams are measured and not the commands.
_SEND: Final = ("dd", "if=/dev/zero", "bs=1M", f"count={STREAM_BYTES // 1024**2}")
# dd closes its stdout, upon which containerd ends the stdin of `kubectl exec`: the shell stays, and holds it open.
_TAKE: Final = ("sh", "-c", "echo go; dd of=/dev/null bs=64k iflag=fullblock 2>&1; true")
_TAKEN_BYTES: Final = 64 * 1024


def measure() -> list[Result]:
    """Run all in turn, in both directions. The clock runs from CMD's first byte on. Raises BenchError.

    ``kubectl exec`` runs its command on the CPU that the target owns, which takes that work off the CPU where
    everything else here runs. So there is one more of it, into a pod whose commands have to share that CPU, as ours do.
    """
    say(f"throughput, {RUNS} times each: {STREAM_BYTES / 1e6:.0f} MB out, as much in")
    return [
        *_compared("out", _out, nsexec_in(*_SEND), kubectl_exec(*_SEND), kubectl_exec(*_SEND, pod=BESIDE)),
        *_compared(
            "in",
            _in,
            nsexec_in(*_TAKE, stdin=True),
            kubectl_exec(*_TAKE, stdin=True),
            kubectl_exec(*_TAKE, stdin=True, pod=BESIDE),
        ),
    ]


def _compared(way: str, rate: Callable[[Sequence[str]], float], *commands: list[str]) -> list[Result]:
    rounds = [[rate(command) for command in commands] for _ in range(RUNS)]
    ours, target, beside = ([rates[place] for rates in rounds] for place in range(len(commands)))
    return [
        _result(f"throughput: {way}", ours, target, TARGET_RATIO),
        _result(f"throughput: {way}, commands on the same CPU", ours, beside, PLACED_TARGET_RATIO),
    ]


def _result(what: str, ours: Sequence[float], theirs: Sequence[float], least: float) -> Result:
    ratio = ratio_of_pairs(ours, theirs)
    return Result(
        what,
        _shown(ours),
        f"kubectl exec {_shown(theirs)}",
        f"{ratio:.2f}",
        f"≥ {least:g}",
        verdict(reached=ratio >= least),
    )


def _shown(rates: Sequence[float]) -> str:
    return f"{median(rates):.0f} MB/s ({min(rates):.0f} to {max(rates):.0f})"


def _out(argv: Sequence[str]) -> float:
    """Return MB/s from the first byte that arrives to the last."""
    with _running(argv) as running:
        received = first = len(os.read(running.stdout, _BLOCK_BYTES))
        began = time.monotonic()
        while block := os.read(running.stdout, _BLOCK_BYTES):
            received += len(block)
        took = time.monotonic() - began
        running.check_end()
    if received != STREAM_BYTES:
        raise BenchError(f"{shown(argv)}: {received} of {STREAM_BYTES} bytes arrived")
    return (received - first) / took / 1e6


def _in(argv: Sequence[str]) -> float:
    """Return MB/s from the first byte that is sent to CMD's answer, how many it was."""
    with _running(argv) as running:
        go = os.read(running.stdout, 64)  # nothing: CMD did not start, and check_end() says why
        block, left = memoryview(bytes(_BLOCK_BYTES)), STREAM_BYTES if go else 0
        began = time.monotonic()
        with suppress(BrokenPipeError):
            while left:
                left -= os.write(running.stdin, block[:left])
        running.close_stdin()
        answer = os.read(running.stdout, _BLOCK_BYTES)
        took = time.monotonic() - began
        while more := os.read(running.stdout, _BLOCK_BYTES):
            answer += more
        running.check_end()
    whole = re.search(rb"(\d+)\+0 records in", answer)
    if not whole or int(whole[1]) * _TAKEN_BYTES != STREAM_BYTES:
        raise BenchError(f"{shown(argv)}: not all of {STREAM_BYTES} bytes arrived: {answer.decode().strip()}")
    return STREAM_BYTES / took / 1e6


class _Running:
    """A command with pipes to it, killed when it hangs."""

    def __init__(self, argv: Sequence[str]) -> None:
        self._argv = argv
        self._words = tempfile.TemporaryFile()  # noqa: SIM115 - closed in end()
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            argv, stdin=pipe, stdout=pipe, stderr=self._words, bufsize=0, env=environment()
        )
        assert self._process.stdin is not None  # noqa: S101 - tells mypy what PIPE promises
        assert self._process.stdout is not None  # noqa: S101 - as above
        self.stdin, self.stdout = self._process.stdin.fileno(), self._process.stdout.fileno()
        self._watchdog = threading.Timer(TIMEOUT_SECONDS, self._process.kill)
        self._watchdog.start()

    def end(self) -> None:
        """Kill it unless it has ended, and let go of everything."""
        self._process.kill()
        self._watchdog.cancel()
        self._process.__exit__(None, None, None)
        self._words.close()

    def close_stdin(self) -> None:
        """End of file on the command's stdin."""
        assert self._process.stdin is not None  # noqa: S101 - as above
        self._process.stdin.close()

    def check_end(self) -> None:
        """Wait for the end. Raises BenchError when the command failed."""
        status = self._process.wait()
        if status != 0:
            self._words.seek(0)
            words = self._words.read().decode(errors="replace").strip()[-500:]
            raise BenchError(f"{shown(self._argv)} ended with {status}: {words}")


@contextmanager
def _running(argv: Sequence[str]) -> Iterator[_Running]:
    running = _Running(argv)
    try:
        yield running
    finally:
        running.end()
