"""The reference pages that come of the source are committed as they come of it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from kubectl_nsexec import errors
from kubectl_nsexec.cli import help_text, parser
from kubectl_nsexec.ui.output import proof_document
from tools import markdown, reference_pages, schema_pages

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = Path(__file__).parents[3] / "docs/reference"
PAGES = reference_pages.pages()


@pytest.mark.parametrize("name", PAGES)
def test_the_committed_page_is_what_the_source_gives(name: str) -> None:
    """Whoever changes a flag, an exit status or the schema runs ``make docs``."""
    assert (FOLDER / name).read_text(encoding="utf-8") == PAGES[name], f"docs/reference/{name} is old: make docs"


def test_every_flag_has_a_heading() -> None:
    """Under which the search finds it."""
    options = [each for each in parser.parser().parameters() if each.param_type_name == "option"]
    headings = [line.removeprefix("### ").strip("`") for line in PAGES["flags.md"].splitlines() if line[:4] == "### "]
    assert sorted(headings) == sorted(help_text.named(option) for option in options)


def test_every_exit_status_of_an_error_is_explained() -> None:
    """Each kind of error with the status that it ends with, and a link to its heading."""
    for kind in (errors.CpuPolicyError, errors.UsageError, errors.TimedOutError):
        row = f"| `{kind.exit_status}` | [`{kind.code}`](errors.md#{kind.code}) |"
        assert row in PAGES["exit-statuses.md"]
        assert f"### `{kind.code}`\n" in PAGES["errors.md"]
    assert all(f"| `{status}` |" in PAGES["exit-statuses.md"] for status, _ in help_text.EXIT_STATUS)


@pytest.mark.parametrize(
    ("page", "schema"),
    [
        ("proof.md", schema_pages.PROOF),
        ("check-fields.md", schema_pages.CHECK),
        ("fleet-fields.md", schema_pages.FLEET),
    ],
)
def test_every_field_of_a_schema_is_named(page: str, schema: str) -> None:
    """By its path within the part of the schema that it is in."""
    rows = re.findall(r"^\| `([\w.\[\]]+)` \|", PAGES[page], re.MULTILINE)
    assert sorted(path.rpartition(".")[2] for path in rows) == sorted(_names(schema_pages.schema(schema)))
    assert f"[{schema}]({schema})" in PAGES[page]


def _names(node: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON
    if isinstance(node, dict):
        yield from node.get("properties", {})
        for each in node.values():
            yield from _names(each)


def test_the_example_of_a_proof_is_one() -> None:
    """What is shown is what scripts would get."""
    document = proof_document(schema_pages.EXAMPLE)
    jsonschema.validate(document, schema_pages.schema(schema_pages.PROOF))
    assert json.dumps(document, indent=2) in PAGES["proof.md"]


def test_a_pipe_does_not_end_a_cell() -> None:
    """As in the name of a flag whose value is one of several words."""
    assert [*markdown.table(("a", "b"), [("`x|y`", "z")])] == [
        "| a | b |",
        "| --- | --- |",
        "| `x\\|y` | z |",
        "",
    ]


def test_only_what_changed_is_written(tmp_path: Path) -> None:
    """The names of the files are what ``make docs`` says."""
    assert reference_pages.write(tmp_path) == [tmp_path / name for name in PAGES]
    assert reference_pages.write(tmp_path) == []
