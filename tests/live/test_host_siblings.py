"""On the host node: an SMT sibling that shares its core with an exclusive CPU is named.

The threads are told by files that are mounted over sysfs, for this machine may have none; everything else is real.
"""

from __future__ import annotations

import json
import subprocess
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.live.pods import guaranteed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.live.harness import Pods, Program

pytestmark = [pytest.mark.host_node, pytest.mark.alone, pytest.mark.usefixtures("nothing_left")]

_SYSFS = "/sys/devices/system/cpu"
_FILES = {
    f"{_SYSFS}/smt/active": "1",
    f"{_SYSFS}/cpu0/topology/thread_siblings_list": "0-1",
    f"{_SYSFS}/cpu1/topology/thread_siblings_list": "0-1",
}


@pytest.fixture
def one_core(tmp_path: Path) -> Iterator[None]:
    """CPUs 0 and 1 are threads of one core, as a node's root shows it."""
    with ExitStack() as stack:
        for number, (path, content) in enumerate(_FILES.items()):
            file = tmp_path / str(number)
            file.write_text(f"{content}\n")
            subprocess.run(["mount", "--bind", file, path], check=True)
            stack.callback(subprocess.run, ["umount", path], check=True)
        yield


@pytest.mark.usefixtures("one_core")
def test_a_sibling_of_an_exclusive_cpu_is_named(nsexec: Program, pods: Pods, host_node: str) -> None:
    """In the document, in the table, and in a warning: what runs there shares the core's units with the target."""
    target = pods.start(guaranteed("siblings", node=host_node))
    words = (target.name, "-n", target.namespace, "--verify")
    shown = nsexec(*words, "-o", "json")
    document = json.loads(shown.stdout)
    assert document["command"]["cpus"] == "0"
    assert document["target"]["cpus"] == "1"
    assert document["siblings"] == {"cpus": "0", "of": "1"}
    (warning,) = [line for line in document["warnings"] if "core" in line]
    assert warning in shown.stderr
    assert "share cores with 1" in " ".join(nsexec.ok(*words).split())
