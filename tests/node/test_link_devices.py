"""Which devices the command may open: by the container's rules, whatever the helper pod may."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.node.link_lab import Session, Target, eventually, identity

if TYPE_CHECKING:
    from collections.abc import Iterator

RULES = "c *:* m,b *:* m,c 1:3 rwm,c 1:5 r,c 136:* rwm,c 5:2 rw"
TRY = "for how in '<' '>'; do (eval \": $how/tmp/device\") 2>/dev/null && printf %s \"$how\"; done"
"""Prints < and > for what can be read and written."""


def _hierarchies() -> dict[str, str]:
    """Where cgroups that can hold rules for devices are: mount points by version."""
    found = {}
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields, _, filesystem = line.partition(" - ")
        kind, _, options = filesystem.split(" ", 2)
        if kind == "cgroup2":
            found["v2"] = fields.split()[4]
        elif kind == "cgroup" and "devices" in options.split()[-1].split(","):
            found["v1"] = fields.split()[4]
    return found


HIERARCHIES = _hierarchies()


@pytest.fixture(params=sorted(HIERARCHIES))
def folder(request: pytest.FixtureRequest) -> Iterator[Path]:
    """A cgroup of the test's own."""
    made = Path(HIERARCHIES[request.param]) / f"nsexec-test-{secrets.token_hex(4)}"
    made.mkdir()
    yield made

    def gone() -> bool:
        with suppress(OSError):
            made.rmdir()
        return not made.exists()

    eventually(gone)


def _device(target: Target, kind: str, major: int, minor: int) -> None:
    """A node that the container has made."""
    path = Path(f"/proc/{target.pid}/root/tmp/device")
    path.unlink(missing_ok=True)
    os.mknod(path, {"b": 0o60666, "c": 0o20666}[kind], os.makedev(major, minor))


def test_there_is_a_hierarchy_to_try() -> None:
    """No machine without one: the tests below would be none."""
    assert HIERARCHIES


@pytest.mark.parametrize(
    ("device", "can"),
    [
        (("c", 1, 3), "<>"),
        (("c", 1, 5), "<"),
        (("c", 1, 8), ""),
        (("c", 1, 11), ""),
        (("b", 1, 3), ""),
        (("b", 7, 0), ""),
        (("c", 10, 229), ""),
    ],
)
def test_the_command_opens_what_the_rules_allow(
    link: Path, target: Target, tmp_path: Path, folder: Path, device: tuple[str, int, int], can: str
) -> None:
    """By type, both numbers and kind of access; making a node is allowed, opening it is another matter."""
    _device(target, *device)
    blob = identity("sh", "-c", TRY, devices=RULES)
    session = Session(link, target, blob, run=tmp_path, devices=folder)
    session.started()
    assert session.end()[1].decode() == can
    assert session.process.returncode in {0, 1, 2}


def test_everything_may_be_allowed(link: Path, target: Target, tmp_path: Path) -> None:
    """As in a privileged container: no folder is needed."""
    _device(target, "c", 1, 11)
    session = Session(link, target, identity("sh", "-c", "exec 3<>/tmp/device", devices="a"), run=tmp_path)
    session.started()
    assert session.end()[0] == 0


def test_nodes_can_be_made(link: Path, target: Target, tmp_path: Path, folder: Path) -> None:
    """The runtimes allow it, since it gains nothing."""
    session = Session(
        link, target, identity("mknod", "/tmp/made", "b", "7", "0", devices=RULES), run=tmp_path, devices=folder
    )
    session.started()
    assert session.end()[0] == 0


def test_a_terminal_is_within_the_rules(link: Path, target: Target, tmp_path: Path, folder: Path) -> None:
    """What the last link opens itself is under the rules as well."""
    blob = identity("tty", devices=RULES, tty="1", rows="10", columns="10")
    session = Session(link, target, blob, run=tmp_path, devices=folder)
    session.started("container")
    assert session.end()[1].startswith(b"/dev/pts/")


@pytest.mark.parametrize(
    "rules",
    [
        "x",
        "c",
        "c 1:3",
        "c 1:3 x",
        "c 1 rwm",
        "a *:* rwm",
        "c 1:-1 rwm",
        "c 1:3 rwm extra",
        f"c {'1' * 70}:3 r",
        "c :3 r",
    ],
)
def test_rules_that_are_none_start_nothing(
    link: Path, shared_target: Target, tmp_path: Path, folder: Path, rules: str
) -> None:
    """Refused by name."""
    event = Session(link, shared_target, identity(devices=rules), run=tmp_path, devices=folder).refused()
    assert (event["code"], "bad rule for devices" in event["message"]) == ("identity", True)


def test_too_many_rules_or_no_folder_start_nothing(link: Path, shared_target: Target, tmp_path: Path) -> None:
    """Fails closed."""
    event = Session(link, shared_target, identity(devices=RULES), run=tmp_path).refused()
    assert (event["code"], "folder - " in event["message"]) == ("identity", True)
    other = tmp_path / "other"
    other.mkdir()
    many = ",".join(f"c {number}:* r" for number in range(401))
    event = Session(link, shared_target, identity(devices=many), run=other, devices=tmp_path).refused()
    assert event["message"] == "more than 400 rules for devices"
