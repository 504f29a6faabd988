"""One lease for many sessions: each hears of its end, whatever that is."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from kubectl_nsexec.errors import ConnectionLostError
from kubectl_nsexec.model.deadline import Deadline
from kubectl_nsexec.transport import relay
from kubectl_nsexec.transport.channels import RemoteStream, Streams
from kubectl_nsexec.transport.common_end import EndedError
from kubectl_nsexec.transport.common_lease import CommonLease
from tests.unit.fakes import FakeConnection

if TYPE_CHECKING:
    from collections.abc import Iterator

_ENDED = b'\x03{"status": "Failure", "message": "evicted"}'
_WAIT_SECONDS = 30.0


class Lease(FakeConnection):
    """One on which nothing comes until it is let; then it ends as ``messages`` say, or breaks."""

    def __init__(self, *messages: bytes) -> None:
        super().__init__(*messages, then_closed=not messages)
        self.news = threading.Event()

    def receive(self) -> list[bytes]:
        assert self.news.wait(_WAIT_SECONDS)
        return super().receive()


@contextmanager
def common(connection: FakeConnection) -> Iterator[CommonLease]:
    """The lease of that connection, kept."""
    streams, stream = Streams(), RemoteStream(connection)
    streams.add(stream)
    made = CommonLease(streams, stream)
    made.start()
    yield made
    if isinstance(connection, Lease):
        connection.news.set()
    made.close()
    streams.close()


def watched(share: RemoteStream) -> Streams:
    """As a session waits for it."""
    streams = Streams()
    streams.add(share)
    return streams


def test_each_is_told_that_the_helper_has_ended() -> None:
    """By a status: its main process is gone. Who comes later is told as well."""
    lease = Lease(_ENDED)
    with common(lease) as shared:
        shares = [shared.share() for _ in range(3)]
        assert [each.ended for each in shares] == [False] * 3
        lease.news.set()
        shares.append(_late(shared, shares[0]))
        for share in shares:
            assert watched(share).wait_for_end(share, Deadline.after(_WAIT_SECONDS))
            assert share.status is not None
            assert share.status.message == "evicted"
            shared.give_back(share)
        assert shared.ended


def _late(shared: CommonLease, share: RemoteStream) -> RemoteStream:
    """A share of a lease that has ended by then."""
    assert watched(share).wait_for_end(share, Deadline.after(_WAIT_SECONDS))
    return shared.share()


def test_each_is_told_that_the_link_broke() -> None:
    """There is no status then."""
    lease = Lease()
    with common(lease) as shared:
        share = shared.share()
        lease.news.set()
        assert watched(share).wait_for_end(share, Deadline.after(_WAIT_SECONDS))
        assert share.status is None
        shared.give_back(share)


def test_a_link_that_breaks_while_it_is_read_is_no_defect() -> None:
    """The thread ends with it, and the sessions are told."""

    class Breaks(Lease):
        def receive(self) -> list[bytes]:
            assert self.news.wait(_WAIT_SECONDS)
            raise ConnectionLostError("reset")

    lease = Breaks()
    with common(lease) as shared:
        share = shared.share()
        lease.news.set()
        assert watched(share).wait_for_end(share, Deadline.after(_WAIT_SECONDS))
        shared.give_back(share)


def test_a_lease_that_is_silent_for_too_long_is_taken_for_dead() -> None:
    """A node that is lost says nothing at all; a session sees the silence as if the lease were its own."""
    lease = Lease()
    with common(lease) as shared:
        share = shared.share()
        lease.unanswered_pings = relay.SILENT_PINGS
        assert share.connection.unanswered_pings == relay.SILENT_PINGS
        share.connection.unanswered_pings = 0  # as Streams does of a stream that it does not read
        assert share.connection.unanswered_pings == relay.SILENT_PINGS
        shared.give_back(share)


def test_whoever_ends_it_says_why() -> None:
    """Every session ends at once, wherever it waits."""
    lease = Lease()
    with common(lease) as shared:
        share = shared.share()
        shared.end("ended by Ctrl-C")
        with pytest.raises(EndedError, match="ended by Ctrl-C"):
            watched(share).wait_for_end(share, Deadline.after(_WAIT_SECONDS))
        assert shared.ended
        shared.give_back(share)


def test_a_share_takes_nothing_and_is_closed_twice() -> None:
    """Its own stream and whoever gives it back both do."""
    lease = Lease()
    with common(lease) as shared:
        share = shared.share()
        share.connection.send(b"x")
        share.connection.ping()
        share.connection.flush()
        assert (share.connection.unsent_bytes, share.connection.buffered()) == (0, False)
        watched(share).close()
        shared.give_back(share)
        shared.end("nobody is told")
