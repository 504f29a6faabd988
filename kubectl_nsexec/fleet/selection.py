"""Which pods are meant: listed page by page, the running ones kept, what is left out counted."""

from __future__ import annotations

import random
from collections import Counter
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, NamedTuple

from kubectl_nsexec.errors import TargetError
from kubectl_nsexec.helper.manifest import OWNER, OWNER_LABEL
from kubectl_nsexec.kube import lists
from kubectl_nsexec.kube.api import pod_path
from kubectl_nsexec.model.resource_reference import parse
from kubectl_nsexec.target import container_choice, find_pod

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kubectl_nsexec.kube import Cluster
    from kubectl_nsexec.kube.api import Query
    from kubectl_nsexec.model.fleet import Amount, Fleet
    from kubectl_nsexec.model.http import Json
    from kubectl_nsexec.model.request import Request

_NODE_FIELD = "spec.nodeName"


class Selection(NamedTuple):
    """The pods, sorted by namespace and name; ``left_out``: why → how many, of those that matched."""

    pods: list[Json]
    left_out: Mapping[str, int]

    def notice(self) -> str | None:
        """What was left out, for the user; None for nothing."""
        return f"left out: {_counted(self.left_out)}" if self.left_out else None


def find(cluster: Cluster, request: Request, fleet: Fleet, rng: random.Random | None = None) -> Selection:
    """The running pods that ``request`` means. Raises ApiError, and TargetError where there is none."""
    namespace = request.namespace or cluster.namespace
    listed = lists.pages_anew(cluster, pods_path(namespace, fleet), _query(cluster, namespace, request, fleet))
    kept: dict[str, Json] = {}
    left_out: dict[str, str] = {}
    for page in listed:
        for pod in page:
            if fleet.nodes and _node(pod) not in fleet.nodes:
                continue
            key = str(pod["metadata"].get("uid") or _name(pod))  # a list that began anew has most of them twice
            if why := _why_not(pod, fleet.exclude):
                left_out[key] = why
            else:
                kept[key] = container_choice.slim(pod)
    counted = Counter(left_out.values())
    pods = sorted(kept.values(), key=_name)
    if fleet.pick is not None and pods:
        sample = drawn(pods, fleet.pick, rng or random.SystemRandom())
        counted["not picked"] = len(pods) - len(sample)
        pods = sample
    if not pods:
        found = f" (left out: {_counted(counted)})" if counted else ""
        raise TargetError(f"no running pod matches {described(request, fleet, namespace)}{found}")
    return Selection(pods, +counted)


def pods_path(namespace: str, fleet: Fleet) -> str:
    """Where those pods are listed."""
    return "/api/v1/pods" if fleet.all_namespaces else pod_path(namespace)


def _query(cluster: Cluster, namespace: str, request: Request, fleet: Fleet) -> Query:
    labels, fields = fleet.selector, [fleet.field_selector] if fleet.field_selector else []
    if fleet.all_pods:
        labels = find_pod.selector(cluster, namespace, parse(request.pod))
    if len(fleet.nodes) == 1:  # of several the server knows no field selector
        fields.append(f"{_NODE_FIELD}={fleet.nodes[0]}")
    query = [("labelSelector", labels)] if labels else []
    return [*query, ("fieldSelector", ",".join(fields))] if fields else query


def _why_not(pod: Json, exclude: Iterable[str]) -> str | None:
    """Why a pod that matches is left out; None where it runs."""
    metadata, status = pod["metadata"], pod.get("status") or {}
    if (metadata.get("labels") or {}).get(OWNER_LABEL) == OWNER:
        return "helper pod of nsexec"
    if any(fnmatchcase("/".join(_name(pod)), pattern) for pattern in exclude):
        return "excluded"
    if metadata.get("deletionTimestamp"):
        return "being deleted"
    phase = str(status.get("phase") or "Unknown")
    return None if phase == "Running" and _node(pod) else phase


def drawn(pods: list[Json], amount: Amount, rng: random.Random) -> list[Json]:
    """So many of ``pods`` in their order, by chance, and as many on one node as on another where there are so many."""
    by_node: dict[str, list[Json]] = {}
    for pod in pods:
        by_node.setdefault(_node(pod), []).append(pod)
    groups = [rng.sample(group, len(group)) for group in by_node.values()]
    rng.shuffle(groups)  # or the last round would always be for the first nodes
    rounds = [group[turn] for turn in range(max(map(len, groups))) for group in groups if turn < len(group)]
    return sorted(rounds[: amount.at_least(len(pods))], key=_name)


def described(request: Request, fleet: Fleet, namespace: str) -> str:
    """What was asked for, in the flags' words."""
    words = [f"{request.pod} --all-pods"] if fleet.all_pods else []
    words += [f"-l {fleet.selector}"] if fleet.selector else []
    words += [f"--field-selector {fleet.field_selector}"] if fleet.field_selector else []
    words += [f"--node {name}" for name in fleet.nodes]
    where = "in any namespace" if fleet.all_namespaces else f'in the namespace "{namespace}"'
    return " ".join([*words, where])


def _counted(reasons: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()) if count)


def _name(pod: Json) -> tuple[str, str]:
    return str(pod["metadata"].get("namespace") or ""), str(pod["metadata"].get("name") or "")


def _node(pod: Json) -> str:
    return str((pod.get("spec") or {}).get("nodeName") or "")
