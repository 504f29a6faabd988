"""What the cluster says about a pod's surroundings: its node, the profile of that, runtime classes, claims."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, Protocol

from kubectl_nsexec.cpus.profiles import gives_by_claims, match_profile, profile_name
from kubectl_nsexec.errors import CpuPolicyError
from kubectl_nsexec.model.cpuset import CpuSet

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kubectl_nsexec.model.http import Json

CRI_O, CONTAINERD = "cri-o", "containerd"
EXEC_AFFINITY_ANNOTATION = "performance.openshift.io/exec-cpu-affinity"
"""On a PerformanceProfile: ``disable`` leaves ``exec_cpu_affinity`` out of CRI-O's configuration (OpenShift 4.22)."""
CPU_DRIVER = "dra.cpu"
"""github.com/kubernetes-sigs/dra-driver-cpu: its driver, its DeviceClass, and the start of the classes it makes."""

_VERSION = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?", re.ASCII)
_REAL_TIME = re.compile(r"(?:^|[^a-z])(?:preempt_)?rt(?:$|[^a-z])", re.IGNORECASE)
"""``5.14.0-570.el9.x86_64+rt``, ``6.12.0-rt5``, ``4.18.0-305.rt7.72.el8.x86_64``."""

Version = tuple[int, int, int]


class ProfileFacts(NamedTuple):
    """What counts here of a node's PerformanceProfile."""

    name: str
    shared: CpuSet = CpuSet()
    """spec.cpu.shared, where workloadHints.mixedCpus lets containers ask for them."""
    real_time: bool = False
    """spec.realTimeKernel.enabled."""
    no_exec_affinity: bool = False
    """It opts out of ``exec_cpu_affinity``."""
    by_claims: bool = False
    """CPUs are given away by claims, so the kubelet gives none."""


class NodeFacts(NamedTuple):
    """What counts here of a node, or of one that is not known: then ``why_unknown`` says why."""

    name: str = ""
    runtime: str = ""
    """``cri-o``, ``containerd``, ``docker``."""
    version: Version | None = None
    kernel: str = ""
    kubelet: Version | None = None
    profile: ProfileFacts | None = None
    why_unknown: str = ""

    @property
    def real_time(self) -> bool:
        """A kernel with PREEMPT_RT, by its name or by the profile."""
        return bool(_REAL_TIME.search(self.kernel)) or (self.profile is not None and self.profile.real_time)

    @property
    def runtime_words(self) -> str:
        """``cri-o 1.34.2``; "" where it is not known."""
        return " ".join([self.runtime, *([".".join(map(str, self.version))] if self.version else [])])


class Facts(Protocol):
    """What is asked of the cluster, or of what stands for it; each answer may be that it is not known."""

    def node(self, name: str) -> NodeFacts:
        """The node of that name."""
        ...

    def handler(self, runtime_class: str) -> str | None:
        """The handler of a RuntimeClass; None where it is not known."""
        ...

    def claims_cpus(self, namespace: str, claim: str, *, template: bool) -> bool | None:
        """Whether a ResourceClaim (or ResourceClaimTemplate) asks a CPU driver; None where it is not known."""
        ...


class KnownFacts(NamedTuple):
    """Facts that are all there: of a manifest, of a test."""

    nodes: Mapping[str, NodeFacts] = {}
    handlers: Mapping[str, str] = {}
    claims: Mapping[tuple[str, bool], bool] = {}
    """(name, whether it is a template) → whether it asks a CPU driver."""

    def node(self, name: str) -> NodeFacts:
        """See Facts."""
        return self.nodes.get(name, NodeFacts(name))

    def handler(self, runtime_class: str) -> str | None:
        """See Facts."""
        return self.handlers.get(runtime_class)

    def claims_cpus(self, namespace: str, claim: str, *, template: bool) -> bool | None:  # noqa: ARG002 - one namespace
        """See Facts."""
        return self.claims.get((claim, template))


def version(text: str) -> Version | None:
    """``1.34.2-3.rhaos4.21.git…``, ``v1.34.1+abc`` as three numbers."""
    found = _VERSION.search(text)
    return (int(found[1]), int(found[2]), int(found[3] or 0)) if found else None


def runtime_of(text: str) -> tuple[str, Version | None]:
    """Of ``cri-o://1.34.2-3.rhaos4.21.git…`` (v1 Node, status.nodeInfo.containerRuntimeVersion)."""
    runtime, _, number = text.partition("://")
    return runtime, version(number)


def node_facts(node: Json, profiles: list[Json]) -> NodeFacts:
    """Of a v1 Node; ``profiles`` are the PerformanceProfiles of the cluster."""
    info = (node.get("status") or {}).get("nodeInfo") or {}
    runtime, number = runtime_of(str(info.get("containerRuntimeVersion") or ""))
    try:
        profile = match_profile(profiles, node)
    except CpuPolicyError:  # several select it: none of their opt-outs is certain
        profile = None
    return NodeFacts(
        name=str((node.get("metadata") or {}).get("name") or ""),
        runtime=runtime,
        version=number,
        kernel=str(info.get("kernelVersion") or ""),
        kubelet=version(str(info.get("kubeletVersion") or "")),
        profile=None if profile is None else profile_facts(profile),
    )


def profile_facts(profile: Json) -> ProfileFacts:
    """Of a PerformanceProfile."""
    spec = profile.get("spec") or {}
    annotations = (profile.get("metadata") or {}).get("annotations") or {}
    mixed = bool((spec.get("workloadHints") or {}).get("mixedCpus"))
    try:
        shared = CpuSet.parse(str((spec.get("cpu") or {}).get("shared") or "")) if mixed else CpuSet()
    except ValueError:
        shared = CpuSet()
    return ProfileFacts(
        name=profile_name(profile),
        shared=shared,
        real_time=bool((spec.get("realTimeKernel") or {}).get("enabled")),
        no_exec_affinity=str(annotations.get(EXEC_AFFINITY_ANNOTATION)) == "disable",
        by_claims=gives_by_claims(profile),
    )


def asks_cpu_driver(claim_spec: Json, status: Json | None = None) -> bool:
    """Whether a ResourceClaim's spec asks for CPUs, or its allocation has some (resource.k8s.io, v1 and v1beta1)."""
    results = (((status or {}).get("allocation") or {}).get("devices") or {}).get("results") or []
    if any(result.get("driver") == CPU_DRIVER for result in results):
        return True
    classes = []
    for request in (claim_spec.get("devices") or {}).get("requests") or []:
        either = [request, request.get("exactly") or {}, *(request.get("firstAvailable") or [])]
        classes += [str(each.get("deviceClassName") or "") for each in either]
    return any(name == CPU_DRIVER or name.startswith(f"{CPU_DRIVER}-") for name in classes)
