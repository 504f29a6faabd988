"""Which devices the command may open, by the runtime's spec of the container."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_nsexec.devices import ALL, DEFAULT, allowed

NONE = {"allow": False, "access": "rwm"}
EVERYTHING = {"allow": True, "access": "rwm"}
VFIO = {"allow": True, "type": "c", "major": 241, "minor": 0, "access": "rw"}


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ([], DEFAULT),
        ([NONE], DEFAULT),
        ([NONE, VFIO], b"c 241:0 rw," + DEFAULT),
        ([NONE, {**VFIO, "minor": None}, VFIO], b"c 241:* rw,c 241:0 rw," + DEFAULT),
        ([NONE, {**VFIO, "minor": -1, "access": ""}], b"c 241:* rwm," + DEFAULT),
        ([NONE, {"allow": True, "type": "b", "access": "m"}, VFIO, VFIO], None),
        ([NONE, {"allow": True, "access": "m"}], b"b *:* m,c *:* m," + DEFAULT.replace(b"c *:* m,b *:* m,", b"")),
        ([NONE, {"allow": True, "type": "u", "major": 1, "access": "r"}], b"c 1:* r," + DEFAULT),
        ([EVERYTHING], ALL),
        ([NONE, VFIO, {**EVERYTHING, "type": "a"}], ALL),
        ([EVERYTHING, {**NONE, "type": "a", "major": -1, "minor": -1}, VFIO], b"c 241:0 rw," + DEFAULT),
    ],
)
def test_the_specs_rules_and_the_runtimes_own(rules: list[dict[str, Any]], words: bytes | None) -> None:
    """In their order, each once; a privileged container has everything; a denial of everything begins anew."""
    if words is None:
        words = b"b *:* m,c 241:0 rw," + DEFAULT.replace(b",b *:* m", b"")
    assert allowed(rules) == words


@pytest.mark.parametrize(
    "rule",
    [
        {"allow": False, "type": "c", "access": "rwm"},
        {"allow": False, "access": "w"},
        {"allow": True, "type": "x", "access": "rwm"},
        {"allow": True, "type": "c", "access": "rx"},
        {"allow": True, "type": "c", "major": "one", "access": "r"},
        {"type": "c", "access": "r"},
    ],
)
def test_what_is_not_understood_allows_nothing(rule: dict[str, Any]) -> None:
    """A guess could be a device too many."""
    with pytest.raises((ValueError, KeyError)):
        allowed([NONE, rule])
