"""PerformanceProfiles (performance.openshift.io): the possible answers to listing them, and which one is a node's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kubectl_nsexec.errors import CpuPolicyError

ROLE_PREFIX = "node-role.kubernetes.io/"
CURRENT_CONFIG_ANNOTATION = "machineconfiguration.openshift.io/currentConfig"
"""``rendered-POOL-HASH``: the pool whose configuration the node runs now (Machine Config Operator)."""

_BASE_ROLES = {"worker": 0, "master": 1, "control-plane": 1}
"""A custom pool beats these; a control-plane node that also works belongs to the master pool."""
_CUSTOM_RANK = 2

Profile = dict[str, Any]


@dataclass(frozen=True)
class ProfilesFound:
    """The API answered; ``items`` may be empty."""

    items: tuple[Profile, ...]


@dataclass(frozen=True)
class ProfilesApiMissing:
    """404: the cluster does not serve performance.openshift.io in any version."""


@dataclass(frozen=True)
class ProfilesForbidden:
    """403, with the server's words."""

    message: str


ProfilesResult = ProfilesFound | ProfilesApiMissing | ProfilesForbidden


def profile_name(profile: Profile) -> str:
    """metadata.name."""
    return str((profile.get("metadata") or {}).get("name", ""))


def match_profile(profiles: list[Profile], node: dict[str, Any]) -> Profile | None:
    """The one profile whose nodeSelector takes ``node`` (a v1 Node as the API's JSON), or None.

    A node of a custom pool carries the worker label too, so several may match: the node's own pool decides,
    then a custom role over ``worker`` and ``master``. Raises CpuPolicyError naming all when that leaves several.
    """
    metadata = node.get("metadata") or {}
    labels = metadata.get("labels") or {}
    matching = [profile for profile in profiles if _selects(profile, labels)]
    if len(matching) <= 1:
        return matching[0] if matching else None
    pool = _pool(metadata.get("annotations") or {})
    own = [profile for profile in matching if pool and pool in _roles(profile)]
    if len(own) == 1:
        return own[0]
    best = max(map(_rank, matching))
    first = [profile for profile in matching if _rank(profile) == best]
    if len(first) == 1:
        return first[0]
    names = " and ".join(f'"{profile_name(profile)}"' for profile in first)
    raise CpuPolicyError(
        f"the PerformanceProfiles {names} all select node {metadata.get('name', '')}, and its pool does not decide "
        "between them; name the CPUs with --cpus LIST"
    )


def _selector(profile: Profile) -> dict[str, str]:
    """nodeSelector; a null value stands for the empty string, which YAML writers often mean."""
    selector = (profile.get("spec") or {}).get("nodeSelector") or {}
    return {str(key): "" if value is None else str(value) for key, value in selector.items()}


def _selects(profile: Profile, labels: dict[str, str]) -> bool:
    selector = _selector(profile)
    return bool(selector) and all(labels.get(key) == value for key, value in selector.items())


def _roles(profile: Profile) -> set[str]:
    return {key.removeprefix(ROLE_PREFIX) for key in _selector(profile) if key.startswith(ROLE_PREFIX)}


def _rank(profile: Profile) -> int:
    """How narrow the pool is that the selector names: worker < master < custom."""
    roles = _roles(profile) or {""}
    return max(_BASE_ROLES.get(role, _CUSTOM_RANK) for role in roles)


def _pool(annotations: dict[str, str]) -> str:
    rendered, _, rest = annotations.get(CURRENT_CONFIG_ANNOTATION, "").partition("-")
    return rest.rpartition("-")[0] if rendered == "rendered" else ""
