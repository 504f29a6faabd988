"""Every command line of ours that the pages and the help show is one that the program takes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from kubectl_nsexec.cli import help_text, parser, validate
from kubectl_nsexec.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]
PROGRAM = "oc nsexec"
BLOCK = re.compile(r"^(?: {4,}.*|```\w*\n.*?^```)$", re.MULTILINE | re.DOTALL)
LINE = re.compile(rf"^\s*(?:.*\| ?|exec |script: )?{PROGRAM}(?: |$)")
"""In a block of code: alone, behind a pipe, or as a script has it."""
SPAN = re.compile(rf"`({PROGRAM} [^`…]+)`")
STANDS_FOR = {"TYPE/NAME": "deploy/du", "$pod": "du-0"}
MANIFEST = '{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "du-0"}, "spec": {"containers": []}}'


class Shown(NamedTuple):
    """A command line, and where it stands."""

    page: str
    text: str


def commands() -> Iterator[Shown]:
    """All of them but the grammar's (``[flags]``)."""
    for page in [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]:
        text = page.read_text(encoding="utf-8")
        lines = [line for block in BLOCK.findall(text) for line in block.splitlines() if LINE.match(line)]
        for line in [*lines, *SPAN.findall(BLOCK.sub("", text))]:
            if "[" not in line.partition("#")[0].partition(" -- ")[0]:
                yield Shown(page.name, line.strip())
    for before, after in help_text.EXAMPLES:
        yield Shown("--help", f"{before}{PROGRAM} {after}")


def words(text: str) -> list[str]:
    """What the shell gives the program after its name."""
    lexer = shlex.shlex(text[text.index(PROGRAM) + len(PROGRAM) :], posix=True, punctuation_chars="|&;<>")
    lexer.whitespace_split = True
    found = []
    for word in lexer:
        if set(word) <= set("|&;<>"):
            break
        found.append(STANDS_FOR.get(word, word))
    return found


ALL = sorted(set(commands()))


@pytest.mark.parametrize("shown", ALL, ids=lambda shown: f"{shown.page}: {shown.text}")
def test_the_program_takes_it(shown: Shown, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each flag is one, with a value that it may have, and goes with the others."""
    monkeypatch.chdir(tmp_path)
    Path("du.yaml").write_text(MANIFEST)
    Path("MANIFEST").write_text(MANIFEST)
    before, _, after = shown.text.partition(" -- ")
    with Path("du.yaml").open() as manifest:
        _take(words(before), words(f"{PROGRAM} {after}") if after else None, manifest.fileno())


def _take(before: list[str], after: list[str] | None, stdin_fd: int) -> None:
    options = parser.read(before, PROGRAM)
    if options is not None and options.explain is None and not options.version and not options.options:
        validate.request(options, after, PROGRAM, stdin_fd=stdin_fd, on_terminal=False)


def test_there_are_many() -> None:
    """Of the pages' blocks, of their sentences, and of the help."""
    assert len(ALL) > 60
    assert {"README.md", "ssh.md", "--help", "copy-files.md"} <= {shown.page for shown in ALL}
    assert words("tar c conf | oc nsexec -i du-0 -- sh -c 'cat >/tmp/a' <conf  # in") == [
        *("-i", "du-0", "--", "sh", "-c", "cat >/tmp/a"),
    ]


@pytest.mark.parametrize(
    "text", ["du-0 --no-such-flag", "du-0 --via smoke", "du-0 -o junit", "du-0 --keep 1s --node n"]
)
def test_what_it_does_not_take_is_found(text: str) -> None:
    """Else the test above would prove nothing."""
    with pytest.raises(UsageError):
        _take(words(f"{PROGRAM} {text}"), ["true"], 0)
