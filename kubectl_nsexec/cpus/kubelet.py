"""What the kubelet says about CPUs: its configuration (configz) and its CPU manager's checkpoint."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from kubectl_nsexec.errors import CpuPolicyError
from kubectl_nsexec.model.cpuset import CpuSet

POLICY_NONE = "none"
POLICY_STATIC = "static"


class KubeletCpus(NamedTuple):
    """The part of KubeletConfiguration (kubelet.config.k8s.io/v1beta1) that is about CPUs."""

    policy: str
    reserved: CpuSet | None
    """reservedSystemCPUs; None where the kubelet picks the reserved CPUs itself and does not publish them."""
    source: str = "kubelet configz"
    """Where that is written, without the name of the field."""


class CpuManagerState(NamedTuple):
    """The checkpoint ``cpu_manager_state``: who owns which CPU now. It does not hold the reserved set."""

    policy: str
    default: CpuSet
    """The shared pool."""
    exclusive: CpuSet
    """Everything given to a container or pod for itself."""


def parse_configz(configz: dict[str, Any]) -> KubeletCpus:
    """Reads ``GET /api/v1/nodes/NODE/proxy/configz``: ``{"kubeletconfig": {…}}``.

    Raises CpuPolicyError when it is not that, or names a CPU manager policy that is not known here.
    """
    config = configz.get("kubeletconfig")
    if not isinstance(config, dict):
        raise CpuPolicyError('the kubelet\'s configz has no "kubeletconfig"')
    return parse_config(config, "kubelet configz")


def parse_config(config: dict[str, Any], source: str) -> KubeletCpus:
    """Reads a KubeletConfiguration, ``source`` being where it is from. Raises CpuPolicyError as ``parse_configz``."""
    policy = str(config.get("cpuManagerPolicy") or POLICY_NONE).lower()
    if policy not in {POLICY_NONE, POLICY_STATIC}:
        raise CpuPolicyError(
            f'{source}: cpuManagerPolicy is "{policy}", which is not known; name CPUs with --cpus LIST'
        )
    try:
        reserved = CpuSet.parse(str(config.get("reservedSystemCPUs") or ""))
    except ValueError as error:
        raise CpuPolicyError(f"{source}: reservedSystemCPUs cannot be read: {error}") from error
    return KubeletCpus(policy, reserved or None, source)


def parse_cpu_manager_state(data: bytes) -> CpuManagerState | None:
    """Reads the checkpoint; None for no data (no such file, or it cannot be read).

    ``{"policyName": "static", "defaultCpuSet": "0-1,3", "entries": {POD_UID: {CONTAINER: "2"}}}``; v1 has
    ``{CONTAINER_ID: "2"}`` there, v3 adds ``"podEntries": {POD_UID: {"cpuSet": "2"}}``. Source: kubernetes,
    pkg/kubelet/cm/cpumanager/state/checkpoint.go. Raises CpuPolicyError when it is something else.
    """
    if not data.strip():
        return None
    try:
        state = json.loads(data)
        policy, default = state["policyName"], CpuSet.parse(state["defaultCpuSet"])
        exclusive = CpuSet()
        for key in ("entries", "podEntries"):
            for text in _leaves(state.get(key) or {}):
                exclusive |= CpuSet.parse(text)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CpuPolicyError(f"the node's cpu_manager_state cannot be read: {error!r}") from error
    if not isinstance(policy, str):
        raise CpuPolicyError("the node's cpu_manager_state cannot be read: policyName is not a string")
    return CpuManagerState(policy, default, exclusive)


def _leaves(tree: object) -> list[str]:
    """All strings of a nested mapping; anything else in it is an error, lest an owner be overlooked."""
    if isinstance(tree, str):
        return [tree]
    if isinstance(tree, dict):
        return [leaf for branch in tree.values() for leaf in _leaves(branch)]
    raise TypeError(f"expected CPU lists by owner, got {type(tree).__name__}")
