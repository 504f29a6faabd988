"""From a Pod object to the one container that is meant, or to the error that ``oc exec`` would give."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from kubectl_nsexec.errors import TargetError

DEFAULT_CONTAINER_ANNOTATION = "kubectl.kubernetes.io/default-container"
MIRROR_ANNOTATION = "kubernetes.io/config.mirror"
"""Set by the kubelet on the API's copy of a static pod."""
CONFIG_HASH_ANNOTATION = "kubernetes.io/config.hash"
"""On such a copy: the UID under which the kubelet itself runs the static pod."""

RUNTIMES = frozenset({"containerd", "cri-o", "docker"})
SANDBOXED = re.compile(r"kata|gvisor|runsc", re.IGNORECASE)
"""Runtime classes and handlers whose containers do not run on the host's kernel."""

_SAFE_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,127}")
"""Container IDs and pod UIDs become components of a path on the node."""

_METADATA = ("name", "namespace", "uid", "deletionTimestamp")
_ANNOTATIONS = (DEFAULT_CONTAINER_ANNOTATION, MIRROR_ANNOTATION, CONFIG_HASH_ANNOTATION)
_SPEC = ("nodeName", "hostPID", "shareProcessNamespace", "runtimeClassName", "securityContext", "os")
_CONTAINER, _CONTAINERS = ("name", "image"), ("containers", "ephemeralContainers", "initContainers")
_STATUS = ("name", "state", "containerID")
_STATUSES = ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses")
"""The fields of a pod that decide, see ``slim``."""

Pod = dict[str, Any]


class Target(NamedTuple):
    """One running container, as the API server describes it."""

    namespace: str
    pod: str
    pod_uid: str
    """metadata.uid."""
    cgroup_uid: str
    """The UID in the pod's cgroup path: ``pod_uid``, but a static pod's own UID for a mirror pod."""
    node: str
    container: str
    container_id: str
    """Without its scheme."""
    runtime: str
    """The scheme of the container ID: ``containerd``, ``cri-o`` or ``docker``."""
    image: str
    shares_host_pid: bool
    """The pod asked for hostPID or shareProcessNamespace: its init is not process 1 of a namespace of its own."""
    runtime_class: str
    """spec.runtimeClassName, or "" for the node's default runtime."""
    notice: str | None
    """Kubectl's line about the default container, for stderr."""
    groups: tuple[int, ...] = ()
    """Supplementary groups by the pod's spec: fsGroup and supplementalGroups."""


def resolve(pod: Pod, container: str | None, command_name: str = "exec") -> Target:
    """The container meant by ``container`` (None: the default one) in ``pod``, a v1 Pod as the API's JSON.

    ``command_name`` is the verb of the error for a completed pod. Raises TargetError in the words of ``kubectl exec``.
    """
    metadata, spec, status = pod.get("metadata") or {}, pod.get("spec") or {}, pod.get("status") or {}
    name = str(metadata.get("name", ""))
    phase = status.get("phase")
    if phase in {"Succeeded", "Failed"}:
        raise TargetError(f"cannot {command_name} into a container in a completed pod; current phase is {phase}")
    chosen, notice = _choose(pod, container)
    if not spec.get("nodeName"):
        raise TargetError(f"pod {name} does not have a host assigned")
    if metadata.get("deletionTimestamp"):
        raise TargetError(f"pod {name} is being deleted (since {metadata['deletionTimestamp']}); nothing was started")
    _refuse_what_cannot_be_entered(name, spec)
    runtime, container_id = _running(pod, chosen)
    uid = str(metadata.get("uid", ""))
    cgroup_uid = _cgroup_uid(metadata)
    for what, value in (("UID", uid), ("UID", cgroup_uid), ("container ID", container_id)):
        if not _SAFE_ID.fullmatch(value):
            raise TargetError(f'pod {name}: the {what} "{value}" is not one that a kubelet gives')
    return Target(
        namespace=str(metadata.get("namespace", "")),
        pod=name,
        pod_uid=uid,
        cgroup_uid=cgroup_uid,
        node=str(spec["nodeName"]),
        container=chosen,
        container_id=container_id,
        runtime=runtime,
        image=_image(spec, chosen),
        shares_host_pid=bool(spec.get("hostPID") or spec.get("shareProcessNamespace")),
        runtime_class=str(spec.get("runtimeClassName") or ""),
        notice=notice,
        groups=_groups(spec.get("securityContext") or {}),
    )


def slim(pod: Pod) -> Pod:
    """What of ``pod`` decides here: one of many takes a twentieth of its room."""
    metadata, spec, status = pod.get("metadata") or {}, pod.get("spec") or {}, pod.get("status") or {}
    known = metadata.get("annotations") or {}
    annotations = {key: known[key] for key in _ANNOTATIONS if key in known}
    lists = {key: [_some(each, _CONTAINER) for each in spec.get(key) or []] for key in _CONTAINERS}
    statuses = {key: [_some(each, _STATUS) for each in status.get(key) or []] for key in _STATUSES}
    return {
        "metadata": {**_some(metadata, _METADATA), "annotations": annotations},
        "spec": {**_some(spec, _SPEC), **lists},
        "status": {**_some(status, ("phase",)), **statuses},
    }


def _some(mapping: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: mapping[key] for key in keys if key in mapping}


def containers(spec: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    """(name, kind as kubectl marks it, container) of a pod's ``spec`` in kubectl's order: ordinary, ephemeral, init."""
    fields = (("containers", ""), ("ephemeralContainers", " (ephem)"), ("initContainers", " (init)"))
    return [(str(c.get("name", "")), mark, c) for key, mark in fields for c in spec.get(key) or []]


def _choose(pod: Pod, wanted: str | None) -> tuple[str, str | None]:
    """(name, notice). Source: kubectl, pkg/cmd/util/podcmd."""
    metadata = pod.get("metadata") or {}
    known = containers(pod.get("spec") or {})
    listed = ", ".join(name + mark for name, mark, _ in known)
    if not known:
        raise TargetError(f"pod {metadata.get('name', '')} does not have any containers")
    named = wanted or (metadata.get("annotations") or {}).get(DEFAULT_CONTAINER_ANNOTATION)
    if named:
        if named not in [name for name, _, _ in known]:
            pod_name = metadata.get("name", "")
            raise TargetError(f"container {named} is not valid for pod {pod_name} out of: {listed}")
        return str(named), None
    first = known[0][0]
    return first, f'Defaulted container "{first}" out of: {listed}' if len(known) > 1 else None


def refuse_sandbox(pod_name: str, runtime_class: str, handler: str = "") -> None:
    """Raises TargetError when the RuntimeClass, or the handler behind it, keeps its processes from the node.

    A class may have any name; its handler is the word of the runtime's own configuration.
    """
    found = next((word for word in (runtime_class, handler) if SANDBOXED.search(word)), None)
    if found is not None:
        raise TargetError(
            f'pod {pod_name} runs under the runtime class "{runtime_class or found}" ({found}): its processes live '
            "behind a kernel of their own (Kata, gVisor) and cannot be entered from the node; use oc exec"
        )


def _refuse_what_cannot_be_entered(name: str, spec: dict[str, Any]) -> None:
    refuse_sandbox(name, str(spec.get("runtimeClassName") or ""))
    if (spec.get("os") or {}).get("name") == "windows":
        raise TargetError(f"pod {name} is for Windows nodes: they have no namespaces to enter; use oc exec")


def _running(pod: Pod, container: str) -> tuple[str, str]:
    """(runtime, container ID without scheme) of a container that runs now."""
    status = pod.get("status") or {}
    name = (pod.get("metadata") or {}).get("name", "")
    found = [s for key in _STATUSES for s in status.get(key) or [] if s.get("name") == container]
    if not found:
        phase = status.get("phase", "Unknown")
        raise TargetError(f"container {container} of pod {name} has not been started yet; the pod's phase is {phase}")
    state = found[0].get("state") or {}
    if "running" not in state:
        raise TargetError(f"container {container} of pod {name} is not running: {_state_words(state)}")
    scheme, separator, container_id = str(found[0].get("containerID") or "").partition("://")
    if not separator or scheme not in RUNTIMES:
        raise TargetError(
            f'container {container} of pod {name} has the ID "{found[0].get("containerID") or ""}"; '
            "known runtimes are containerd, cri-o and docker"
        )
    return scheme, container_id


def _state_words(state: dict[str, Any]) -> str:
    for kind in ("waiting", "terminated"):
        if kind in state:
            detail = state[kind] or {}
            parts = [str(detail[key]) for key in ("reason", "message") if detail.get(key)]
            if "exitCode" in detail:
                parts.append(f"exit code {detail['exitCode']}")
            return f"{kind} ({': '.join(parts)})" if parts else kind
    return "its state is not reported"


def _cgroup_uid(metadata: dict[str, Any]) -> str:
    annotations = metadata.get("annotations") or {}
    if MIRROR_ANNOTATION in annotations and annotations.get(CONFIG_HASH_ANNOTATION):
        return str(annotations[CONFIG_HASH_ANNOTATION])
    return str(metadata.get("uid", ""))


def _groups(security: dict[str, Any]) -> tuple[int, ...]:
    own = [security["fsGroup"]] if security.get("fsGroup") is not None else []
    return tuple(sorted({int(group) for group in [*own, *(security.get("supplementalGroups") or [])]}))


def _image(spec: dict[str, Any], container: str) -> str:
    return next((str(c.get("image") or "") for name, _, c in containers(spec) if name == container), "")
