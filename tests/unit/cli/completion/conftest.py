"""What the shell asks the program for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kubectl_nsexec.cli.completion import main
from kubectl_nsexec.ui.console import Console

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.cli.completion.asking import Complete


@pytest.fixture
def words(kubeconfig: Path, capfd: pytest.CaptureFixture[str]) -> Complete:
    """Completes the last of the words: ``words("-n", "r")``; nothing may be said on stderr."""
    assert kubeconfig.exists()

    def words(*typed_words: str) -> tuple[list[str], int]:
        main.run(list(typed_words), Console())
        out, err = capfd.readouterr()
        assert err == ""
        *lines, last = out.splitlines()
        assert last.startswith(":")
        return [line.partition("\t")[0] for line in lines], int(last[1:])

    return words
