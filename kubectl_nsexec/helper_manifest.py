"""What the helper pod, its namespace and a session in it look like: values, no I/O."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

Json = dict[str, Any]

CONTAINER = "nsexec"
AGENT_VARIABLE = "NSEXEC_AGENT"
"""Holds the agent's text in the helper container, so nothing has to be written anywhere to run it."""
OWNER_LABEL = "app.kubernetes.io/managed-by"
OWNER = "kubectl-nsexec"
KEEPER_LABEL = "nsexec.io/keeper"
"""On a helper that is kept (``--keep``): for whom."""
NAME_PREFIX = "nsexec-"
TARGET_ANNOTATION = "nsexec.io/target"
USER_ANNOTATION = "nsexec.io/user"
MAX_LIFE_SECONDS = 24 * 3600
"""activeDeadlineSeconds: what a half-open connection could leave behind at the most, unless --max-duration says so."""
LIFE_SLACK_SECONDS = 60
"""What a helper may live longer than its start and its command may take: the command's end is not its business."""

_LIB64_ARCHITECTURES = {"amd64", "ppc64le"}
"""Where the loader's path begins with /lib64 (elsewhere it is in /lib)."""


class HelperSpec(NamedTuple):
    """What decides the helper pod. ``node_tools``: run the node's own programs over the image's."""

    name: str
    namespace: str
    node: str
    architecture: str
    image: str
    agent: str
    command: tuple[str, ...]
    node_tools: bool
    annotations: Mapping[str, str]
    life_seconds: int = MAX_LIFE_SECONDS
    keeper: str = ""
    """Of one that is kept for other runs: the value of KEEPER_LABEL."""


def new_id() -> str:
    """Ten letters and digits, unique enough to name a helper pod and its session."""
    return os.urandom(5).hex()


def namespace_manifest(name: str) -> Json:
    """The helper's namespace: privileged pods allowed, no node selector, workload partitioning allowed (trap 6.1)."""
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": name,
            "labels": {
                OWNER_LABEL: OWNER,
                "pod-security.kubernetes.io/enforce": "privileged",
                "pod-security.kubernetes.io/audit": "privileged",
                "pod-security.kubernetes.io/warn": "privileged",
                "security.openshift.io/scc.podSecurityLabelSync": "false",
            },
            "annotations": {
                "openshift.io/node-selector": "",
                "workload.openshift.io/allowed": "management",
            },
        },
    }


def manifest(spec: HelperSpec) -> Json:
    """The pod. Nothing of it needs an image of its own: the node's tools lie over whatever image it runs."""
    host_folders = ["/usr", "/lib", *(["/lib64"] if spec.architecture in _LIB64_ARCHITECTURES else [])]
    volumes: list[Json] = [
        {"name": "host", "hostPath": {"path": "/", "type": "Directory"}},
        {"name": "run", "emptyDir": {"medium": "Memory", "sizeLimit": "16Mi"}},
    ]
    # HostToContainer: what the node unmounts must not stay busy because of our copy of its mounts.
    mounts: list[Json] = [
        {"name": "host", "mountPath": "/host", "mountPropagation": "HostToContainer"},
        {"name": "run", "mountPath": "/nsexec"},
    ]
    if spec.node_tools:
        for folder in host_folders:
            volumes.append({"name": folder[1:], "hostPath": {"path": folder, "type": "Directory"}})
            mounts.append({"name": folder[1:], "mountPath": folder, "readOnly": True})
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": spec.name,
            "namespace": spec.namespace,
            "labels": {OWNER_LABEL: OWNER, **({KEEPER_LABEL: spec.keeper} if spec.keeper else {})},
            "annotations": {
                "openshift.io/required-scc": "privileged",
                "target.workload.openshift.io/management": '{"effect":"PreferredDuringScheduling"}',
                **spec.annotations,
            },
        },
        "spec": {
            "nodeName": spec.node,
            "hostPID": True,
            "hostNetwork": True,
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 0,
            # One that is kept ends by its own clock: at this one sessions that have just begun would end with it.
            **({} if spec.keeper else {"activeDeadlineSeconds": spec.life_seconds}),
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "tolerations": [{"operator": "Exists"}],
            "containers": [
                {
                    "name": CONTAINER,
                    "image": spec.image,
                    "imagePullPolicy": "IfNotPresent",
                    "command": list(spec.command),
                    "stdin": True,
                    "stdinOnce": True,
                    "workingDir": "/",
                    "env": [
                        {"name": AGENT_VARIABLE, "value": literally(spec.agent)},
                        {"name": "NSEXEC_POD_UID", "valueFrom": {"fieldRef": {"fieldPath": "metadata.uid"}}},
                        {"name": "NSEXEC_SESSION", "value": ""},
                        {"name": "PATH", "value": "/usr/sbin:/usr/bin:/sbin:/bin"},
                        {"name": "LD_PRELOAD", "value": ""},
                        {"name": "LD_LIBRARY_PATH", "value": ""},
                    ],
                    "securityContext": {"privileged": True, "runAsUser": 0, "runAsNonRoot": False},
                    "volumeMounts": mounts,
                }
            ],
            "volumes": volumes,
        },
    }


def literally(text: str) -> str:
    """``text`` as an env value or argument that the kubelet hands on unchanged.

    It replaces ``$(NAME)`` by a variable and ``$$`` by one dollar (k8s.io/kubernetes, expansion.go).
    """

    def doubled(run: re.Match[str]) -> str:
        special = len(run[0]) > 1 or text[run.end() : run.end() + 1] == "("
        return run[0] * 2 if special else run[0]

    return re.sub(r"\$+", doubled, text)
