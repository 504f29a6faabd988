"""The reference pages that come of the source are committed as they come of it."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from kubectl_nsexec import errors
from kubectl_nsexec.cli import help_text, parser
from kubectl_nsexec.ui.output import proof_document
from tools import reference_pages

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


def test_every_field_of_the_proof_is_named_and_the_example_is_one() -> None:
    """By its path; what is shown is what scripts would get."""
    schema = json.loads(reference_pages.SCHEMA.read_text(encoding="utf-8"))
    jsonschema.validate(proof_document(reference_pages.EXAMPLE), schema)
    for name, field in schema["properties"].items():
        assert f"| `{name}` |" in PAGES["proof.md"]
        assert all(f"| `{name}.{inner}` |" in PAGES["proof.md"] for inner in field.get("properties", {}))


def test_a_pipe_does_not_end_a_cell() -> None:
    """As in the name of a flag whose value is one of several words."""
    assert [*reference_pages.table(("a", "b"), [("`x|y`", "z")])] == [
        "| a | b |",
        "| --- | --- |",
        "| `x\\|y` | z |",
        "",
    ]


def test_only_what_changed_is_written(tmp_path: Path) -> None:
    """The names of the files are what ``make docs`` says."""
    assert reference_pages.write(tmp_path) == [tmp_path / name for name in PAGES]
    assert reference_pages.write(tmp_path) == []
