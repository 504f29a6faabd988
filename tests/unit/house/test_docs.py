"""The documents do not speak of what is not there."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Final

import pytest
import tomli

from kubectl_nsexec.fleet import run
from kubectl_nsexec.fleet.result import Place
from kubectl_nsexec.session import left_behind

_ROOT: Final = Path(__file__).parents[3]
_DOCUMENTS: Final = sorted([*_ROOT.glob("*.md"), *_ROOT.glob("docs/**/*.md"), *_ROOT.glob("deploy/*.md")])
_PAGES: Final = sorted(
    page for page in _ROOT.glob("docs/**/*.md") if page.name not in ("index.md", "changelog.md", "contributing.md")
)
"""Those that are pages of the site in their own right, not a frame for a file beside."""
_TESTS: Final = {
    name for path in _ROOT.glob("tests/*/**/test_*.py") for name in re.findall(r"def (test_\w+)", path.read_text())
}


@pytest.mark.parametrize("document", _DOCUMENTS, ids=lambda path: path.name)
def test_every_test_that_is_named_exists(document: Path) -> None:
    """Where a test is the proof of a promise, it is there: by its function's name, or ``FOLDER/FILE.py`` of tests/."""
    text = document.read_text()
    named = set(re.findall(r"`(test_\w+)`", text))
    files = set(re.findall(r"`((?:unit|program|node|live|machines|release)/[\w/]*test_\w+\.py)`", text))
    assert named <= _TESTS
    assert {file for file in files if not (_ROOT / "tests" / file).exists()} == set()


@pytest.mark.parametrize("document", _DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_somewhere(document: Path) -> None:
    """To a file of this repository and, where a heading is named, to one that is in it."""
    links = re.findall(r"\]\((?!https?:)([^)#\s]*)#?([^)\s]*)\)", document.read_text())

    def is_there(file: str, heading: str) -> bool:
        target = document.parent / file if file else document
        return target.exists() and (not heading or heading in _anchors(target.read_text()))

    assert [link for link in links if not is_there(*link)] == []


def _anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as GitHub and MyST make them: small letters, hyphens, no punctuation."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_page_that_is_named_elsewhere_exists() -> None:
    """In code, messages, scripts and pages of other folders: ``docs/FOLDER/PAGE``."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=_ROOT, capture_output=True, text=True, check=True).stdout
    named = {
        (name, page)
        for name in filter(None, listed.split("\0"))
        for page in re.findall(r"(?<![\w/])docs/[\w/.-]+\.(?:md|json|svg|py)\b", _text(_ROOT / name))
    }
    assert {"kubectl_nsexec/session/observer_warnings.py", "README.md"} <= {name for name, _ in named}
    assert {(name, page) for name, page in named if not (_ROOT / page).exists()} == set()


def _text(path: Path) -> str:
    return path.read_text(errors="replace") if path.is_file() else ""


def test_the_readme_is_short() -> None:
    """What it is, install, examples, limits in brief and links; all else has its page. Addresses are no words."""
    text = re.sub(r"\]\([^)]*\)", "]", (_ROOT / "README.md").read_text())
    assert len(text.split()) <= 650


def test_the_list_of_cleanup_is_described() -> None:
    """Every field of ``--cleanup -o json``, which does not change."""
    helper = left_behind.Helper("nsexec", "nsexec-x", "uid", "n1", "finished", 1, "ran/du-0/dpdk", "alice")
    assert _fields((_ROOT / "docs/how-to/clean-up.md").read_text()) == set(left_behind.fields(helper))


def test_the_list_of_a_dry_run_is_described() -> None:
    """The same of the targets of many pods."""
    page = (_ROOT / "docs/reference/fleet-output.md").read_text()
    row = run._row(Place("ran", "du-0", "dpdk", "n1", "0-1", "--cpus"), "")
    assert _fields(page.partition("## What a dry run lists")[2].partition("\n## ")[0]) == set(row)


def _fields(text: str) -> set[str]:
    """What stands in the first column of its tables."""
    rows = " ".join(line.partition(" | ")[0] for line in text.splitlines() if line.startswith("| `"))
    return set(re.findall(r"`(\w+)`", rows))


@pytest.mark.parametrize("page", _PAGES, ids=lambda path: path.name)
def test_a_page_begins_with_for_whom_it_is(page: Path) -> None:
    """And what for, in a sentence: not with a table, commands or another heading."""
    text = re.sub(r"^<!--.*?-->\n+", "", page.read_text())
    assert re.match(r"# .+\n\n(?:For|To|You) [^\n]{20}", text)


def test_every_page_is_two_clicks_from_the_readme() -> None:
    """What a newcomer can find by following links from there; the page about releases by way of CONTRIBUTING."""
    one = _pages_linked_from(_ROOT / "README.md")
    two = one.union(*map(_pages_linked_from, one))
    assert [page.name for page in _PAGES if page not in two] == []
    assert [page.name for page in _PAGES if page.parent.name == "how-to" and page not in one] == ["releasing.md"]


def _pages_linked_from(page: Path) -> set[Path]:
    links = re.findall(r"\]\((?!https?:)([^)#\s]+\.md)[^)]*\)", page.read_text())
    return {(page.parent / link).resolve() for link in links}


def test_a_newcomer_finds_the_set_up_within_ten_lines_of_the_readme() -> None:
    """How to install it, and how to give a team the rights: commands that the how-to pages have as well."""
    beginning = (_ROOT / "README.md").read_text().splitlines()[:10]
    commands = [line.partition("#")[0].strip() for line in beginning if line.startswith("    ")]
    assert commands[:2] == ["pipx install .", "kubectl apply -k deploy"]
    pages = "".join((_ROOT / "docs/how-to" / name).read_text() for name in ("install.md", "rights-for-a-team.md"))
    assert [command for command in commands[:2] if f"    {command} " not in pages] == []


def test_the_archive_is_linked_under_every_name_of_the_package() -> None:
    """What ``pip install`` puts on PATH, the lines to paste do as well; one that is missing would be TAB's."""
    page = (_ROOT / "docs/how-to/install.md").read_text()
    (names,) = re.findall(r"^    for name in (.+); do$", page, re.MULTILINE)
    scripts = tomli.loads((_ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert sorted(names.split()) == sorted(scripts)
