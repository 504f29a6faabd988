"""The nodes of the test bed, for tests that run on both: what such a test has to know of each."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from testbed import host_node, rt_config, rt_crio, rt_runtime
from testbed.images import oci_archive
from testbed.paths import HOST_NODE, RT_NODE
from tests.live import rt

if TYPE_CHECKING:
    from collections.abc import Callable

    from testbed.images import Image


@dataclass(frozen=True)
class Node:
    """``inside`` runs a shell script as root on the node, outside all containers, and returns its stdout."""

    name: str
    inside: Callable[[str], str]
    put: Callable[[bytes, str], object]
    """Writes a program to a path there."""
    import_image: Callable[[str, str], object]
    """Gives the archive at a path there to the runtime, which has the image of that name in it."""
    emulated: bool
    """So slow that a test there had better keep its helper (--keep)."""

    def load(self, image: Image) -> None:
        """Give an image to the node's runtime."""
        self.put(oci_archive(image), _ARCHIVE)
        self.import_image(_ARCHIVE, image.name)
        self.inside(f"rm {_ARCHIVE}")


_ARCHIVE: Final = "/run/nsexec-test-image.tar"


def _on_this_machine(script: str) -> str:
    return subprocess.run(["sh", "-c", script], stdout=subprocess.PIPE, text=True, check=True).stdout


def _put_on_this_machine(content: bytes, path: str) -> None:
    Path(path).write_bytes(content)
    Path(path).chmod(0o755)


def _import_in_the_vm(archive: str, name: str) -> None:
    if rt_runtime.chosen() == rt_runtime.CRIO:
        rt_crio.load(archive, name)
        return
    rt.inside(f"ctr --namespace k8s.io images import {archive}")


HOST: Final = Node(
    HOST_NODE,
    _on_this_machine,
    put=_put_on_this_machine,
    import_image=lambda archive, _name: host_node.runtime().load(Path(archive)),
    emulated=False,
)
RT: Final = Node(RT_NODE, rt.inside, put=rt.put, import_image=_import_in_the_vm, emulated=True)
BOTH: Final = (
    pytest.param(HOST, marks=pytest.mark.host_node, id=HOST_NODE),
    pytest.param(RT, marks=pytest.mark.rt_node, id=RT_NODE),
)


def needs_user_namespaces(node: Node) -> None:
    """Skip the test where pods with ``hostUsers: false`` do not start: on the real-time node with Debian's runtime."""
    if node is RT and os.environ.get("RUNTIME") == "debian":
        pytest.skip("Debian's containerd knows no user namespaces of pods, as this Kubernetes asks for them")


def needs_mapped_tmpfs(node: Node) -> None:
    """Skip the test where the kernel maps no ids of tmpfs: on the real-time node with Linux 6.1."""
    if node is RT and rt_config.distribution().suite == "bookworm":
        pytest.skip("Linux 6.1 maps no ids of tmpfs (from 6.3 on)")
