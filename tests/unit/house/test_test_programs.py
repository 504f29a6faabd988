"""What tests compile: once for the same inputs, and again when any of them is another."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.live import compiler

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

COMPILER = """#!/bin/sh
[ "$1" != --version ] || { echo 1.0; exit; }
case "$*" in *refused*) echo "source.c:1: no" >&2; exit 1 ;; esac
while [ "$1" != -o ]; do shift; done
echo compiled >>"${0%/*}/log"
cat "$3" >"$2"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with a compiler, a source and a header; the cache is empty."""
    monkeypatch.setattr(compiler, "CACHE", tmp_path)
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    (tmp_path / "cc").write_text(COMPILER)
    (tmp_path / "cc").chmod(0o755)
    (tmp_path / "source.c").write_text("one")
    (tmp_path / "source.h").write_text("one")
    return tmp_path


def compiled(folder: Path, *flags: str) -> str:
    """What the program has in it."""
    made = compiler.compiled(folder / "made" / "program", [folder / "source.c"], [str(folder / "cc"), *flags])
    return made.read_text()


@pytest.mark.parametrize(
    ("change", "flags", "times"),
    [
        (lambda _: None, (), 1),
        (lambda folder: (folder / "source.c").write_text("two"), (), 2),
        (lambda folder: (folder / "source.h").write_text("two"), (), 2),
        (lambda folder: (folder / "cc").write_text(COMPILER.replace("1.0", "1.1")), (), 2),
        (lambda _: None, ("-O2",), 2),
        (lambda folder: (folder / "made/program").write_text("spoilt"), (), 1),
    ],
    ids=["nothing", "the source", "a header", "the compiler", "a flag", "the copy"],
)
def test_it_is_compiled_again_when_that_has_changed(
    folder: Path, change: Callable[[Path], object], flags: tuple[str, ...], times: int
) -> None:
    """Else the program comes from the cache, which whoever writes to the program does not reach."""
    assert compiled(folder) == "one"
    change(folder)
    assert compiled(folder, *flags) == (folder / "source.c").read_text()
    assert (folder / "log").read_text() == "compiled\n" * times


def test_what_the_compiler_says_is_told(folder: Path) -> None:
    """And nothing is kept."""
    with pytest.raises(AssertionError, match=r"source\.c:1: no"):
        compiled(folder, "-refused")
    assert not list(folder.glob("compiled-*"))
