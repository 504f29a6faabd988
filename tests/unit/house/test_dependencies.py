"""What the package imports is what it declares."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path
from typing import Final

import tomli

_ROOT: Final = Path(__file__).parents[3]
_PACKAGES: Final = {"yaml": "pyyaml", "socks": "PySocks"}
"""Modules whose package has another name."""
_OPTIONAL: Final = {"PySocks"}
"""For SOCKS proxies only; whoever has one is told to install it."""


def imported() -> set[str]:
    """The packages of all imports that are neither Python's nor our own, wherever they stand."""
    names = set()
    for path in _ROOT.glob("kubectl_nsexec/**/*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names.add(str(node.module))
    tops = {name.partition(".")[0] for name in names} - {*sys.stdlib_module_names, "kubectl_nsexec"}
    return {_PACKAGES.get(top, top) for top in tops - {"_winapi", "msvcrt"}}


def test_every_import_is_declared_and_every_declaration_imported() -> None:
    """An import that another package happens to bring is gone with its next release."""
    project = tomli.loads((_ROOT / "pyproject.toml").read_text())["project"]
    declared = {re.split(r"[<>=;! ]", line)[0] for line in project["dependencies"]}
    assert imported() - _OPTIONAL == declared
