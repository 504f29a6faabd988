"""The facts of a cluster, asked for when a pod makes them count, and once."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from kubectl_nsexec.check.facts import NodeFacts, asks_cpu_driver, node_facts
from kubectl_nsexec.errors import ApiError
from kubectl_nsexec.kube.api import list_performance_profiles, runtime_handler
from kubectl_nsexec.kube.lists import items
from kubectl_nsexec.model.http import FORBIDDEN, NOT_FOUND

if TYPE_CHECKING:
    from kubectl_nsexec.kube import Cluster
    from kubectl_nsexec.model.http import Json

_SINGLE_NODES = 8
"""So many nodes are asked for by name; then all are listed."""
_REFUSED = (FORBIDDEN, NOT_FOUND)
_CLAIMS = "/apis/resource.k8s.io"
_CLAIM_VERSIONS = ("v1", "v1beta2", "v1beta1")


class Lookups:
    """Facts of an API server. What may not be read is not known; every other ApiError is raised."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._nodes: dict[str, NodeFacts] = {}
        self._all_nodes = False
        self._profiles: list[Json] | None = None
        self._handlers: dict[str, str | None] = {}
        self._claims: dict[tuple[str, bool], dict[str, bool] | None] = {}

    def node(self, name: str) -> NodeFacts:
        """See facts.Facts."""
        if not name:
            return NodeFacts(why_unknown="it is on no node yet")
        if name not in self._nodes:
            self._look_for(name)
        return self._nodes[name]

    def handler(self, runtime_class: str) -> str | None:
        """See facts.Facts."""
        if runtime_class not in self._handlers:
            self._handlers[runtime_class] = runtime_handler(self._cluster, runtime_class) or None
        return self._handlers[runtime_class]

    def claims_cpus(self, namespace: str, claim: str, *, template: bool) -> bool | None:
        """See facts.Facts."""
        if (namespace, template) not in self._claims:
            self._claims[namespace, template] = self._claims_of(namespace, template=template)
        known = self._claims[namespace, template]
        return None if known is None else known.get(claim)

    def _look_for(self, name: str) -> None:
        if len(self._nodes) >= _SINGLE_NODES and not self._all_nodes:
            self._list_nodes()
        if name in self._nodes:
            return
        try:
            found = self._cluster.request("GET", f"/api/v1/nodes/{quote(name, safe='')}")
            self._nodes[name] = node_facts(found, self._known_profiles())
        except ApiError as error:
            if error.status not in _REFUSED:
                raise
            self._nodes[name] = NodeFacts(name, why_unknown=f"node {name} could not be read: {error.message}")

    def _list_nodes(self) -> None:
        self._all_nodes = True
        try:
            profiles = self._known_profiles()
            for node in items(self._cluster, "/api/v1/nodes"):
                self._nodes.setdefault(node["metadata"]["name"], node_facts(node, profiles))
        except ApiError as error:
            if error.status not in _REFUSED:
                raise

    def _known_profiles(self) -> list[Json]:
        """Empty where they may not be read: then CRI-O's affinity is not believed in, which is the worse case."""
        if self._profiles is None:
            try:
                self._profiles = list_performance_profiles(self._cluster) or []
            except ApiError as error:
                if error.status not in _REFUSED:
                    raise
                self._profiles = []
        return self._profiles

    def _claims_of(self, namespace: str, *, template: bool) -> dict[str, bool] | None:
        """Name → whether it asks a CPU driver, of a namespace; None where they may not be read."""
        plural = "resourceclaimtemplates" if template else "resourceclaims"
        for version in _CLAIM_VERSIONS:
            path = f"{_CLAIMS}/{version}/namespaces/{quote(namespace, safe='')}/{plural}"
            try:
                return {
                    each["metadata"]["name"]: _of_cpus(each, template=template) for each in items(self._cluster, path)
                }
            except ApiError as error:
                if error.status == NOT_FOUND:
                    continue
                if error.status != FORBIDDEN:
                    raise
                return None
        return None


def _of_cpus(claim: Json, *, template: bool) -> bool:
    spec = claim.get("spec") or {}
    return asks_cpu_driver((spec.get("spec") or {}) if template else spec, claim.get("status"))
