"""From a pod to its rows: one for each container and way in."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kubectl_nsexec.check import judge, landing, on_node, tenants
from kubectl_nsexec.check.facts import NodeFacts
from kubectl_nsexec.check.owners import Owner, owner_of
from kubectl_nsexec.check.resources import POOL, Owned, containers, owned
from kubectl_nsexec.check.rules import TOO_MANY, Finding, worst
from kubectl_nsexec.check.ways import WayIn, ways_into

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubectl_nsexec.check.facts import Facts
    from kubectl_nsexec.check.on_node import OnNodes
    from kubectl_nsexec.model.http import Json

_NO_NODE = NodeFacts()


class Row(NamedTuple):
    """One container and way in. Equal for replicas of one owner that are alike, whatever their nodes' names."""

    namespace: str
    owner: Owner
    container: str
    container_kind: str
    """``container`` or ``sidecar``."""
    way: WayIn
    landing: landing.Landing
    tenants: tenants.Tenants
    findings: tuple[Finding, ...]
    per_minute: float = 0.0
    """Commands that the kubelet starts in the container, by all ways in, in the long run."""
    out_of_sum: str = ""
    """Why its probes are not to count for their node; "" where they are."""
    unknown: str = ""
    """What could not be looked at, and may hide something worse."""
    line: int = 0
    """Of the manifest, where there is one."""

    @property
    def severity(self) -> str:
        """The worst of what is found and not suppressed; "" for none."""
        return worst(self.findings)


def of_pod(pod: Json, facts: Facts, line: int = 0, nodes: OnNodes | None = None) -> Iterator[Row]:
    """The rows of a v1 Pod as the API's JSON. ``facts`` are asked only where it counts: not for the shared pool.

    ``nodes``: what nodes were seen to say, which goes before what is concluded.
    """
    metadata, spec = pod.get("metadata") or {}, pod.get("spec") or {}
    namespace, owner = str(metadata.get("namespace") or ""), owner_of(pod)
    annotations = metadata.get("annotations") or {}
    for kind, container in containers(spec):
        claimed, unknown = _claimed(pod, container, facts)
        own = owned(pod, container, claimed)
        node, lands, lives = _NO_NODE, landing.Landing(landing.IN_POOL), tenants.Tenants()
        if own.kind != POOL:
            node = facts.node(str(spec.get("nodeName") or ""))
            lands, lives = _by_api(pod, container, own, node, facts)
            if lands.on_own_cpus:
                unknown = unknown or node.why_unknown
        stuck = False
        if nodes is not None:
            seen = nodes.of(pod, str(container.get("name") or ""))
            unknown = seen.unknown
            if seen.container is not None and seen.survey is not None:
                if seen.container.exec_by:
                    node = facts.node(str(spec.get("nodeName") or ""))
                lands = on_node.landing(lands, seen.container, seen.survey.cgroup, node)
                lives = on_node.lives(lands, seen.container, seen.survey)
                stuck = bool(on_node.stuck(seen.container))
        in_question = lands.on_own_cpus or bool(lands.unreliable) or lives.real_time == landing.CERTAIN
        ways = list(ways_into(container))
        for way in ways:
            yield Row(
                namespace=namespace,
                owner=owner,
                container=str(container.get("name") or ""),
                container_kind=kind,
                way=way,
                landing=lands,
                tenants=lives if in_question else tenants.Tenants(),
                findings=judge.findings(way, lands, lives, annotations, stuck=stuck),
                per_minute=sum(each.per_minute for each in ways),
                out_of_sum=judge.reason(TOO_MANY, annotations) if way.recurs else "",
                unknown=unknown,
                line=line,
            )


def _by_api(
    pod: Json, container: Json, own: Owned, node: NodeFacts, facts: Facts
) -> tuple[landing.Landing, tenants.Tenants]:
    """Where and beside whom by the API server's word."""
    runtime_class = str((pod.get("spec") or {}).get("runtimeClassName") or "")
    handler = facts.handler(runtime_class) if runtime_class else ""
    lands = landing.by_api(pod, container, own, node, handler)
    return lands, tenants.by_api(pod, container, node, handler)


def _claimed(pod: Json, container: Json, facts: Facts) -> tuple[bool, str]:
    """Whether a driver gives CPUs to ``container``, and why that is not known where it is not."""
    named = {str(each.get("name")) for each in (container.get("resources") or {}).get("claims") or []}
    if not named:
        return False, ""
    metadata, unknown = pod.get("metadata") or {}, ""
    made = {
        each.get("name"): each.get("resourceClaimName")
        for each in (pod.get("status") or {}).get("resourceClaimStatuses") or []
    }
    for claim in (pod.get("spec") or {}).get("resourceClaims") or []:
        if claim.get("name") not in named:
            continue
        is_there = claim.get("resourceClaimName") or made.get(claim.get("name"))
        name = str(is_there or claim.get("resourceClaimTemplateName") or "")
        asks = facts.claims_cpus(str(metadata.get("namespace") or ""), name, template=not is_there)
        if asks:
            return True, ""
        if asks is None:
            unknown = f"claim {name} could not be read: it may give CPUs"
    return False, unknown
