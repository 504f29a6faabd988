"""Bytes on their way into a socket that takes what it has room for."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest

from kubectl_nsexec.kube.send_buffer import SendBuffer

if TYPE_CHECKING:
    from collections.abc import Iterator

MANY_BYTES = 4 * 1024 * 1024
"""More than a socket has room for."""


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """The end that is written to, which never blocks, and the other one."""
    ours, theirs = socket.socketpair()
    ours.settimeout(0)
    with ours, theirs:
        yield ours, theirs


def test_all_arrives_in_the_order_in_which_it_was_put(ends: tuple[socket.socket, socket.socket]) -> None:
    """Whatever the sizes, and however little the other side takes at a time."""
    ours, theirs = ends
    parts = [os.urandom(size) for size in (1, 15, MANY_BYTES, 0, 2, 100_000)]
    out = SendBuffer(ours, first=parts[0])
    out.put(*parts[1:3])
    for part in parts[3:]:
        out.put(part)
    received = bytearray()
    while len(received) < len(b"".join(parts)):
        assert len(received) + len(out) <= len(b"".join(parts))
        received += theirs.recv(10_000)
        out.flush()
    assert received == b"".join(parts)
    assert len(out) == 0


def test_what_the_socket_takes_does_not_wait(ends: tuple[socket.socket, socket.socket]) -> None:
    """It is written when it is put; what waits is the rest."""
    ours, theirs = ends
    out = SendBuffer(ours)
    out.put(b"a", b"b")
    assert (len(out), theirs.recv(10)) == (0, b"ab")
    out.put(bytes(MANY_BYTES))
    assert 0 < len(out) < MANY_BYTES


def test_for_a_side_that_is_gone_nothing_waits(ends: tuple[socket.socket, socket.socket]) -> None:
    """Neither what was put nor what is put afterwards: its last words are still to be read, so nothing is raised."""
    ours, theirs = ends
    out = SendBuffer(ours)
    out.put(bytes(MANY_BYTES))
    theirs.close()
    out.flush()
    out.put(b"more")
    assert len(out) == 0
