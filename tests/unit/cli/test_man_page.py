"""The man page, which the option parser's own options become."""

from __future__ import annotations

import copy
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from hatch_build import write_man_pages
from kubectl_nsexec.cli import help_text, parser
from tools import man_page

ROOT = Path(__file__).resolve().parents[3]
OPTIONS: list[Any] = parser.parser().parameters()


def shown(text: str, folder: Path = ROOT) -> str:
    """The page as ``man`` shows it that finds other pages below ``folder``; a complaint of groff's fails."""
    argv = ["groff", "-man", "-ww", "-rLL=10000n", "-Tascii", "-P-cbou", "-I", str(folder)]
    done = subprocess.run(argv, input=text, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout


pytestmark = pytest.mark.skipif(not shutil.which("groff"), reason="groff is not installed; make .venv installs it")


def test_page_has_every_flag_and_its_text() -> None:
    """What --options shows, and the examples, in words that can be searched for."""
    text = shown(man_page.page(OPTIONS))
    for option in OPTIONS:
        if option.param_type_name == "option":
            assert f"       {help_text.named(option)}" in text
            assert help_text.explained(option) in text
    for before, after in help_text.EXAMPLES:
        assert f"       {before}oc nsexec {after}\n" in text
    assert {"NSEXEC_IMAGE", "NSEXEC_NAMESPACE", "KUBECONFIG"} <= {*text.split()}


def test_what_is_special_to_troff_is_shown_as_it_is() -> None:
    """Dots, quotes and backslashes at any place."""
    odd = copy.copy(OPTIONS[1])
    odd.help = '.x \'y \\n "z" --a'
    assert odd.help in shown(man_page.page([*OPTIONS, odd]))


def test_both_names_have_a_page(tmp_path: Path) -> None:
    """Each as man(1) finds it, and both show the same: every flag."""
    pages = {file.name: shown(file.read_text(), tmp_path) for file in man_page.write(tmp_path / "man1")}
    assert pages["oc-nsexec.1"] == pages["kubectl-nsexec.1"]
    assert pages.keys() == {"oc-nsexec.1", "kubectl-nsexec.1"}
    assert "--max-duration DURATION" in pages["kubectl-nsexec.1"]


def test_packages_install_them_where_man_looks() -> None:
    """share/man/man1 below the prefix, through the wheel's data."""
    places = write_man_pages(ROOT)
    assert [*places.values()] == ["share/man/man1/oc-nsexec.1", "share/man/man1/kubectl-nsexec.1"]
    assert all((ROOT / source).is_file() for source in places)
