"""Many pods of one label, for one command in all of them."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.live.pods import container, pod

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.live.harness import Program


@contextmanager
def labelled(
    kubectl: Program, namespace: str, app: str, nodes: Mapping[str, str], within_seconds: int = 300
) -> Iterator[str]:
    """The selector of pods that run while the block does: the name of each → its node.

    They are in the shared pool, so that they fit there.
    """
    manifests = []
    for name, node in nodes.items():
        manifest = pod(name, container(), node=node, terminationGracePeriodSeconds=0)
        manifest["metadata"]["labels"] = {"app": app}
        manifests.append(manifest)
    everything = {"apiVersion": "v1", "kind": "List", "items": manifests}
    selector, patience = f"app={app}", f"--timeout={within_seconds}s"
    kubectl.ok("create", "-n", namespace, "-f", "-", stdin=json.dumps(everything).encode())
    try:
        kubectl.ok("wait", "-n", namespace, "--for=condition=Ready", "pod", "-l", selector, patience)
        yield selector
    finally:
        kubectl.ok("delete", "-n", namespace, "pod", "-l", selector, patience)
