"""The documents do not speak of what is not there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

_ROOT: Final = Path(__file__).parents[2]
_DOCUMENTS: Final = sorted([*_ROOT.glob("*.md"), *_ROOT.glob("docs/**/*.md"), *_ROOT.glob("deploy/*.md")])
_TESTS: Final = {
    name for path in _ROOT.glob("tests/*/test_*.py") for name in re.findall(r"def (test_\w+)", path.read_text())
}


@pytest.mark.parametrize("document", _DOCUMENTS, ids=lambda path: path.name)
def test_every_test_that_is_named_exists(document: Path) -> None:
    """Where a test is the proof of a promise, it is there: by its function's name, or ``FOLDER/FILE.py`` of tests/."""
    text = document.read_text()
    named = set(re.findall(r"`(test_\w+)`", text))
    files = set(re.findall(r"`((?:unit|node|live)/test_\w+\.py)`", text))
    assert named <= _TESTS
    assert {file for file in files if not (_ROOT / "tests" / file).exists()} == set()


@pytest.mark.parametrize("document", _DOCUMENTS, ids=lambda path: path.name)
def test_every_file_that_is_linked_exists(document: Path) -> None:
    """Relative links lead somewhere."""
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text())
    assert [link for link in links if not (document.parent / link).exists()] == []
