"""Programs that disturb the target from whatever CPU are warned about by their name."""

from __future__ import annotations

import pytest

from kubectl_nsexec.session.observer_warnings import OBSERVERS, warning


@pytest.mark.parametrize("name", ["gdb", "strace", "ltrace", "perf", "pmap", "lsof"])
def test_each_is_told_by_what_it_does(name: str) -> None:
    """One line, also by a path."""
    expected = f"warning: {name} {OBSERVERS[name]} (docs/explanation/limits.md)"
    assert warning([name.encode(), b"-p", b"1"]) == warning([b"/usr/bin/" + name.encode()]) == expected
    assert "\n" not in expected


@pytest.mark.parametrize(
    "command", [[], [b"ps"], [b"env", b"gdb"], [b"sh", b"-c", b"gdb -p 1"], [b"gdb/"], [b"\xffgdb"]]
)
def test_nothing_is_guessed(command: list[bytes]) -> None:
    """What another program would start is its own affair."""
    assert warning(command) is None
