"""Our own words on the user's terminal: whoever's names are in them, they are only words."""

from __future__ import annotations

import os

import pytest

from kubectl_nsexec.errors import AgentError
from kubectl_nsexec.protocol.events import parse_event
from kubectl_nsexec.ui.console import Console, harmless


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("the pod, naïve 日本", "the pod, naïve 日本"),
        ("two\nlines\tand more", "two\nlines\tand more"),
        ("\x1b]0;owned\x07\x1b[2J", "\\x1b]0;owned\\x07\\x1b[2J"),
        ("back\b\b\rover", "back\\x08\\x08\\rover"),
        ("\x9b31m\x7f", "\\x9b31m\\x7f"),
        ("abc\u202edef\u2028", "abc\\u202edef\\u2028"),
        ("\udcff", "\\udcff"),
    ],
)
def test_only_printable_characters_reach_the_terminal(text: str, shown: str) -> None:
    """Escape sequences (also of one byte, C1), backspaces and direction marks are shown, not obeyed."""
    assert harmless(text) == shown
    reader, writer = os.pipe()
    console = Console(0, writer, writer)
    console.say(text)
    console.notice(text)
    console.print(text)
    os.close(writer)
    with os.fdopen(reader, "rb") as said:
        assert said.read().decode() == f"{shown}\n" * 3


def test_the_commands_own_bytes_are_not_ours_to_change() -> None:
    """As with kubectl exec, they go through as they are."""
    reader, writer = os.pipe()
    Console(0, writer, writer).write_stdout(b"\x1b[31m\xff\0")
    os.close(writer)
    with os.fdopen(reader, "rb") as said:
        assert said.read() == b"\x1b[31m\xff\0"


def test_json_without_end_is_no_event() -> None:
    """Whoever knew the nonce could send it."""
    with pytest.raises(AgentError, match="not an event"):
        parse_event(b"n0nce " + b"[" * 200_000, "n0nce")
