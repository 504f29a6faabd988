"""The supervisor's word that the command has ended, in a stream that comes in any pieces."""

from __future__ import annotations

import pytest

from kubectl_nsexec.protocol.exit_marker import ExitMarker

WORD = b'\0n0nce {"event":"ended","status":37}\n'


def taken(*pieces: bytes) -> tuple[bytes, int | None]:
    """What the user sees, and what was told."""
    word, data, shown = ExitMarker("n0nce"), bytearray(), b""
    for piece in pieces:
        data += piece
        shown += word.take(data, whole=False)
    return shown + bytes(word.take(data, whole=True)), word.status


@pytest.mark.parametrize("said", [b"", b"oops\n", b"\0", b"\0n0nce", b'\0n0nce {"event":', b"\0" * 100])
def test_it_is_taken_out_of_what_the_command_said(said: bytes) -> None:
    """Whatever the command said before it, and wherever the stream is cut."""
    whole = said + WORD
    assert taken(whole) == (said, 37)
    assert all(taken(whole[:at], whole[at:]) == (said, 37) for at in range(len(whole)))
    assert taken(*(bytes([byte]) for byte in whole)) == (said, 37)


@pytest.mark.parametrize("said", [b"", b"oops", b"\0", b"\0other", WORD[:-1], WORD.replace(b"37", b"x")])
def test_without_it_nothing_is_lost(said: bytes) -> None:
    """The connection was cut, also in the middle of it."""
    assert taken(said) == (said, None)
    assert taken(*(bytes([byte]) for byte in said)) == (said, None)


def test_what_a_process_in_the_background_says_after_it_is_shown() -> None:
    """It had the stream as well, for a moment."""
    assert taken(b"a" + WORD + b"b") == (b"ab", 37)


def test_what_is_surely_not_it_is_not_held_back() -> None:
    """A prompt is seen at once."""
    data = bytearray(b"Password: ")
    assert ExitMarker("n0nce").take(data, whole=False) == b"Password: "
    assert data == b""
