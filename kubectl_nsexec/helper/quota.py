"""What a namespace's own policies make of the helper pod: quotas, limits and their defaults.

The helper may request CPU and memory, where a quota wants that: then it is Burstable, and a kubelet gives such a pod no
CPUs of its own. It takes no CPU limit: what has used that up is stopped in the middle of the kernel's work, with the
locks that it holds, which is what this tool is to avoid. Nor may it be Guaranteed: it could be given isolated CPUs.
"""

from __future__ import annotations

import copy
import re
from contextlib import suppress
from typing import TYPE_CHECKING

from kubectl_nsexec.errors import ApiError, HelperPodError, NsexecError

if TYPE_CHECKING:
    from kubectl_nsexec.kube import Cluster
    from kubectl_nsexec.model.http import Json

REQUESTS = {"cpu": "10m", "memory": "32Mi"}
"""Where a quota wants requests: little, for what runs there is not the workload."""

_EXEMPT = "exempt a namespace from that and name it by --helper-namespace, or use --via ssh, which needs no pod"
_LIMIT_RANGER = "kubernetes.io/limit-ranger"
"""The annotation of a pod that a LimitRange has given resources (k8s.io/kubernetes, limitranger)."""
_LOOK_SECONDS = 5.0
# k8s.io/apiserver, resourcequota/controller.go; k8s.io/kubernetes, quota/v1/evaluator/core/pods.go and limitranger
_WANTS = re.compile(r"failed quota: (?P<quota>[^:\s]+): must specify (?P<what>.+)")
_NAMED = re.compile(r"(?:^|[;,])\s*([a-z.-]+)")
_USED_UP = re.compile(r"exceeded quota: (?P<quota>[^,\s]+)")
_RANGE = re.compile(r"(minimum|maximum) \S+ usage per (Container|Pod)|limit to request ratio per (Container|Pod)")
_DENIED = re.compile(r"denied (the )?request")
_MAY_REQUEST = frozenset(("cpu", "memory", "requests.cpu", "requests.memory"))
"""What a quota may want of a pod that needs no limit; "cpu" and "memory" are requests."""


def with_requests(pod: Json, error: ApiError) -> Json | None:
    """``pod`` with the requests that a quota wants, by the API server's refusal; None where they would not do."""
    wants = _WANTS.search(error.message)
    if not wants:
        return None
    wanted = {name for name in _NAMED.findall(re.sub(r" for: [^;]*", "", wants["what"])) if name}
    if not wanted or not wanted <= _MAY_REQUEST:
        return None
    made = copy.deepcopy(pod)
    for container in made["spec"]["containers"]:
        container["resources"] = {"requests": dict(REQUESTS)}
    return made


def explain(error: ApiError, namespace: str) -> None:
    """Adds to the refusal of a helper pod which policy it is, and the ways round it."""
    ways = _EXEMPT
    if wants := _WANTS.search(error.message):
        words = (
            f'ResourceQuota "{wants["quota"]}" of namespace "{namespace}" wants what a helper pod must not have: at a '
            "limit it would be stopped with locks of the kernel in its hands"
        )
    elif used := _USED_UP.search(error.message):
        words = (
            f'ResourceQuota "{used["quota"]}" of namespace "{namespace}" leaves no room for a helper pod: '
            "--cleanup removes those that are over"
        )
        ways = "name another namespace by --helper-namespace, or use --via ssh, which needs no pod"
    elif _RANGE.search(error.message):
        words = f'a LimitRange of namespace "{namespace}" wants limits, which a helper pod must not have'
    elif _DENIED.search(error.message):
        words = f'a policy of the cluster refuses the helper pod in namespace "{namespace}"; it has to be privileged'
    else:
        return
    error.message += f"\n{words}; {ways}"


def check_resources(cluster: Cluster, pod: Json) -> None:
    """Raises HelperPodError for a helper pod, as it was admitted, that could harm a workload."""
    quality = (pod.get("status") or {}).get("qosClass")
    limits = [(each.get("resources") or {}).get("limits") or {} for each in pod["spec"].get("containers") or []]
    cpu = next((str(limit["cpu"]) for limit in limits if limit.get("cpu")), "")
    if quality in ("BestEffort", "Burstable") and not cpu:
        return
    namespace = pod["metadata"]["namespace"]
    if quality in ("BestEffort", "Burstable"):
        harm = f"has a CPU limit ({cpu}), at which it would be stopped with locks of the kernel in its hands"
    else:
        harm = f"became {quality} instead of BestEffort, which could take CPUs from the workloads"
    raise HelperPodError(
        f'the helper pod {harm}; {_who(cluster, pod, namespace)} in namespace "{namespace}" gives it resources: '
        f"{_EXEMPT}"
    )


def _who(cluster: Cluster, pod: Json, namespace: str) -> str:
    """Who gave the pod its resources, by name where that may be read."""
    if _LIMIT_RANGER not in (pod["metadata"].get("annotations") or {}):
        return "a webhook or policy"
    names: list[str] = []
    with suppress(NsexecError):
        path = f"/api/v1/namespaces/{namespace}/limitranges"
        items = cluster.request("GET", path, timeout_seconds=_LOOK_SECONDS, patience_seconds=0).get("items") or []
        names = [str(item["metadata"]["name"]) for item in items if _limits_containers(item)]
    return f"LimitRange {quoted}" if (quoted := " or ".join(f'"{name}"' for name in names)) else "a LimitRange"


def _limits_containers(item: Json) -> bool:
    limits = (item.get("spec") or {}).get("limits") or []
    return any(limit.get("type") == "Container" for limit in limits)
