"""The node's part as the package carries it."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

import hatch_build
from kubectl_nsexec.errors import HelperPodError
from kubectl_nsexec.helper.config_map import HelperProgram, config_map
from kubectl_nsexec.node import agent_script, shim

ROOT = Path(__file__).resolve().parents[2]
ET_DYN, PF_X = 3, 1
PT_DYNAMIC, PT_INTERP, PT_GNU_STACK, PT_GNU_RELRO = 2, 3, 0x6474E551, 0x6474E552
DT_FLAGS_1, DF_1_NOW = 0x6FFFFFFB, 1


@pytest.mark.parametrize(
    ("architecture", "machine"),
    [("amd64", b"\x3e\0"), ("arm64", b"\xb7\0"), ("ppc64le", b"\x15\0"), ("s390x", b"\0\x16")],
)
def test_shim_is_a_small_static_program(architecture: str, machine: bytes) -> None:
    """An ELF file for that machine (e_machine, elf(5)), below 160 KiB, without an interpreter."""
    program = shim(architecture)
    assert (program[:5], program[18:20]) == (b"\x7fELF\x02", machine)
    assert len(program) < 160 * 1024
    assert b"ld-" not in program
    assert bytes(ROOT) not in program


@pytest.mark.parametrize("architecture", hatch_build.TARGETS)
def test_shim_is_hardened(architecture: str) -> None:
    """A static PIE whose stack cannot be executed, and whose relocated data cannot be written (elf(5))."""
    program = shim(architecture)
    order = "big" if program[5] == 2 else "little"

    def number(at: int, size: int) -> int:
        return int.from_bytes(program[at : at + size], order)  # type: ignore[arg-type] # one of the two words

    assert number(16, 2) == ET_DYN
    table, size, count = number(32, 8), number(54, 2), number(56, 2)
    headers = {number(at, 4): at for at in range(table, table + count * size, size)}
    assert PT_INTERP not in headers
    assert PT_GNU_RELRO in headers
    assert number(headers[PT_GNU_STACK] + 4, 4) & PF_X == 0
    dynamic, length = (number(headers[PT_DYNAMIC] + field, 8) for field in (8, 32))
    entries = {number(at, 8): number(at + 8, 8) for at in range(dynamic, dynamic + length, 16)}
    assert entries[DT_FLAGS_1] & DF_1_NOW


def test_shim_has_canaries() -> None:
    """Dozens of functions load the stack's guard, %fs:0x28 in the ABI of x86-64."""
    assert shim("amd64").count(b"\x04\x25\x28\0\0\0") > 50


@pytest.mark.parametrize("architecture", hatch_build.TARGETS)
def test_shim_and_agent_fit_into_a_config_map(architecture: str) -> None:
    """It may have 1 MiB (Kubernetes' documentation of ConfigMaps), its object in etcd as well."""
    made = config_map(HelperProgram(architecture, shim(architecture), agent_script()), "nsexec")
    assert len(json.dumps(made)) < 512 * 1024


@pytest.mark.parametrize("architecture", ["riscv64", "", "../bin/shim-amd64", "/amd64"])
def test_architecture_that_was_not_built_is_named(architecture: str) -> None:
    """The error says what is there and what to do."""
    with pytest.raises(HelperPodError, match="amd64.*hatch_build"):
        shim(architecture)


def test_agent_fits_into_a_variable() -> None:
    """A single string of a process' environment may have 128 KiB (execve(2))."""
    assert len(agent_script().encode()) < 64 * 1024


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="shellcheck is not installed here; make check wants it")
def test_agent_is_clean_shell() -> None:
    """Both halves together, as the node gets them."""
    done = subprocess.run(
        ["shellcheck", "--shell=sh", "-"], input=agent_script().encode(), capture_output=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, b"")
