"""The nodes of the test bed, for tests that run on both: what such a test has to know of each."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pytest

from testbed.paths import HOST_NODE, RT_NODE
from tests.live import rt

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Node:
    """``inside`` runs a shell script as root on the node, outside all containers, and returns its stdout."""

    name: str
    inside: Callable[[str], str]
    emulated: bool
    """So slow that a test there had better keep its helper (--keep)."""


def _on_this_machine(script: str) -> str:
    return subprocess.run(["sh", "-c", script], stdout=subprocess.PIPE, text=True, check=True).stdout


HOST: Final = Node(HOST_NODE, _on_this_machine, emulated=False)
RT: Final = Node(RT_NODE, rt.inside, emulated=True)
BOTH: Final = (
    pytest.param(HOST, marks=pytest.mark.host_node, id=HOST_NODE),
    pytest.param(RT, marks=pytest.mark.rt_node, id=RT_NODE),
)


def needs_user_namespaces(node: Node) -> None:
    """Skip the test where pods with ``hostUsers: false`` do not start: on the real-time node with Debian's runtime."""
    if node is RT and os.environ.get("RUNTIME") == "debian":
        pytest.skip("containerd 1.6 and runc 1.1 know no user namespaces of pods")
