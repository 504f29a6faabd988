"""Pods, nodes and profiles as the API server shows them, built from what a test is about."""

from __future__ import annotations

from typing import Any

from kubectl_nsexec.check import rows
from kubectl_nsexec.check.facts import KnownFacts, NodeFacts, ProfileFacts
from kubectl_nsexec.model.cpuset import CpuSet

Json = dict[str, Any]

CLASS = "performance-ran"
SYS_NICE: Json = {"capabilities": {"add": ["SYS_NICE"]}}
PROFILE = ProfileFacts("ran", shared=CpuSet.parse("4-5"))
CRI_O = NodeFacts("n1", "cri-o", (1, 35, 1), "5.14.0-570.el9.x86_64", (1, 35, 1), PROFILE)
CONTAINERD = NodeFacts("n1", "containerd", (2, 2, 0), "6.12.0", (1, 36, 0))


def container(name: str = "dpdk", cpu: object = "2", memory: str = "1Gi", **fields: Any) -> Json:  # noqa: ANN401 - any field
    """Of a Guaranteed pod."""
    return {"name": name, "resources": {"limits": {"cpu": cpu, "memory": memory}}, **fields}


def probe(*command: str, **fields: Any) -> Json:  # noqa: ANN401 - as above
    """One that starts a process."""
    return {"exec": {"command": list(command or ("cat", "/healthy"))}, **fields}


def pod(*containers: Json, name: str = "du-0", node: str = "n1", **fields: Any) -> Json:  # noqa: ANN401 - as above
    """``fields``: those of its spec but for ``annotations``, ``labels``, ``owner`` and ``status``."""
    metadata = {
        "name": name,
        "namespace": "ran",
        "annotations": fields.pop("annotations", {}),
        "labels": fields.pop("labels", {}),
        "ownerReferences": [{**owner, "controller": True} for owner in [fields.pop("owner", None)] if owner],
    }
    status = {"phase": "Running", **fields.pop("status", {})}
    return {
        "metadata": metadata,
        "spec": {"nodeName": node, "containers": list(containers), **fields},
        "status": status,
    }


def facts(node: NodeFacts = CRI_O, **claims: bool) -> KnownFacts:
    """One node, a class of each handler, and claims by name."""
    handlers = {CLASS: "high-performance", "plain": "runc", "vm": "kata"}
    return KnownFacts({node.name: node}, handlers, {(name, False): value for name, value in claims.items()})


def rows_of(made: Json, known: KnownFacts | None = None) -> list[rows.Row]:
    """The pod's rows."""
    return list(rows.of_pod(made, known or facts()))


def first(made: Json, known: KnownFacts | None = None, way: str = "oc exec") -> rows.Row:
    """The row of its first container and that way in."""
    return next(row for row in rows_of(made, known) if row.way.kind == way)


def found(row: rows.Row) -> dict[str, tuple[str, str]]:
    """Rule → severity and verdict."""
    return {finding.rule.id: (finding.severity, finding.verdict) for finding in row.findings}
