"""Which CPUs a container of a pod has for itself, by the pod's own word: QoS, whole CPUs, pod-level resources, claims.

Sources: kubernetes, pkg/apis/core/v1/helper/qos/qos.go; pkg/kubelet/cm/cpumanager/policy_static.go (guaranteedCPUs);
KEP-2837 (pod-level resources); KEP-5526 (managers for them, alpha in 1.36); KEP-753 (native sidecars).
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kubectl_nsexec.model.http import Json

POOL, WHOLE, POD_LEVEL, CLAIM = "pool", "whole CPUs", "pod-level resources", "a claim"
"""The shared pool; whole CPUs of a Guaranteed pod; whole CPUs of the pod, not the container; a driver's (DRA)."""
GUARANTEED, BURSTABLE, BEST_EFFORT = "Guaranteed", "Burstable", "BestEffort"

_QUANTITY = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(?:([eE][+-]?\d{1,3})|([numkMGTPE]|[KMGTPE]i))?", re.ASCII)
_SUFFIXES: dict[str, Decimal] = {
    **{suffix: Decimal(10) ** power for suffix, power in (("n", -9), ("u", -6), ("m", -3), ("k", 3), ("M", 6))},
    **{suffix: Decimal(10) ** power for suffix, power in (("G", 9), ("T", 12), ("P", 15), ("E", 18))},
    **{f"{suffix}i": Decimal(1024) ** power for power, suffix in enumerate("KMGTPE", 1)},
}


class Owned(NamedTuple):
    """What a container has for itself: POOL, WHOLE, POD_LEVEL or CLAIM, and how many CPUs; None: not known."""

    kind: str
    cpus: int | None = None


def quantity(value: object) -> Decimal | None:
    """A resource.Quantity, ``"500m"``, ``"2"``, ``2``, ``"1Gi"``; None where it is none."""
    found = _QUANTITY.fullmatch(str(value).strip())
    if found is None:
        return None
    number, exponent, suffix = found.groups()
    return Decimal(number + (exponent or "")) * _SUFFIXES.get(suffix or "", Decimal(1))


def containers(spec: Json) -> list[tuple[str, Json]]:
    """``("container" | "sidecar", container)`` of those that run as long as the pod; a sidecar is one of init's.

    Init containers that end, and ephemeral ones, which are in the shared pool, are left out.
    """
    sidecars = [each for each in spec.get("initContainers") or [] if each.get("restartPolicy") == "Always"]
    ordinary = [("container", each) for each in spec.get("containers") or []]
    return [*ordinary, *(("sidecar", each) for each in sidecars)]


def qos(pod: Json) -> str:
    """The pod's QoS class: as the API server says it, else as it would."""
    known = (pod.get("status") or {}).get("qosClass")
    if known in (GUARANTEED, BURSTABLE, BEST_EFFORT):
        return str(known)
    spec = pod.get("spec") or {}
    if _asks(spec):  # of pod-level resources only these count
        return GUARANTEED if _guaranteed(spec) else BURSTABLE
    all_of_them = [*(spec.get("containers") or []), *(spec.get("initContainers") or [])]
    if not any(map(_asks, all_of_them)):
        return BEST_EFFORT
    return GUARANTEED if all(map(_guaranteed, all_of_them)) else BURSTABLE


def owned(pod: Json, container: Json, claimed: bool | None) -> Owned:  # noqa: FBT001 - one of a container's facts
    """What ``container`` of ``pod`` has for itself, where the kubelet's CPU manager policy is static.

    ``claimed``: it has a claim of a driver that gives CPUs away.
    """
    if claimed:
        return Owned(CLAIM)
    spec = pod.get("spec") or {}
    if qos(pod) != GUARANTEED:
        return Owned(POOL)
    if _asks(spec):
        own = _whole(container) or _whole(spec)
        return Owned(POD_LEVEL, own) if own else Owned(POOL)
    cpus = _whole(container)
    return Owned(WHOLE, cpus) if cpus else Owned(POOL)


def _whole(holder: Json) -> int | None:
    """The whole CPUs that are asked for; None where it is a part of one, or none."""
    asked = _requests(holder).get("cpu")
    if asked is None or asked <= 0 or asked != asked.to_integral_value():
        return None
    return int(asked)


def _requests(holder: Json) -> Mapping[str, Decimal]:
    """By resource; a request that is not there is the limit (API server's defaulting)."""
    resources = holder.get("resources") or {}
    given = {**(resources.get("limits") or {}), **(resources.get("requests") or {})}
    return {name: value for name, text in given.items() if (value := quantity(text)) is not None}


def _asks(holder: Json) -> bool:
    asked = _requests(holder)
    return any(asked.get(name) for name in ("cpu", "memory"))


def _guaranteed(holder: Json) -> bool:
    limits = (holder.get("resources") or {}).get("limits") or {}
    asked = _requests(holder)
    return all(asked.get(name) and quantity(limits.get(name)) == asked[name] for name in ("cpu", "memory"))
