"""docs/how-to/troubleshooting.md goes by the messages that there are."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
OF_OTHERS = "## oc and kubectl themselves"
GAP = "…"
"""In a heading and below: what differs from case to case."""


def headings() -> list[str]:
    """The messages that the page speaks of, those of other programs left out."""
    page = (ROOT / "docs/how-to/troubleshooting.md").read_text(encoding="utf-8")
    return re.findall(r"^### `(.+)`$", page.partition(OF_OTHERS)[0], re.MULTILINE)


@cache
def messages() -> tuple[str, ...]:
    """Every text of the client, and the agent's scripts; of names and numbers in them only the place."""
    texts = []
    for path in (ROOT / "kubectl_nsexec").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                texts.append("".join(str(p.value) if isinstance(p, ast.Constant) else GAP for p in node.values))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.append(node.value)
    scripts = (path.read_text(encoding="utf-8") for path in (ROOT / "kubectl_nsexec").rglob("*.sh"))
    return (*texts, *scripts)


def is_said(heading: str) -> bool:
    """Whether one text has all pieces of the heading in their order."""
    pattern = re.compile(".*?".join(map(re.escape, heading.split(GAP))), re.DOTALL)
    return any(pattern.search(text) for text in messages())


@pytest.mark.parametrize("heading", headings())
def test_every_message_is_one_of_ours(heading: str) -> None:
    """Word for word, so that a search for it leads here."""
    assert is_said(heading)


def test_what_nobody_says_is_not_found() -> None:
    """Neither other words nor the same ones in another order."""
    assert not is_said("the node … is on fire")
    assert not is_said("no helper pod can be started there …node … is not ready")
