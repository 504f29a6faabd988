"""What the helper pod runs instead of anything of its image: the shim and the agent, by the API.

They travel in an immutable ConfigMap that is named by their digest, in the helper's namespace: made when it is missing,
compared when it is there, removed by ``--cleanup`` when no helper pod needs it.
"""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, NamedTuple

from kubectl_nsexec.errors import ApiError, HelperPodError
from kubectl_nsexec.helper import rbac
from kubectl_nsexec.helper.manifest import (
    AGENT_KEY,
    NAME_PREFIX,
    OWNER,
    OWNER_LABEL,
    SHIM_KEY,
    manifest,
    namespace_manifest,
)
from kubectl_nsexec.model.http import CONFLICT, FORBIDDEN, NOT_FOUND

if TYPE_CHECKING:
    from collections.abc import Callable

    from kubectl_nsexec.helper.manifest import HelperSpec
    from kubectl_nsexec.helper.preflight import Preflight
    from kubectl_nsexec.kube import Cluster
    from kubectl_nsexec.model.http import Json

_HASH_CHARACTERS = 32


class HelperProgram(NamedTuple):
    """For nodes of one architecture."""

    architecture: str
    """As the node says it (status.nodeInfo.architecture)."""
    shim: bytes
    """The shim, a static ELF program."""
    agent: str

    @property
    def name(self) -> str:
        """Of the ConfigMap: no two programs share one."""
        digest = hashlib.sha256(hashlib.sha256(self.shim).digest() + self.agent.encode()).hexdigest()
        return f"{NAME_PREFIX}{self.architecture}-{digest[:_HASH_CHARACTERS]}"


def config_map(program: HelperProgram, namespace: str) -> Json:
    """The v1 ConfigMap."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": program.name, "namespace": namespace, "labels": {OWNER_LABEL: OWNER}},
        "immutable": True,
        "binaryData": {SHIM_KEY: base64.b64encode(program.shim).decode()},
        "data": {AGENT_KEY: program.agent},
    }


def path(namespace: str, name: str = "") -> str:
    """``/api/v1/namespaces/NS/configmaps[/NAME]``."""
    return f"/api/v1/namespaces/{namespace}/configmaps" + (f"/{name}" if name else "")


def is_there(cluster: Cluster, namespace: str, program: HelperProgram) -> bool:
    """Whether the ConfigMap is there, as it has to be.

    Raises ApiError, and HelperPodError for one of that name which has other content, or whose content may change.
    """
    try:
        found = cluster.request("GET", path(namespace, program.name))
    except ApiError as error:
        if error.status == NOT_FOUND:
            return False
        raise
    wanted = config_map(program, namespace)
    if any((found.get(key) or {}) != wanted[key] for key in ("binaryData", "data")):
        what = "has other content"
    elif found.get("immutable") is not True:
        what = "is not immutable"
    else:
        return True
    raise HelperPodError(
        f'the ConfigMap "{program.name}" in namespace "{namespace}" should hold the program of the helper pods, but it '
        f"{what}, so nothing of it is run: see who made it, then kubectl delete configmap {program.name} -n {namespace}"
    )


def ask_unless_there(look: Callable[[], bool], preflight: Preflight, namespace: str) -> bool:
    """What ``look`` (``is_there``) says; asks for the right to make it unless it is known to be there.

    That it may not be read is left to ``preflight``, which names it with all that is missing. Raises as ``is_there``.
    """
    try:
        found = look()
    except ApiError as error:
        if error.status != FORBIDDEN:
            raise
        found = False
    if not found:
        preflight.ask(*rbac.for_new_program(namespace))
    return found


def ensure(cluster: Cluster, namespace: str, program: HelperProgram) -> None:
    """Makes the ConfigMap, unless another client is faster. Raises ApiError, and HelperPodError as ``is_there``."""
    try:
        cluster.request("POST", path(namespace), body=config_map(program, namespace))
    except ApiError as error:
        if error.status != CONFLICT:
            raise
        if not is_there(cluster, namespace, program):
            raise


def would_be_made(cluster: Cluster, spec: HelperSpec) -> list[Json]:
    """The manifests of all that a run with this helper pod creates, in order. Raises as ``is_there``."""
    made = [] if _namespace_is_there(cluster, spec.namespace) else [namespace_manifest(spec.namespace)]
    if not is_there(cluster, spec.namespace, spec.program):
        made.append(config_map(spec.program, spec.namespace))
    return [*made, manifest(spec)]


def _namespace_is_there(cluster: Cluster, name: str) -> bool:
    """Also where nobody may say so."""
    try:
        cluster.request("GET", f"/api/v1/namespaces/{name}")
    except ApiError as error:
        return error.status != NOT_FOUND
    return True
