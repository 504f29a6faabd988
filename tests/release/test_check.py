"""``make release-check``, in a checkout to throw away where a release is prepared as docs/how-to/releasing.md says."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from release import check, licences
from release.errors import ReleaseError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.checkout import Checkout

TAG = "v7.8.9"


@pytest.fixture
def checkout(prepared: Checkout, tmp_path: Path) -> Checkout:
    """One of the test's own."""
    return prepared.copy(tmp_path / "checkout")


def test_a_prepared_release_passes(checkout: Checkout) -> None:
    """Before the tag is there and afterwards. ``test_the_first_job_passes`` builds its packages too."""
    assert check.of_the_commit(checkout.root, TAG) == []
    checkout.git("tag", TAG)
    assert check.of_the_commit(checkout.root, TAG) == []


def test_every_doubt_is_told_once(checkout: Checkout) -> None:
    """In one run, each on a line; the packages are those of the commit, and one without its licence is none."""
    (checkout.root / "LICENSE").unlink()
    checkout.commit()
    (checkout.root / "left.txt").touch()
    done = checkout.attempt("make", "release-check", "TAG=v1.0.0", "INSTALLED=elsewhere")
    assert done.returncode != 0
    doubts = [line for line in done.stderr.splitlines() if line.startswith("  - ")]
    words = ("not clean: left.txt", "the tag is v1.0.0", "no licence of it was found")
    assert len(doubts) == len(words), done.stderr
    assert all(word in doubt for word, doubt in zip(words, doubts, strict=True)), doubts


def _untracked(checkout: Checkout) -> None:
    (checkout.root / "left.txt").touch()


def _changed(checkout: Checkout) -> None:
    checkout.change("README.md", "^# ", "#  ")


def _not_dated(checkout: Checkout) -> None:
    checkout.change("CHANGELOG.md", r"2031-02-03$", "not released yet")
    checkout.commit()


def _no_version(checkout: Checkout) -> None:
    checkout.change("CHANGELOG.md", r"^## 7.*$", "## Unreleased")
    checkout.commit()


def _other_version(checkout: Checkout) -> None:
    checkout.change("kubectl_nsexec/__init__.py", r"7\.8\.9", "7.8.8")
    checkout.commit()


def _old_manifest(checkout: Checkout) -> None:
    checkout.change("plugin.yaml", r"version: v7\.8\.9", "version: v7.8.8")
    checkout.commit()


def _other_template(checkout: Checkout) -> None:
    checkout.change("plugin.yaml", r"^  shortDescription: .*$", "  shortDescription: Better than exec")
    checkout.commit()


def _tag_elsewhere(checkout: Checkout) -> None:
    checkout.git("tag", "--annotate", "--message=x", TAG, "HEAD~1")


def _no_repository(checkout: Checkout) -> None:
    shutil.rmtree(checkout.root / ".git")


@pytest.mark.parametrize(
    ("broken", "tag", "words"),
    [
        (_untracked, TAG, "the tree is not clean: left.txt"),
        (_changed, TAG, "the tree is not clean: README.md"),
        (_not_dated, TAG, "CHANGELOG.md says of 7.8.9 'not released yet'"),
        (_no_version, TAG, "CHANGELOG.md begins with '## Unreleased'"),
        (_other_version, TAG, "CHANGELOG.md is about 7.8.9, kubectl_nsexec/__init__.py says 7.8.8"),
        (_old_manifest, TAG, "plugin.yaml is not what"),
        (_other_template, TAG, "plugin.yaml is not what"),
        (lambda _: None, "7.8.9", "the tag is 7.8.9, the version 7.8.9: a release is tagged v7.8.9"),
        (lambda _: None, "v7.8.10", "the tag is v7.8.10, the version 7.8.9"),
        (_tag_elsewhere, TAG, "the tag v7.8.9 is there already, at "),
        (_no_repository, TAG, "is no git checkout"),
    ],
)
def test_one_thing_wrong_is_one_sentence(
    broken: Callable[[Checkout], None], tag: str, words: str, checkout: Checkout
) -> None:
    """Which says what is wrong and where."""
    broken(checkout)
    (doubt,) = check.of_the_commit(checkout.root, tag)
    assert words in doubt


def test_a_dependency_without_its_licence_is_not_bundled(tmp_path: Path) -> None:
    """Neither one that is missing nor one that came without the text."""
    told = tmp_path / "site/without-1.0.dist-info"
    told.mkdir(parents=True)
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: without\nVersion: 1.0\n")
    (told / "RECORD").write_text("without-1.0.dist-info/METADATA,,\n")
    with pytest.raises(ReleaseError, match="without would be bundled, and no licence of it was found"):
        licences.write(tmp_path / "licenses", licences.closure("without", tmp_path / "site"))
    with pytest.raises(ReleaseError, match="absent is not installed"):
        licences.closure("absent", tmp_path / "site")
