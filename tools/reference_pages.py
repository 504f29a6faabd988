"""The reference pages that come of the source: ``python -m tools.reference_pages FOLDER`` writes them.

The flags are those of the option parser, the exit statuses those of ``help_text``, the errors those of ``error_pages``,
what scripts read is what its schema says (tools/schema_pages.py), and what was tried where what the tests are marked
with (tools/tried.py).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kubectl_nsexec.cli import help_text, parser
from kubectl_nsexec.cli.error_pages import GROUPS, PAGES
from tools import schema_pages, tried
from tools.markdown import bullets, code, marked, page, table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from kubectl_nsexec.cli.error_pages.page import ErrorPage


def pages() -> dict[str, str]:
    """File name → text of each page."""
    return {
        "flags.md": page("Flags", flags(parser.parser().parameters())),
        "exit-statuses.md": page("Exit statuses", exit_statuses()),
        "errors.md": page("Errors by code", error_codes(GROUPS)),
        "proof.md": page("Proof", schema_pages.proof()),
        "check-fields.md": page("Fields of a check", schema_pages.check()),
        "tried.md": page("What was tried where", tried.lines()),
        "fleet-fields.md": page("Fields of many pods' output", schema_pages.fleet()),
    }


def flags(parameters: Iterable[Any]) -> Iterator[str]:
    """Every flag below the title of its group, and what the environment says."""
    yield "To look up what a flag does. `oc nsexec --options` and `man oc-nsexec` say the same without a browser;"
    yield "`--help` has those that most runs take.\n"
    yield f"    {help_text.USAGE}\n"
    yield "Flags stand before `--`; what follows is the command.\n"
    options = list(parameters)
    for title, group in help_text.grouped(options):
        yield f"## {title}\n"
        for option in group:  # each under a heading: the search shows it first, and it can be linked
            yield f"### {code(help_text.named(option))}\n\n{marked(help_text.explained(option))}\n"
    yield "## Environment\n"
    stand_in = [(code(o.envvar), f"Stands in for {code(o.opts[-1])}.") for o in options if o.envvar]
    others = [(", ".join(map(code, name.split(", "))), marked(text)) for name, text in help_text.ENVIRONMENT]
    yield from table(("variable", "meaning"), [*stand_in, *others])


def exit_statuses() -> Iterator[str]:
    """What the process ends with, and the family of errors behind it."""
    yield "For scripts that have to tell the command's failure from ours.\n"
    yield from table(("status", "meaning"), [(code(status), marked(text)) for status, text in help_text.EXIT_STATUS])
    yield "## Errors of nsexec itself\n"
    yield "Nothing was started, unless the message says otherwise. The message names the next step.\n"
    rows = [(code(str(each.exit_status)), _link(name), each.summary) for name, each in sorted(PAGES.items())]
    yield from table(("status", "code", "meaning"), rows)
    yield "[Errors by code](errors.md) has causes and next steps; [troubleshooting](../how-to/troubleshooting.md) goes"
    yield "by the messages.\n"


def error_codes(groups: Mapping[str, Mapping[str, ErrorPage]]) -> Iterator[str]:
    """What --explain prints, of every code."""
    yield "For whoever has an error before them, or handles one in a script. An error of nsexec itself ends with a line"
    yield "of its own that has its code, which does not change:\n"
    yield "    error: pod du-0 does not have a host assigned"
    yield "    [target] more: oc nsexec --explain target\n"
    yield "`oc nsexec --explain CODE` prints what stands here, without a network; without CODE it lists the codes.\n"
    for title, group in groups.items():
        yield f"## {title}\n"
        for name, each in group.items():
            yield f"### {code(name)}\n\n{marked(each.meaning)} Exit status {each.exit_status}.\n"
            yield from ("What usually causes it:\n", *bullets(each.causes), "What to do next:\n", *bullets(each.steps))


def _link(name: str) -> str:
    return f"[{code(name)}](errors.md#{name})"


def write(folder: Path) -> list[Path]:
    """Writes each page into ``folder``; those that were not there so already."""
    changed = []
    for name, text in pages().items():
        file = folder / name
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")
            changed.append(file)
    return changed


if __name__ == "__main__":
    for written in write(Path(sys.argv[1])):
        print(written)
