"""Manifests of the pods that the live tests run, and what a running one is to a test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from testbed import images

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Json = dict[str, Any]

NOT_BY_SELINUX = {"seLinuxOptions": {"type": "spc_t"}}
"""In a container's securityContext: what its kernel allows anybody, SELinux does not forbid it. Elsewhere no matter."""


@dataclass(frozen=True)
class Pod:
    """A running pod of a test; ``container_id`` is that of its first container, without the runtime's name."""

    namespace: str
    name: str
    uid: str
    node: str
    container_id: str
    runtime: str
    """As container IDs have it in the API: ``containerd``, ``cri-o``; empty while there is no container."""


def container(
    image: str = images.BUSYBOX,
    *,
    name: str = "main",
    command: Sequence[str] | None = None,
    cpus: int = 0,
    security: Mapping[str, Any] | None = None,
    **more: object,
) -> Json:
    """Return a container; ``cpus`` > 0 makes its pod Guaranteed, so that the CPU manager gives it whole CPUs."""
    made: Json = {"name": name, "image": image, "imagePullPolicy": "IfNotPresent", **more}
    if command is not None:
        made["command"] = list(command)
    if cpus:
        amounts = {"cpu": str(cpus), "memory": "64Mi"}
        made["resources"] = {"requests": amounts, "limits": amounts}
    if security:
        made["securityContext"] = dict(security)
    return made


def pod(name: str, *containers: Json, node: str, **spec: object) -> Json:
    """Return a pod that is bound to NODE; without CONTAINERS it has one that waits."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "nodeName": node,
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 1,
            "containers": list(containers) or [container()],
            **spec,
        },
    }


def takes_a_cpu(manifest: Json) -> bool:
    """Whether the CPU manager gives whole CPUs to a container of this pod, all of whose containers have limits then."""
    every = [*manifest["spec"]["containers"], *manifest["spec"].get("initContainers", [])]
    limits = [made.get("resources", {}).get("limits", {}) for made in every]
    return all({"cpu", "memory"} <= set(each) for each in limits) and any(each["cpu"].isdecimal() for each in limits)


def guaranteed(name: str, *, node: str, image: str = images.BUSYBOX) -> Json:
    """Return a pod that owns one isolated CPU: what ``oc nsexec`` is for."""
    return pod(name, container(image, cpus=1), node=node)
