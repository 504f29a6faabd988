"""Unpacking, by a Python that knows no extraction filters and by one that asks for them."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

import pytest

from testbed import tarball

if TYPE_CHECKING:
    from pathlib import Path


class WithoutFilters(tarfile.TarFile):
    """As it was in Python 3.11.2."""

    def extractall(self, path: Path, members: list[tarfile.TarInfo]) -> None:  # type: ignore[override]
        super().extractall(path, members)  # noqa: S202 - what is tested packed it


@pytest.mark.parametrize("kind", [tarfile.TarFile, WithoutFilters])
def test_all_but_devices_is_there_as_it_was_packed(kind: type[tarfile.TarFile], tmp_path: Path) -> None:
    """With the bits that a filter would take away, and no warning that there is none."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tree:
        for name, type_, mode in (("su", tarfile.REGTYPE, 0o4755), ("null", tarfile.CHRTYPE, 0o666)):
            member = tarfile.TarInfo(name)
            member.type, member.mode = type_, mode
            tree.addfile(member)
    packed.seek(0)
    with kind.open(fileobj=packed) as tree:
        tarball.unpack(tree, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["su"]
    assert (tmp_path / "su").stat().st_mode & 0o7777 == 0o4755
