"""The README of the packages, whose links lead somewhere from PyPI's page as well."""

from __future__ import annotations

import re
from pathlib import Path

import tomli

from release.names import HOMEPAGE
from tools import pypi_readme

ROOT = Path(__file__).parents[3]


def test_every_relative_link_leads_to_the_release() -> None:
    """Pages are shown, pictures are loaded, and what is absolute or on the page stays."""
    text = "[a](pages/a.md) ![b](pages/b.svg) [c](https://c.example/) [d](#d) `[e]` (f)"
    assert pypi_readme.absolute(text, "https://r.example", "1.2.3") == (
        "[a](https://r.example/blob/v1.2.3/pages/a.md) ![b](https://r.example/raw/v1.2.3/pages/b.svg) "
        "[c](https://c.example/) [d](#d) `[e]` (f)"
    )


def test_nothing_relative_is_left_of_ours() -> None:
    """In the repository that everything else names."""
    project = tomli.loads((ROOT / "pyproject.toml").read_text())
    repository = project["tool"]["hatch"]["metadata"]["hooks"]["custom"]["repository"]
    assert repository == HOMEPAGE
    text = pypi_readme.absolute((ROOT / "README.md").read_text(), repository, "1.2.3")
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert len(links) > 20
    assert all(link.startswith(f"{HOMEPAGE}/") for link in links)
