"""PerformanceProfiles (performance.openshift.io): the possible answers to listing them, and which one is a node's."""

from __future__ import annotations

from typing import Any, NamedTuple

from kubectl_nsexec.errors import ApiError, CpuPolicyError, UsageError

ROLE_PREFIX = "node-role.kubernetes.io/"
CURRENT_CONFIG_ANNOTATION = "machineconfiguration.openshift.io/currentConfig"
"""``rendered-POOL-HASH``: the pool whose configuration the node runs now (Machine Config Operator)."""

CLAIMS_ANNOTATION = "performance.openshift.io/dra-resource-management"
"""``"true"``: a driver gives CPUs away by claims (DRA), so the Node Tuning Operator writes the kubelet's policy none
and no reservedSystemCPUs (OpenShift 4.22)."""

_BASE_ROLES = {"worker": 0, "master": 1, "control-plane": 1}
"""A custom pool beats these; a control-plane node that also works belongs to the master pool."""
_CUSTOM_RANK = 2

Profile = dict[str, Any]


class ProfilesFound(NamedTuple):
    """The API answered; ``items`` may be empty."""

    items: tuple[Profile, ...]


class ProfilesApiMissing(NamedTuple):
    """404: the cluster does not serve performance.openshift.io in any version."""


class ProfilesForbidden(NamedTuple):
    """403, with the server's words."""

    message: str


ProfilesResult = ProfilesFound | ProfilesApiMissing | ProfilesForbidden


def profile_name(profile: Profile) -> str:
    """metadata.name."""
    return str((profile.get("metadata") or {}).get("name", ""))


def gives_by_claims(profile: Profile) -> bool:
    """Whether its CPUs are given away by claims, and not by the kubelet: see CLAIMS_ANNOTATION."""
    annotations = (profile.get("metadata") or {}).get("annotations") or {}
    return str(annotations.get(CLAIMS_ANNOTATION)) == "true"


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
        "between them; choose one by --profile NAME, or name the CPUs with --cpus LIST"
    )


def selects(profile: Profile, node: dict[str, Any]) -> bool:
    """Whether its nodeSelector takes ``node``."""
    return _selects(profile, (node.get("metadata") or {}).get("labels") or {})


def named_profile(profiles: ProfilesResult, name: str) -> Profile:
    """The profile that ``--profile`` names. Raises UsageError listing those that there are."""
    if isinstance(profiles, ProfilesApiMissing):
        raise UsageError(
            f"--profile {name}: this cluster has no PerformanceProfile API; name the CPUs with --cpus LIST"
        )
    if isinstance(profiles, ProfilesForbidden):
        raise UsageError(
            f"--profile {name}: {may_not_list(profiles)}; {get_leave()}, or name the CPUs with --cpus LIST"
        )
    found = next((profile for profile in profiles.items if profile_name(profile) == name), None)
    if found is None:
        names = ", ".join(sorted(map(profile_name, profiles.items))) or "none"
        raise UsageError(f'--profile: there is no PerformanceProfile "{name}"; there are: {names}')
    return found


def why_none(profiles: ProfilesResult, node: str) -> str:
    """Why no profile is the node's: 404, 403, an empty list (hosted control planes), or none that selects it."""
    if isinstance(profiles, ProfilesApiMissing):
        return "this cluster has no PerformanceProfile API"
    if isinstance(profiles, ProfilesForbidden):
        return may_not_list(profiles)
    if not profiles.items:
        return (
            "this cluster has the PerformanceProfile API but no profile in it (with hosted control planes they live "
            "in the management cluster), which does not mean that nothing is isolated"
        )
    return f"none of the PerformanceProfiles ({', '.join(map(profile_name, profiles.items))}) selects node {node}"


def next_step(profiles: ProfilesResult) -> str:
    """What would give the node a profile, beside naming the CPUs by hand."""
    if isinstance(profiles, ProfilesForbidden):
        return f"name the CPUs with --cpus LIST, or {get_leave()}"
    if isinstance(profiles, ProfilesApiMissing):
        return "name the CPUs with --cpus LIST"
    if not profiles.items:
        return "look up spec.cpu.reserved in the hosting cluster's NodePool and name the CPUs with --cpus LIST"
    return "choose one by --profile NAME, correct its nodeSelector, or name the CPUs with --cpus LIST"


def may_not_list(profiles: ProfilesForbidden) -> str:
    """In the server's words."""
    return f"PerformanceProfiles may not be listed ({profiles.message})"


def refusal(profiles: ProfilesResult) -> ApiError | None:
    """The server's refusal, for the cause of an error that comes of it; None where it did not refuse."""
    if not isinstance(profiles, ProfilesForbidden):
        return None
    return ApiError(profiles.message, reason="Forbidden", status=403)


def get_leave() -> str:
    """The right that is missing."""
    return "get leave to list performanceprofiles.performance.openshift.io"


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
