"""Who made a pod: replicas of one owner are one row. By the pod's own metadata, without asking for the owner."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from kubectl_nsexec.model.http import Json

_HASH_LABEL = "pod-template-hash"
_DEPLOYMENT_CONFIG = "openshift.io/deployment-config.name"
"""Annotation of the pods of a DeploymentConfig (apps.openshift.io)."""


class Owner(NamedTuple):
    """``kind`` as its manifest has it; a pod that nobody made is its own owner."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind.lower()}/{self.name}"


def owner_of(pod: Json) -> Owner:
    """The controller of ``pod``; of a Deployment's ReplicaSet the Deployment."""
    metadata = pod.get("metadata") or {}
    itself = Owner("Pod", str(metadata.get("name") or metadata.get("generateName") or ""))
    references = metadata.get("ownerReferences") or []
    controller = next((reference for reference in references if reference.get("controller")), None)
    if controller is None:
        return itself
    kind, name = str(controller.get("kind") or ""), str(controller.get("name") or "")
    template = str((metadata.get("labels") or {}).get(_HASH_LABEL) or "")
    if kind == "ReplicaSet" and template and name.endswith(f"-{template}"):
        return Owner("Deployment", name.removesuffix(f"-{template}"))
    config = str((metadata.get("annotations") or {}).get(_DEPLOYMENT_CONFIG) or "")
    if kind == "ReplicationController" and config:
        return Owner("DeploymentConfig", config)
    return itself if kind == "Node" else Owner(kind, name)  # a static pod is its node's own
