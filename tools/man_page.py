"""The man page, from the command line's own options: ``python -m tools.man_page FOLDER`` writes one for each name.

Macros: man(7), of groff and of mandoc.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kubectl_nsexec import __version__
from kubectl_nsexec.cli import help_text, parser

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PAGE = "oc-nsexec.1"
OTHER_PAGE = "kubectl-nsexec.1"
"""The same page under the other name."""


def page(parameters: Iterable[Any]) -> str:
    """The page in troff; ``parameters`` are those of the parser's command."""
    options = list(parameters)
    lines = [
        f'.TH OC\\-NSEXEC 1 "" "kubectl\\-nsexec {__version__}" "User Commands"',
        *(".nh", ".ad l"),  # a name that is hyphenated or spread out cannot be found
        *_section("NAME", ["oc-nsexec, kubectl-nsexec - run a command in a container, off its isolated CPUs"]),
        *_section("SYNOPSIS", [help_text.USAGE, help_text.USAGE.replace("oc", "kubectl", 1)]),
        *_section("DESCRIPTION", [help_text.SUMMARY, *help_text.DESCRIPTION.split("\n\n")]),
        *_section("OPTIONS", []),
    ]
    for title, group in help_text.grouped(options):
        lines += [f".SS {_quoted(title)}", *_terms((help_text.named(o), help_text.explained(o)) for o in group)]
    environment = [(o.envvar, f"Stands in for {o.opts[-1]}.") for o in options if o.envvar]
    lines += [*_section("ENVIRONMENT", []), *_terms([*environment, *help_text.ENVIRONMENT])]
    lines += [*_section("EXIT STATUS", []), *_terms(help_text.EXIT_STATUS)]
    lines += _section("EXAMPLES", [])
    lines += [".nf", *(_escaped(f"{before}{help_text.PROGRAM} {after}") for before, after in help_text.EXAMPLES), ".fi"]
    lines += _section("SEE ALSO", ["kubectl(1), nsenter(1), taskset(1), cpuset(7), sched(7), pid_namespaces(7)"])
    return "\n".join(lines) + "\n"


def write(folder: Path) -> list[Path]:
    """Makes both pages in ``folder`` and returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = {PAGE: page(parser.parser().parameters()), OTHER_PAGE: f".so man1/{PAGE}\n"}
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in texts]


def _section(title: str, paragraphs: Iterable[str]) -> Iterator[str]:
    yield f".SH {_quoted(title)}"
    for number, text in enumerate(paragraphs):
        if number:
            yield ".PP"
        yield _escaped(" ".join(text.split()))


def _terms(table: Iterable[tuple[str, str]]) -> Iterator[str]:
    for name, text in table:
        yield from (".TP", f".B {_quoted(name)}", _escaped(text))


def _quoted(text: str) -> str:
    return '"' + _escaped(text).replace('"', '""') + '"'


def _escaped(text: str) -> str:
    """As groff_char(7) wants it: a hyphen that is typed is escaped; a first dot or quote would be a request's."""
    plain = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{plain}" if plain[:1] in (".", "'") else plain


if __name__ == "__main__":
    for made in write(Path(sys.argv[1])):
        print(made)
