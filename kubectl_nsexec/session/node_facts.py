"""What a plan takes from the target's node: read once, whoever and however many are to be entered on it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from kubectl_nsexec import node
from kubectl_nsexec.errors import HelperPodError, NodeAccessError, TargetError
from kubectl_nsexec.helper.config_map import HelperProgram
from kubectl_nsexec.model import via
from kubectl_nsexec.model.background import Background

if TYPE_CHECKING:
    from collections.abc import Callable

    from kubectl_nsexec.kube import Cluster
    from kubectl_nsexec.model.http import Json
    from kubectl_nsexec.model.request import Request

FALLBACK_IMAGES = 3
_PLATFORM_IMAGES = (
    "registry.k8s.io/",
    "quay.io/openshift-release-dev/",
    "registry.redhat.io/",
    "registry.ci.openshift.org/",
)
"""Where the images of a node's own pods come from, also by way of a mirror: the node pulls them without a namespace's
secrets."""
_ADDRESS_KINDS = ("InternalIP", "Hostname")
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_OS_LABEL = "kubernetes.io/os"


class NodeFacts(NamedTuple):
    """A node that a command can be started on, as far as the API server knows."""

    object: Json
    """The v1 Node, as the API's JSON."""
    program: HelperProgram
    configz: Callable[[], Json]
    """Waits for the kubelet's configuration, which is asked for beside the rest. Raises ApiError."""


def read(cluster: Cluster, request: Request, name: str, known: Json | None = None) -> NodeFacts:
    """``known``: the v1 Node, where it has been read.

    Raises ApiError, TargetError for a node of another system, HelperPodError for one that can run no helper pod.
    """
    configz = Background(lambda: _configz(cluster, request, name))
    found = known or cluster.request("GET", f"/api/v1/nodes/{name}")
    check(found, name, kubelet_wanted=request.via.kind == via.POD)
    architecture = str(((found.get("status") or {}).get("nodeInfo") or {}).get("architecture") or "")
    return NodeFacts(found, _program(architecture), configz.result)


@cache
def _program(architecture: str) -> HelperProgram:
    return HelperProgram(architecture, node.shim(architecture), node.agent_script())


def _configz(cluster: Cluster, request: Request, name: str) -> Json:
    if request.cpus.cpus is not None:  # the user's word needs no other, and the question takes rights that few have
        return {}
    return cluster.request("GET", f"/api/v1/nodes/{name}/proxy/configz")


def check(found: Json, name: str, *, kubelet_wanted: bool = True) -> None:
    """Raises TargetError where nothing can be entered, HelperPodError where a kubelet is wanted that is not ready."""
    labels = (found.get("metadata") or {}).get("labels") or {}
    system = ((found.get("status") or {}).get("nodeInfo") or {}).get("operatingSystem") or labels.get(_OS_LABEL)
    if system not in (None, "linux"):
        raise TargetError(
            f"node {name} runs {str(system).capitalize()}: it has no namespaces to enter and no CPU sets; use oc exec"
        )
    conditions = (found.get("status") or {}).get("conditions") or []
    ready: Json = next((c for c in conditions if c.get("type") == "Ready"), {})
    if kubelet_wanted and ready.get("status") != "True":
        raise HelperPodError(
            f"node {name} is not ready ({ready.get('reason') or 'no report'}: {ready.get('message') or 'none'}); "
            "no helper pod can be started there"
        )


def refuse_elsewhere(found: Json, name: str) -> None:
    """Raises NodeAccessError unless that node is this machine: by v1 Node, status.nodeInfo.bootID."""
    booted = ((found.get("status") or {}).get("nodeInfo") or {}).get("bootID")
    try:
        here = _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        here = ""
    if not here or booted != here:
        raise NodeAccessError(
            f"node {name} is not this machine, and --via local enters only this machine's containers; --node names it"
        )


def address(found: Json) -> str:
    """The node's own address, else its name in the DNS (v1 Node, status.addresses), else its name."""
    listed = (found.get("status") or {}).get("addresses") or []
    known = [str(each.get("address") or "") for kind in _ADDRESS_KINDS for each in listed if each.get("type") == kind]
    return next(filter(None, known), str(found["metadata"]["name"]))


def runtime(found: Json) -> str:
    """``cri-o://1.34.2``; "" where it is not told."""
    return str(((found.get("status") or {}).get("nodeInfo") or {}).get("containerRuntimeVersion") or "")


def images(found: Json, other_than: str) -> list[str]:
    """Some images that are on the node already: the platform's own first, then the smallest.

    What is in them does not matter.
    """
    listed = (found.get("status") or {}).get("images") or []
    named = [image for image in listed if image.get("names") and other_than not in image["names"]]
    return [str(image["names"][0]) for image in sorted(named, key=_rank)[:FALLBACK_IMAGES]]


def slim(facts: NodeFacts) -> NodeFacts:
    """The same without what takes room where there are many nodes: all but the images that may be chosen."""
    status = facts.object.get("status") or {}
    named = sorted((image for image in status.get("images") or [] if image.get("names")), key=_rank)
    few = named[: 2 * FALLBACK_IMAGES]  # one or the other may be a target's own
    return facts._replace(object={**facts.object, "status": {**status, "images": few}})


def _rank(image: Json) -> tuple[bool, int]:
    ours = any(str(name).startswith(_PLATFORM_IMAGES) for name in image["names"])
    return not ours, int(image.get("sizeBytes") or 0)
