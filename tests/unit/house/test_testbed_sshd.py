"""What the test bed's ssh servers have in common: a folder of the machine, without which none serves a connection."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from testbed.sshd import used_by_all

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("first_to_end", [0, 1])
def test_the_last_one_removes_the_folder(tmp_path: Path, first_to_end: int) -> None:
    """Whoever has made it: one that ends leaves it to the other."""
    folder, lock = tmp_path / "sshd", tmp_path / "sshd.lock"
    users = [ExitStack(), ExitStack()]
    for user in users:
        user.enter_context(used_by_all(folder, lock))
    users.pop(first_to_end).close()
    assert folder.is_dir()
    users.pop().close()
    assert not folder.exists()


def test_a_folder_that_is_there_already_stays(tmp_path: Path) -> None:
    """It is the machine's own server's."""
    folder = tmp_path / "sshd"
    folder.mkdir()
    with used_by_all(folder, tmp_path / "sshd.lock"):
        pass
    assert folder.is_dir()


def test_what_a_killed_user_has_made_is_removed_by_the_next(tmp_path: Path) -> None:
    """Its lock is gone with it, its note is not."""
    folder, lock = tmp_path / "sshd", tmp_path / "sshd.lock"
    folder.mkdir()
    lock.write_bytes(b"made")
    with used_by_all(folder, lock):
        pass
    assert not folder.exists()
