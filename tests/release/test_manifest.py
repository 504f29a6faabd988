"""Krew's manifest: one template, one version, and krew's own rules, applied by krew's own program."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest
import yaml

from release import manifest
from release.errors import ReleaseError
from release.names import PLATFORMS, Platform, archive_name, changelog_version, version
from testbed.paths import REPOSITORY
from tests.krew import validated

if TYPE_CHECKING:
    from pathlib import Path

    from tests.packages import Packages

SUMS = {where: f"{number:064x}" for number, where in enumerate(PLATFORMS)}


def test_the_checked_in_manifest_is_the_templates() -> None:
    """Of this version: neither the template nor the version moves alone."""
    assert (REPOSITORY / "plugin.yaml").read_text() == manifest.checked_in(version())


def test_the_checked_in_manifest_lacks_nothing_but_checksums() -> None:
    """Every platform is there, and no checksum is made up."""
    checked_in = yaml.safe_load(manifest.checked_in("1.2.3"))
    released = yaml.safe_load(manifest.rendered("1.2.3", SUMS))
    for platform in released["spec"]["platforms"]:
        del platform["sha256"]
    assert checked_in == released


def test_krew_refuses_the_checked_in_manifest(tmp_path: Path) -> None:
    """So that nobody installs by it what does not exist."""
    status, words = validated(REPOSITORY / "plugin.yaml", tmp_path)
    assert status != 0
    assert "`sha256` sum has to be set" in words


def test_krew_accepts_a_manifest_of_all_platforms(tmp_path: Path) -> None:
    """Schema, selectors, and no client that two platforms fit: validate-krew-manifest has looked."""
    whole = tmp_path / "plugin.yaml"
    whole.write_text(manifest.rendered("1.2.3", SUMS))
    status, words = validated(whole, tmp_path)
    assert status == 0, words


@pytest.mark.parametrize(
    ("broken", "word"),
    [
        (lambda text: text.replace("v1.2.3\n", "1.2.3\n", 1), "not starting with 'v'"),
        (lambda text: text.replace("arch: arm64", "arch: amd64", 1), "overlapping"),
        (lambda text: text.replace("os: windows", "os: plan9", 1), "doesn't match any supported platforms"),
        (lambda text: text.replace("name: nsexec", "name: nsexec2", 1), "should be named"),
    ],
)
def test_krew_sees_what_is_wrong(broken: object, word: str, tmp_path: Path) -> None:
    """The check above can fail."""
    assert callable(broken)
    whole = tmp_path / "plugin.yaml"
    whole.write_text(broken(manifest.rendered("1.2.3", SUMS)))
    status, words = validated(whole, tmp_path)
    assert status != 0
    assert word in words


def test_a_manifest_has_exactly_the_archives_that_there_are() -> None:
    """One built platform, one entry."""
    linux = Platform("linux", "arm64")
    platforms = yaml.safe_load(manifest.rendered("1.2.3", {linux: SUMS[linux]}))["spec"]["platforms"]
    assert [each["selector"]["matchLabels"] for each in platforms] == [{"os": "linux", "arch": "arm64"}]


def test_what_make_dist_leaves_names_its_own_archive(packages: Packages, tmp_path: Path) -> None:
    """By name and checksum; krew accepts it."""
    (platform,) = yaml.safe_load(packages.manifest.read_text())["spec"]["platforms"]
    assert platform["uri"].endswith(f"/v{version()}/{packages.archive.name}")
    assert platform["sha256"] == hashlib.sha256(packages.archive.read_bytes()).hexdigest()
    assert validated(packages.manifest, tmp_path)[0] == 0


@pytest.mark.parametrize(
    ("where", "name"),
    [
        (Platform("darwin", "arm64"), "kubectl-nsexec-1.2.3-darwin-arm64.tar.gz"),
        (Platform("windows", "amd64"), "kubectl-nsexec-1.2.3-windows-amd64.zip"),
    ],
)
def test_names_of_archives(where: Platform, name: str) -> None:
    """A zip where people have no tar."""
    assert archive_name("1.2.3", where) == name


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("# Changelog\n\n## 1.2.3, not released yet\n\n- x\n\n## 1.2.2, 2026-01-31\n", ("1.2.3", "not released yet")),
        ("## 1.2.3, 2026-01-31\n", ("1.2.3", "2026-01-31")),
    ],
)
def test_the_version_is_the_changelogs_first(text: str, told: tuple[str, str]) -> None:
    """And says whether it is out."""
    assert changelog_version(text) == told


@pytest.mark.parametrize("text", ["", "## Unreleased\n\n## 1.2.2, 2026-01-31\n", "## 1.2, 2026-01-31\n", "## 1.2.3\n"])
def test_a_changelog_without_a_version_is_refused(text: str) -> None:
    """The error shows what a heading looks like."""
    with pytest.raises(ReleaseError, match="2026-01-31"):
        changelog_version(text)
