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


@pytest.mark.parametrize(
    ("selinux", "runcon", "begins"),
    [
        (False, "exec true", ["unshare"]),
        (True, '[ "$3" = true ] || echo "runcon $*"', ["runcon", "-l", "s0", "unshare"]),
        (True, "exit 1", ["unshare"]),
    ],
    ids=["without SELinux", "with SELinux", "with a policy that has no such level"],
)
def test_pipes_are_made_without_categories(
    tmp_path: Path,
    selinux: bool,  # noqa: FBT001 - as above
    runcon: str,
    begins: list[str],
) -> None:
    """A login has all of them, and by those SELinux keeps a container from opening its stdout by name."""
    node = FakeNode(tmp_path)
    node.program("id", "echo 0")
    node.program("runcon", runcon)
    node.program("unshare", 'echo "unshare $*"')
    if selinux:
        (node.host / "sys/fs/selinux").mkdir(parents=True)
        (node.host / "sys/fs/selinux/enforce").write_text("1")
    place = ("sess1", TARGET_UID, TARGET_ID, "0", "first", "container")
    agent = node.start("alone", NONCE, "0-1", str(len(SHIM)), SUM, *place)
    output, errors = agent.communicate(timeout=20)
    words = output.decode().splitlines()[-1].split()
    assert (words[: len(begins)], errors) == (begins, b"")
    assert words[len(begins) :][:4] == ["--mount", "--propagation", "slave", "--"]
