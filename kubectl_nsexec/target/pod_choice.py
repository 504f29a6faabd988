"""Which pod stands for a Deployment, a Service and the like: kubectl's choice, as functions of plain JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubectl_nsexec.errors import TargetError

if TYPE_CHECKING:
    from kubectl_nsexec.model.http import Json
    from kubectl_nsexec.model.resource_reference import Kind

_OPERATORS = {
    "In": "{key} in ({values})",
    "NotIn": "{key} notin ({values})",
    "Exists": "{key}",
    "DoesNotExist": "!{key}",
}
_PHASES = {"Pending": 0, "Unknown": 1, "Running": 2}
_FINISHED = {"Succeeded", "Failed"}
_NO_TIME = ""


def selector(kind: Kind, found: Json) -> str:
    """The labelSelector parameter for the pods of ``found``, an object of ``kind`` as the API's JSON.

    Source: kubectl, polymorphichelpers.SelectorsForObject. Raises TargetError where there is no selector.
    """
    given = (found.get("spec") or {}).get("selector") or {}
    labels = given if kind.labels_only else given.get("matchLabels") or {}
    terms = [f"{key}={value}" for key, value in sorted(labels.items())]
    if not kind.labels_only:
        terms += [_term(expression) for expression in given.get("matchExpressions") or []]
    if not terms:
        name = (found.get("metadata") or {}).get("name", "")
        raise TargetError(
            f"cannot attach to *v1.{kind.name}: invalid {kind.name.lower()} '{name}': "
            f"{kind.name} is defined without a selector"
        )
    return ",".join(terms)


def _term(expression: Json) -> str:
    form = _OPERATORS.get(str(expression.get("operator")))
    if form is None:
        raise TargetError(
            f'invalid label selector: "{expression.get("operator")}" is not a valid label selector operator'
        )
    return form.format(key=expression.get("key"), values=",".join(map(str, expression.get("values") or [])))


def best_first(pods: list[Json]) -> list[Json]:
    """``pods`` in the order in which kubectl prefers them: running, ready and long ready ones first.

    Source: kubectl, podutils.ActivePods, which is sorted in reverse.
    """
    return sorted(pods, key=_rank, reverse=True)


def _rank(pod: Json) -> tuple[object, ...]:
    """Compares as ActivePods.Less. RFC 3339 times in UTC compare as text."""
    metadata, status = pod.get("metadata") or {}, pod.get("status") or {}
    ready_since = _ready_since(status)
    deleted = metadata.get("deletionTimestamp") or _NO_TIME
    return (
        bool((pod.get("spec") or {}).get("nodeName")),
        _PHASES.get(str(status.get("phase")), 0),
        ready_since is not None,
        not deleted,
        deleted,
        _older_is_more(ready_since or _NO_TIME),
        *(-count for count in _restarts(pod)),
        _older_is_more(metadata.get("creationTimestamp") or _NO_TIME),
    )


def _older_is_more(time: str) -> tuple[bool, tuple[int, ...]]:
    """No time < newer < older."""
    return bool(time), tuple(-ord(character) for character in time)


def _ready_since(status: Json) -> str | None:
    for condition in status.get("conditions") or []:
        if condition.get("type") == "Ready":
            return str(condition.get("lastTransitionTime") or _NO_TIME) if condition.get("status") == "True" else None
    return None


def _restarts(pod: Json) -> tuple[int, int]:
    """The highest restart counts of ordinary containers and of sidecars."""
    status = pod.get("status") or {}
    initial = (pod.get("spec") or {}).get("initContainers") or []
    sidecars = {container.get("name") for container in initial if container.get("restartPolicy") == "Always"}
    ordinary = [int(s.get("restartCount") or 0) for s in status.get("containerStatuses") or []]
    beside = [
        int(s.get("restartCount") or 0) for s in status.get("initContainerStatuses") or [] if s.get("name") in sidecars
    ]
    return max(ordinary, default=0), max(beside, default=0)


def settled(pods: list[Json]) -> Json | None:
    """The pod to take now, or None while waiting for one may help.

    A running one; else, when all have run to their end (a finished Job), the first, so that the error says so.
    """
    first = next(iter(best_first(pods)), None)
    if first is None:
        return None
    phases = {str((pod.get("status") or {}).get("phase")) for pod in pods}
    return first if "Running" in phases or phases <= _FINISHED else None


def described(pods: list[Json]) -> str:
    """Why none of ``pods`` runs, for an error: the best one and what its conditions say."""
    first = next(iter(best_first(pods)), None)
    if first is None:
        return "no pod matches its selector"
    metadata, status = first.get("metadata") or {}, first.get("status") or {}
    why: Json = next((c for c in status.get("conditions") or [] if c.get("status") == "False" and c.get("message")), {})
    reason = f" ({why.get('reason')}: {why.get('message')})" if why else ""
    return f"pod {metadata.get('name')} is {status.get('phase', 'Unknown')}{reason}"
