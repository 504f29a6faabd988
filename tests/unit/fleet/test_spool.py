"""One stdin for many commands."""

from __future__ import annotations

import os
import selectors
import tempfile
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from kubectl_nsexec.errors import OutputFileError
from kubectl_nsexec.fleet.stdin import Spool

if TYPE_CHECKING:
    from pathlib import Path

    from kubectl_nsexec.fleet.stdin import Reader

_WAIT_SECONDS = 30.0


def all_of(reader: Reader) -> bytes:
    """What it is given until the end."""
    source = reader.source()
    given = b""
    with selectors.DefaultSelector() as poll:
        poll.register(source.fd, selectors.EVENT_READ)
        while poll.select(_WAIT_SECONDS):
            data = source.read()
            if data is None:
                return given
            given += data
    raise AssertionError(f"nothing came after {len(given)} bytes")


@pytest.mark.parametrize(("size", "in_file"), [(0, False), (1, False), (4096, False), (4097, True), (300_000, True)])
def test_each_is_given_all_of_it(size: int, in_file: bool) -> None:  # noqa: FBT001 - a table's column
    """From memory, and from a file once it is too much for that."""
    data = os.urandom(size)
    with closing(Spool(memory_bytes=4096)) as spool:
        _given_to_each(spool, data)
        assert spool.in_file == in_file


def _given_to_each(spool: Spool, data: bytes) -> None:
    """To one that was there before, and to one that comes later."""
    with closing(spool.reader()) as early:
        for start in range(0, len(data), 1000):
            spool.put(data[start : start + 1000])
        spool.finish()
        assert all_of(early) == data
    with closing(spool.reader()) as late:
        assert all_of(late) == data


def test_one_that_does_not_read_holds_nobody_up() -> None:
    """However much comes: nothing of it waits for a reader."""
    with closing(Spool(memory_bytes=4096)) as spool, closing(spool.reader()), closing(spool.reader()) as other:
        for _ in range(100):
            spool.put(bytes(64 * 1024))
        spool.finish()
        assert len(all_of(other)) == 100 * 64 * 1024


def test_what_has_not_come_yet_is_waited_for() -> None:
    """None at first, then a piece, then the end."""
    spool = Spool()
    with closing(spool.reader()) as reader:
        read = reader.source().read
        assert read() == b""
        spool.put(b"abc")
        assert read() == b"abc"
        assert read() == b""
        spool.finish()
        assert read() is None


def test_it_is_read_to_its_end() -> None:
    """From a descriptor, by a thread of its own."""
    ours, theirs = os.pipe()
    spool = Spool()
    spool.fill(ours)
    os.write(theirs, b"from a pipe")
    os.close(theirs)
    with closing(spool.reader()) as reader:
        assert all_of(reader) == b"from a pipe"
    os.close(ours)


def test_what_cannot_be_read_has_ended() -> None:
    """As a terminal that is gone."""
    spool = Spool()
    ours, theirs = os.pipe()
    spool.fill(theirs)  # its other end: EBADF
    with closing(spool.reader()) as reader:
        assert all_of(reader) == b""
    os.close(ours)
    os.close(theirs)


def test_one_that_has_ended_is_woken_no_more() -> None:
    """Its sockets are closed, perhaps while something comes."""
    spool = Spool()
    reader = spool.reader()
    reader.close()
    reader.wake()
    spool.put(b"abc")
    spool.finish()


def test_a_full_disk_is_told_and_cuts_no_stdin_short(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A command must not take a part for the whole."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    ours, theirs = os.pipe()
    spool = Spool(memory_bytes=4)
    with closing(spool.reader()) as reader:
        os.write(theirs, b"more than four")
        os.close(theirs)
        spool.fill(ours)
        with pytest.raises(OutputFileError, match="stdin cannot be kept in .*none: No such file or directory"):
            all_of(reader)
    os.close(ours)
