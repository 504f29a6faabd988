"""What pre-commit says before a commit, in a checkout to throw away."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from testbed.paths import REPOSITORY
from tests.checkout import Checkout

if TYPE_CHECKING:
    import subprocess

HOOKS = [
    hook
    for repository in yaml.safe_load((REPOSITORY / ".pre-commit-config.yaml").read_text())["repos"]
    for hook in repository["hooks"]
]
MISSPELT = "t" + "eh"
"""A word that is none; in one piece it would be found here too."""


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """With the tools that run this test, and without any hook yet."""
    checkout = Checkout.of_this_one(tmp_path_factory.mktemp("hooks") / "checkout")
    (checkout.root / ".venv").symlink_to(sys.prefix)
    return checkout


@pytest.fixture
def checkout(clean: Checkout, tmp_path: Path) -> Checkout:
    """One of the test's own."""
    return clean.copy(tmp_path / "checkout")


def pre_commit(checkout: Checkout, *words: str) -> subprocess.CompletedProcess[str]:
    """Run it there, with a memory of its own."""
    home = f"PRE_COMMIT_HOME={checkout.root.parent / 'pre-commit'}"
    return checkout.attempt("env", home, ".venv/bin/pre-commit", *words)


def test_nothing_is_fetched() -> None:
    """Every hook is a program that is there: of .venv, or of what ``make .venv`` installs on the machine."""
    config = yaml.safe_load((REPOSITORY / ".pre-commit-config.yaml").read_text())
    assert {repository["repo"] for repository in config["repos"]} == {"local"}
    assert {hook["language"] for hook in HOOKS} == {"system"}
    programs = {hook["entry"].split()[0] for hook in HOOKS} - {"make"}
    assert all((Path(sys.prefix) / "bin" / Path(program).name).exists() for program in programs)


def test_the_hooks_find_nothing_in_what_is_committed(clean: Checkout) -> None:
    """As ``make check`` does."""
    done = pre_commit(clean, "run", "--all-files")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("hook", "name", "content"),
    [
        ("ruff-format", "tools/new.py", '"""New."""\nX = {  }\n'),
        ("ruff-check", "tools/new.py", '"""New."""\n\nimport os\n'),
        ("shellcheck", ".ci/run", "#!/usr/bin/env bash\necho $1\n"),
        ("codespell", ".github/new.md", f"{MISSPELT} node\n"),
        ("clang-format", "kubectl_nsexec/node/new.c", "int  x ;\n"),
    ],
)
def test_a_hook_stops_the_commit(hook: str, name: str, content: str, checkout: Checkout) -> None:
    """That one and no other; git then makes no commit."""
    assert pre_commit(checkout, "install").returncode == 0
    (checkout.root / name).write_text(content)
    checkout.git("add", name)
    before = checkout.git("rev-parse", "HEAD")
    done = checkout.attempt("env", f"PRE_COMMIT_HOME={checkout.root.parent / 'pre-commit'}", "git", "commit", "-m", "x")
    assert done.returncode != 0
    assert [line[len("- hook id: ") :] for line in done.stderr.splitlines() if line.startswith("- hook id: ")] == [hook]
    assert checkout.git("rev-parse", "HEAD") == before


def test_every_hook_can_fail() -> None:
    """Each is in the table above."""
    (table,) = (mark.args[1] for mark in test_a_hook_stops_the_commit.pytestmark if mark.name == "parametrize")  # type: ignore[attr-defined]
    assert [row[0] for row in table] == [hook["id"] for hook in HOOKS]
