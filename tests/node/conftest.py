"""The shim, compiled with sanitizers, and a container-like process to enter."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import kubectl_nsexec.node
from tests.live import compiler
from tests.node.shim_lab import Target

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCES = sorted(Path(kubectl_nsexec.node.__file__).parent.glob("shim/*.c"))
WARNINGS = ["-std=c11", "-g", "-Wall", "-Wextra", "-Werror"]


def compile_shim(program: Path, *flags: str) -> Path:
    """With gcc's address and undefined-behaviour sanitizers, or with the package's own compiler where it is missing."""
    compilers = [[*compiler.ZIG, "-fsanitize=undefined"]]
    if shutil.which("gcc"):
        compilers.insert(0, ["gcc", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"])
    *better, last = ([*words, *WARNINGS, *flags] for words in compilers)
    for words in better:
        with suppress(AssertionError):
            return compiler.compiled(program, SOURCES, words)
    return compiler.compiled(program, SOURCES, last)


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shim as nodes run it, but with sanitizers."""
    return compile_shim(tmp_path_factory.mktemp("shim") / "nsexec-shim")


@pytest.fixture(scope="session")
def old_kernel_shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same where the kernel has no close_range(2)."""
    return compile_shim(tmp_path_factory.mktemp("old-shim") / "nsexec-shim", "-DCLOSE_RANGE_CALL=9999")


@pytest.fixture(scope="session")
def patient_shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, and once a command has ended it waits for the end of stdin longer than any test does."""
    return compile_shim(tmp_path_factory.mktemp("patient-shim") / "nsexec-shim", "-DDRAIN_MS=3600000")


@pytest.fixture(scope="module")
def shared_target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """One container for all tests that leave it as it was."""
    if os.geteuid() != 0:
        pytest.fail("these tests enter namespaces as the node's root does: run them as root")
    with Target(tmp_path_factory.mktemp("root")) as target:
        yield target


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Target]:
    """A container that the test may end."""
    if os.geteuid() != 0:
        pytest.fail("these tests enter namespaces as the node's root does: run them as root")
    with Target(tmp_path / "root") as target:
        yield target


@pytest.fixture(autouse=True)
def _unmeasured(no_cover: None) -> None:
    """These tests are of shell and C. Nearly all that the client does in them it does in tests/program, too."""
