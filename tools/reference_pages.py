"""The reference pages that come of the source: ``python -m tools.reference_pages FOLDER`` writes them.

The flags are those of the option parser, the exit statuses those of ``help_text``, the errors those of ``error_pages``,
the proof is what its schema (docs/reference/proof.schema.json) says. Markdown as GitHub and MyST read it.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kubectl_nsexec.cli import help_text, parser
from kubectl_nsexec.cli.error_pages import GROUPS, PAGES
from kubectl_nsexec.model.cpuset import CpuSet
from kubectl_nsexec.model.proof import CrossCheck, LookedAt, PlainExec, Proof
from kubectl_nsexec.ui.output import in_form, proof_document

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from kubectl_nsexec.cli.error_pages.page import ErrorPage

SCHEMA = Path(__file__).resolve().parents[1] / "docs/reference/proof.schema.json"
MADE = "<!-- Made by `make docs` (tools/reference_pages.py) of the source; a test compares. -->\n"
EXAMPLE = Proof(
    namespace="ran",
    pod="du-0",
    container="dpdk",
    node="worker-3",
    reserved=CpuSet.parse("0-1"),
    source='PerformanceProfile "performance-worker-rt", spec.cpu.reserved',
    by="profile",
    target_mask=CpuSet.of(2),
    exclusive=CpuSet.of(2),
    cmd_mask=CpuSet.parse("0-1"),
    pin="folder",
    cgroup="v2",
    pid=905,
    reason="Apart",
    verdict="apart from the target's CPUs",
    cross_checks=(CrossCheck("/etc/kubernetes/kubelet.yaml, reservedSystemCPUs", CpuSet.parse("0-1"), agrees=True),),
    looked_at=(LookedAt("/sys/devices/system/cpu/isolated", CpuSet.parse("2-3")),),
    plain_exec=PlainExec(
        "AnyExclusiveCPU",
        CpuSet.of(2),
        ('SCHED_FIFO 1 "lcore-worker-2"',),
        safe=False,
        message='would land on CPU 2 (its only exclusive): SCHED_FIFO 1 "lcore-worker-2" lives there',
    ),
)


def pages() -> dict[str, str]:
    """File name → text of each page."""
    return {
        "flags.md": _page("Flags", flags(parser.parser().parameters())),
        "exit-statuses.md": _page("Exit statuses", exit_statuses()),
        "errors.md": _page("Errors by code", error_codes(GROUPS)),
        "proof.md": _page("Proof", proof(json.loads(SCHEMA.read_text(encoding="utf-8")))),
    }


def flags(parameters: Iterable[Any]) -> Iterator[str]:
    """Every flag below the title of its group, and what the environment says."""
    yield f"    {help_text.USAGE}\n"
    yield "What `oc nsexec --options` and `man oc-nsexec` show. Flags stand before `--`; what follows is the command.\n"
    options = list(parameters)
    for title, group in help_text.grouped(options):
        yield f"## {title}\n"
        for option in group:  # each under a heading: the search shows it first, and it can be linked
            yield f"### {_code(help_text.named(option))}\n\n{_marked(help_text.explained(option))}\n"
    yield "## Environment\n"
    stand_in = [(_code(o.envvar), f"Stands in for {_code(o.opts[-1])}.") for o in options if o.envvar]
    others = [(", ".join(map(_code, name.split(", "))), _marked(text)) for name, text in help_text.ENVIRONMENT]
    yield from table(("variable", "meaning"), [*stand_in, *others])


def exit_statuses() -> Iterator[str]:
    """What the process ends with, and the family of errors behind it."""
    yield from table(("status", "meaning"), [(_code(status), _marked(text)) for status, text in help_text.EXIT_STATUS])
    yield "## Errors of nsexec itself\n"
    yield "Nothing was started, unless the message says otherwise. The message names the next step.\n"
    rows = [(_code(str(page.exit_status)), _link(code), page.summary) for code, page in sorted(PAGES.items())]
    yield from table(("status", "code", "meaning"), rows)
    yield "[Errors by code](errors.md) has causes and next steps; [troubleshooting](../how-to/troubleshooting.md) goes"
    yield "by the messages.\n"


def error_codes(groups: Mapping[str, Mapping[str, ErrorPage]]) -> Iterator[str]:
    """What --explain prints, of every code."""
    yield "An error of nsexec itself ends with a line of its own that has its code, which does not change:\n"
    yield "    error: pod du-0 does not have a host assigned"
    yield "    [target] more: oc nsexec --explain target\n"
    yield "`oc nsexec --explain CODE` prints what stands here, without a network; without CODE it lists the codes.\n"
    for title, group in groups.items():
        yield f"## {title}\n"
        for code, page in group.items():
            yield f"### {_code(code)}\n\n{_marked(page.meaning)} Exit status {page.exit_status}.\n"
            yield from ("What usually causes it:\n", *_listed(page.causes), "What to do next:\n", *_listed(page.steps))


def _listed(sentences: Iterable[str]) -> Iterator[str]:
    yield from (f"- {_marked(sentence)}" for sentence in sentences)
    yield ""


def _link(code: str) -> str:
    return f"[{_code(code)}](errors.md#{code})"


def proof(schema: dict[str, Any]) -> Iterator[str]:
    """Every field of the schema, and an example."""
    yield f"{schema['description']}\n"
    yield "`oc nsexec POD --verify -o json`, or `-o yaml`, prints it: [how to use it](../how-to/verify-in-scripts.md)."
    yield "The schema itself is [proof.schema.json](proof.schema.json) (JSON Schema 2020-12).\n"
    yield from table(("field", "type", "meaning"), list(_fields(schema, schema, "")))
    yield f"A CPU set: {schema['$defs']['cpus']['description']}\n"
    yield "## Example\n"
    yield f"```json\n{in_form(proof_document(EXAMPLE), 'json')}\n```\n"


def _fields(node: dict[str, Any], schema: dict[str, Any], path: str) -> Iterator[tuple[str, str, str]]:
    """(path, type, meaning) of each field below ``node``."""
    for name, field in node.get("properties", {}).items():
        where = f"{path}{name}"
        if "$ref" in field:
            yield _code(where), "CPU set", ""
            continue
        known = [field["const"]] if "const" in field else field.get("enum", [])
        words = [_marked(field.get("description", "")), f"One of {', '.join(map(_code, known))}." if known else ""]
        kinds = field.get("type", "string")
        yield _code(where), kinds if isinstance(kinds, str) else " or ".join(kinds), " ".join(filter(None, words))
        yield from _fields(field, schema, f"{where}.")
        yield from _fields(field.get("items", {}), schema, f"{where}[].")


def _marked(text: str) -> str:
    """Flags, variables and paths in a sentence as code, where nobody has marked them."""
    if "`" in text:
        return text
    return re.sub(r"(?<![\w/-])(--?[a-z][\w-]*(=\w+| ssh\b)?|\$[A-Z_]+|~?/[a-z][\w./-]*\w)", r"`\1`", text)


def _code(text: str) -> str:
    return f"`{text}`"


def table(names: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """A table in GitHub's Markdown, where a pipe ends a cell."""
    yield f"| {' | '.join(names)} |"
    yield f"|{' --- |' * len(names)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"
    yield ""


def _page(title: str, lines: Iterable[str]) -> str:
    return "\n".join([MADE, f"# {title}\n", *lines]).rstrip("\n") + "\n"


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
