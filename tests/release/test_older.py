"""The archive of ``make dist-older``, for systems that are older than the one it was built from."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from release import archive, fips
from release.names import PROGRAM, version
from testbed import minimal_root, old_system
from tests import packages as made
from tests.release.test_archive import works

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.registry, pytest.mark.timeout(2700)]  # the first time a Python is compiled


def test_on_an_older_glibc(tmp_path: Path) -> None:
    """Of ``make dist-older``: it runs where the other one says which glibc it lacks, and on this machine."""
    older = made.built(older=True).unpack(tmp_path / "archive")
    own = archive.needs_glibc(older)
    assert own <= (2, 31)
    minimal_root.unpack(tmp_path / "root", old_system.SUITE)
    works(older, tmp_path / "root")
    here = subprocess.run([str(older / "kubectl-nsexec"), "--version"], capture_output=True, text=True, check=True)
    assert here.stdout.startswith(f"kubectl nsexec {version()}\n")


def test_an_archive_of_the_older_system_starts_in_fips_mode(tmp_path: Path) -> None:
    """``make dist-older``. Debian's OpenSSL has no FIPS module and no HMAC: nothing was lost, and nothing is looked at.

    On AlmaLinux 8, where the release workflow builds, the same check of ``release dist`` runs the module's self-test.
    """
    older = made.built(older=True).unpack(tmp_path / "archive")
    system = old_system.ensure()
    there = {path.name for path in (system / "usr/lib").rglob(".lib*.hmac")}
    assert {path.name for path in older.rglob(".*.hmac")} == there == set()
    fips.check(older, [])
    root = tmp_path / "root"
    minimal_root.unpack(root, old_system.SUITE)
    shutil.copytree(older, root / "opt/kubectl-nsexec")
    (root / "dev/null").touch()
    done = subprocess.run(
        ["chroot", str(root), f"/opt/kubectl-nsexec/{PROGRAM}", "-s", "https://127.0.0.1:9", "some-pod", "--", "id"],
        env={"PATH": "/usr/sbin:/usr/bin", "LC_ALL": "C", "OPENSSL_FORCE_FIPS_MODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, "could not be reached" in done.stderr) == (1, True), done.stderr
