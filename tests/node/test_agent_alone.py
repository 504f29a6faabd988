"""Without a helper pod the shim comes through stdin: what arrives damaged is never run, and nothing stays."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from tests.node.fake_node import NONCE, TARGET_ID, TARGET_UID, FakeNode, events

if TYPE_CHECKING:
    from pathlib import Path

SHIM = b'#!/bin/sh\n: >"${0%/*}/../was-run"\nexit 125\n'
SUM = hashlib.sha256(SHIM).hexdigest()
APART = ("unshare", "--mount", "--propagation", "private", "--")


@pytest.mark.parametrize(
    ("size", "digest"), [(len(SHIM), "0" * 64), (len(SHIM) - 1, SUM)], ids=["other bytes", "fewer bytes"]
)
def test_a_link_that_arrives_damaged_is_never_run(tmp_path: Path, size: int, digest: str) -> None:
    """Its size and its sum were named before."""
    node = FakeNode(tmp_path, within=APART)
    (node.host / "run").mkdir()
    place = ("sess1", TARGET_UID, TARGET_ID, "0", "first", "container")
    agent = node.start("prepare", NONCE, "0-1", str(size), digest, *place)
    output, _ = agent.communicate(SHIM, timeout=20)
    assert (events(output)[0]["code"], agent.returncode) == ("shim", 125)
    assert list((node.host / "run").iterdir()) == []
