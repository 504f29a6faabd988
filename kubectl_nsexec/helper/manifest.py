"""The manifests of the helper pod and its namespace, and the command line of an exec into it: values, no I/O."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from kubectl_nsexec.errors import HelperPodError
from kubectl_nsexec.model import environment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kubectl_nsexec.helper.config_map import HelperProgram
    from kubectl_nsexec.model.http import Json

CONTAINER = "nsexec"
OWNER_LABEL = "app.kubernetes.io/managed-by"
OWNER = "kubectl-nsexec"
KEEPER_LABEL = "nsexec.io/keeper"
"""On a helper that is kept (``--keep``): for whom."""
NAME_PREFIX = "nsexec-"
TARGET_ANNOTATION = "nsexec.io/target"
USER_ANNOTATION = "nsexec.io/user"
MAX_LIFE_SECONDS = 24 * 3600
"""activeDeadlineSeconds: what a half-open connection could leave behind at the most, unless --max-duration says so."""
SHIM_KEY, AGENT_KEY = "shim", "agent.sh"
"""Of the ConfigMap, and the files of its volume, as node/shim/init.c names them."""
LIFE_SLACK_SECONDS = 60
"""What a helper may live longer than its start and its command may take: the command's end is not its business."""

_POD_UID = "NSEXEC_POD_UID"
_PROGRAM_MODE = 0o555
_PROGRAM_FILES = ((SHIM_KEY, SHIM_KEY), (SHIM_KEY, "env"), (AGENT_KEY, AGENT_KEY))
"""(key of the ConfigMap, file of the volume). A webhook that puts ``env NAME=VALUE`` before an exec's words finds no
program of the image by that name, but the shim, which passes the variable on (node/shim/exec_env.h)."""
_NODE_TOOLS, _IMAGE_TOOLS = "node", "image"
"""Whose root directory the shim takes (node/shim/init.h)."""
_BEFORE_POD_UID = 4
"""Words of a helper's command line: the shim, its subcommand, the folder of the mounts, whose tools."""


class HelperSpec(NamedTuple):
    """What decides the helper pod. ``node_tools``: it runs the node's own programs, and nothing of the image."""

    name: str
    namespace: str
    node: str
    architecture: str
    image: str
    program: HelperProgram
    command: tuple[str, ...]
    """Of its main process, for the shim to start."""
    node_tools: bool
    annotations: Mapping[str, str]
    folder: str
    """Where it finds its mounts: ``new_folder``."""
    life_seconds: int = MAX_LIFE_SECONDS
    keeper: str = ""
    """Of one that is kept for other runs: the value of KEEPER_LABEL."""


def new_id() -> str:
    """Ten letters and digits, unique enough to name a helper pod and its session."""
    return os.urandom(5).hex()


def new_folder() -> str:
    """A path that no image can have prepared for: a runtime would mount a volume that an image declares below it."""
    return f"/nsexec-{os.urandom(8).hex()}"


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
    """The pod. It needs no image of its own, and nothing of the one that it has runs but by ``--image``.

    The first process is the shim, below a path that is random for each run; it takes the node's root.
    """
    tools = _NODE_TOOLS if spec.node_tools else _IMAGE_TOOLS
    volumes: list[Json] = [
        {"name": "node", "hostPath": {"path": "/", "type": "Directory"}},
        {"name": "program", "configMap": _program(spec)},
        {"name": "run", "emptyDir": {"medium": "Memory", "sizeLimit": "16Mi"}},
    ]
    mounts: list[Json] = [
        # HostToContainer: what the node unmounts must not stay busy because of our copy of its mounts.
        {"name": "node", "mountPath": f"{spec.folder}/node", "mountPropagation": "HostToContainer"},
        {"name": "program", "mountPath": f"{spec.folder}/program", "readOnly": True},
        {"name": "run", "mountPath": f"{spec.folder}/run"},
    ]
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
                    # The kubelet puts the UID in (k8s.io/kubernetes, third_party/forked/golang/expansion).
                    "command": [
                        f"{spec.folder}/program/shim",
                        "init",
                        spec.folder,
                        tools,
                        f"$({_POD_UID})",
                        *spec.command,
                    ],
                    "stdin": True,
                    "stdinOnce": True,
                    "workingDir": "/",
                    "env": _variables(spec),
                    "securityContext": {
                        "privileged": True,
                        "runAsUser": 0,
                        "runAsGroup": 0,
                        "runAsNonRoot": False,
                    },
                    "volumeMounts": mounts,
                }
            ],
            "volumes": volumes,
        },
    }


def _program(spec: HelperSpec) -> Json:
    items = [{"key": key, "path": path} for key, path in _PROGRAM_FILES]
    return {"name": spec.program.name, "defaultMode": _PROGRAM_MODE, "items": items}


def _variables(spec: HelperSpec) -> list[Json]:
    """Of the container and of every exec into it; the shim leaves nothing of them to what it becomes.

    A runtime looks a program without a slash up by this PATH (runc, libcontainer/env.go, prepareEnv): it has to be one
    of ours, whatever the image has by that name. The others are empty, so that what the image says of them is not taken
    for the API server's word.
    """
    return [
        {"name": _POD_UID, "valueFrom": {"fieldRef": {"fieldPath": "metadata.uid"}}},
        {"name": "PATH", "value": f"{spec.folder}/program"},
        *({"name": name, "value": ""} for name in environment.OF_THE_EXEC),
    ]


def entrance(pod: Json) -> list[str]:
    """What begins the command line of every exec into that helper pod; words for the shim follow.

    Raises HelperPodError for one that another version of nsexec made.
    """
    containers = pod["spec"].get("containers") or [{}]
    command: list[str] = containers[0].get("command") or []
    if command[1:2] != ["init"]:
        name = pod["metadata"]["name"]
        raise HelperPodError(f'the helper pod "{name}" is of another version of nsexec, which alone can enter it')
    return [*command[:_BEFORE_POD_UID], pod["metadata"]["uid"]]


def program_of(pod: Json) -> str | None:
    """The name of the ConfigMap that a helper pod needs; None for one of another version, which needs none."""
    names = [volume["configMap"].get("name") for volume in pod["spec"].get("volumes") or () if "configMap" in volume]
    return names[0] if names else None
