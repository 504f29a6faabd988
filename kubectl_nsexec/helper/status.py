"""What a pod's status says of its life: pure reading."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kubectl_nsexec.model.http import Json

_IMAGE_FAILURES = {"ErrImageNeverPull", "ErrImagePull", "ImageInspectError", "ImagePullBackOff", "InvalidImageName"}
_CONTAINER_FAILURES = {"CreateContainerError", "RunContainerError"}
ANOTHER_IMAGE_MAY_DO = _IMAGE_FAILURES | _CONTAINER_FAILURES | {"StartError", "ContainerCannotRun"}
"""Reasons (ContainerStateWaiting.reason, ContainerStateTerminated.reason; k8s.io/kubernetes pkg/kubelet/images,
pkg/kubelet/kuberuntime) that may come of what an image declares: a volume where the runtime wants none, say."""
_START_FAILURES = _IMAGE_FAILURES | _CONTAINER_FAILURES | {"CrashLoopBackOff", "CreateContainerConfigError"}


def start_failure(pod: Json) -> str | None:
    """Why the pod will never run, in the node's own words, or None while it may still."""
    status = pod.get("status") or {}
    if pod["metadata"].get("deletionTimestamp"):
        return "it was deleted"
    if status.get("phase") in ("Failed", "Succeeded"):
        words = [status.get("reason"), status.get("message")]
        for container in status.get("containerStatuses") or []:
            ended = (container.get("state") or {}).get("terminated") or {}
            words += [ended.get("reason"), f"exit code {ended['exitCode']}" if "exitCode" in ended else None]
            words.append(str(ended.get("message") or "").strip())
        return ": ".join(word for word in words if word) or f"its phase is {status['phase']}"
    for container in status.get("containerStatuses") or []:
        waiting = (container.get("state") or {}).get("waiting") or {}
        if waiting.get("reason") in _START_FAILURES:
            return f"{waiting['reason']}: {waiting.get('message') or 'no message'}"
    return None


def awaited(pod: Json) -> str:
    """What it waits for before its container runs, as far as its status says: kubelet, sandbox, or image.

    PodReadyToStartContainers: the sandbox is there, with its network (KEP-3085).
    """
    status, node = pod.get("status") or {}, pod["spec"].get("nodeName")
    if not status.get("startTime"):  # PodStatus: when the kubelet acknowledged the pod
        return f"node {node} to take up the helper pod"
    conditions = {each.get("type"): each.get("status") for each in status.get("conditions") or []}
    ready = conditions.get("PodReadyToStartContainers")
    what = {"True": "image", "False": "sandbox"}.get(str(ready), "sandbox and image")
    return f"the helper pod's {what} on node {node}"


def is_over(pod: Json) -> bool:
    """Whether it has ended or been deleted."""
    status = pod.get("status") or {}
    ended = any("terminated" in (each.get("state") or {}) for each in status.get("containerStatuses") or [])
    return ended or status.get("phase") in ("Failed", "Succeeded") or bool(pod["metadata"].get("deletionTimestamp"))


def is_running(pod: Json) -> bool:
    """Whether the helper's container runs."""
    statuses = (pod.get("status") or {}).get("containerStatuses") or []
    return bool(statuses) and all("running" in (status.get("state") or {}) for status in statuses)
