"""Outputs that are held back: small ones in memory, large ones and too many of them on the disk."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kubectl_nsexec.errors import OutputFileError
from kubectl_nsexec.fleet.show.held import BLOCK_BYTES, MOST_OF_ALL_BYTES, Held, Store
from tests.unit.fleet.show.screen import descriptors, pods

if TYPE_CHECKING:
    from collections.abc import Iterator

FULL = Path("/dev/full")


@pytest.fixture
def store() -> Iterator[Store]:
    """Which holds little in memory."""
    made = Store(most_of_one_bytes=100, most_of_all_bytes=250)
    yield made
    made.close()


def content(held: Held) -> bytes:
    """All of it."""
    return b"".join(held.pieces())


def test_a_small_output_stays_in_memory(store: Store) -> None:
    """No file is made for it."""
    held = store.outputs(pods(1)[0]).stdout
    held.append(b"x" * 100)
    assert (store.memory_bytes, held.blocks, content(held)) == (100, [], b"x" * 100)
    assert store._file is None


def test_an_output_that_is_large_is_on_the_disk(store: Store) -> None:
    """What comes later is in memory again, until that is too much."""
    held = store.outputs(pods(1)[0]).stdout
    held.append(b"x" * 60)
    held.append(b"y" * 60)
    held.append(b"z" * 60)
    assert store.memory_bytes == 60
    assert held.size_bytes == 180
    assert content(held) == b"x" * 60 + b"y" * 60 + b"z" * 60


def test_many_small_outputs_have_a_bound_together(store: Store) -> None:
    """Each alone would have been small enough."""
    outputs = [store.outputs(place).stdout for place in pods(50)]
    for number, held in enumerate(outputs):
        held.append(bytes([number]) * 90)
        assert store.memory_bytes <= 250
    assert [content(held) for held in outputs] == [bytes([number]) * 90 for number in range(50)]


def test_one_file_serves_all_and_its_blocks_are_used_again(store: Store) -> None:
    """A descriptor, not thousands; and equal outputs of many targets take the room of one."""
    before = descriptors()
    for place in pods(100):
        held = store.outputs(place).stdout
        held.append(b"x" * 3 * BLOCK_BYTES)
        held.append(b"y" * 200)
        assert content(held) == b"x" * 3 * BLOCK_BYTES + b"y" * 200
        store.take(place).drop()
    assert descriptors() == before + 1
    assert store._file is not None
    assert os.fstat(store._file.fileno()).st_size <= 4 * BLOCK_BYTES
    assert store.memory_bytes == 0


def test_what_is_taken_is_the_takers(store: Store) -> None:
    """A second run in the same place would begin anew; of one that printed nothing there is nothing."""
    place = pods(1)[0]
    store.outputs(place).stdout.append(b"one\n")
    taken = store.take(place)
    assert (content(taken.stdout), taken.stdout.last, taken.stderr.last) == (b"one\n", b"\n", b"")
    assert store.take(place).stdout.size_bytes == 0


_HOLDS_MUCH = """
import re
from pathlib import Path
from kubectl_nsexec.fleet.show.held import Store
from tests.unit.fleet.show.screen import pods

def most_bytes():  # VmHWM of proc_pid_status(5); ru_maxrss would count the test's process too
    return int(re.findall(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[0]) * 1024

store, before = Store(), most_bytes()
kept = [store.outputs(place).stdout for place in pods(2000)]
for held in kept:
    held.append(b"x" * 40_000)
    held.append(b"x" * 40_000)
print(most_bytes() - before)
store.close()
"""


def test_the_process_is_no_larger_than_that_bound_allows() -> None:
    """Of 160 MB that are held. What was freed must be of use for the next, also in the C library's eyes."""
    done = subprocess.run(
        [sys.executable, "-c", _HOLDS_MUCH],
        cwd=Path(__file__).parents[4],
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout) < 2 * MOST_OF_ALL_BYTES


@given(st.lists(st.tuples(st.integers(0, 4), st.binary(max_size=60)), max_size=60))
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_is_held_comes_back_in_its_order(pieces: list[tuple[int, bytes]]) -> None:
    """Through memory, disk and both."""
    store = Store(most_of_one_bytes=50, most_of_all_bytes=120)
    places = pods(5)
    for number, data in pieces:
        store.outputs(places[number]).stderr.append(data)
    for at, place in enumerate(places):
        assert content(store.take(place).stderr) == b"".join(data for number, data in pieces if number == at)
    store.close()


def test_a_full_disk_is_a_sentence(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """/dev/full says what a full disk does."""
    monkeypatch.setattr("tempfile.TemporaryFile", lambda buffering: FULL.open("r+b", buffering))
    held = store.outputs(pods(1)[0]).stdout
    with pytest.raises(OutputFileError, match=r"could not be held back in /.*: No space left on device; TMPDIR"):
        held.append(b"x" * 1000)
