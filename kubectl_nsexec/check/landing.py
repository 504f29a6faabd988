"""Where a process lands that is started in a container by its runtime: ``oc exec``, exec probes and exec hooks alike.

Sources: CRI-O, internal/runtimehandlerhooks (handlers whose name has ``high-performance`` in it, shouldRunHooks) and
crio.conf(5), exec_cpu_affinity; runc#5036; containerd has nothing of the kind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kubectl_nsexec.check.facts import CRI_O
from kubectl_nsexec.check.resources import CLAIM, POD_LEVEL, POOL
from kubectl_nsexec.target.container_choice import SANDBOXED

if TYPE_CHECKING:
    from kubectl_nsexec.check.facts import NodeFacts
    from kubectl_nsexec.check.resources import Owned
    from kubectl_nsexec.model.http import Json

SHARED_CPU, FIRST, ANY, OF_CLAIM, IN_POOL, ELSEWHERE = (
    "SharedCPU",
    "FirstExclusiveCPU",
    "AnyExclusiveCPU",
    "CPUsOfClaim",
    "SharedPool",
    "VirtualMachine",
)
_WORDS = {
    SHARED_CPU: "shared CPU",
    FIRST: "first exclusive CPU",
    ANY: "any of its exclusive CPUs",
    OF_CLAIM: "any CPU of its claim",
    IN_POOL: "shared pool",
    ELSEWHERE: "a kernel of its own",
}
POSSIBLE, LIKELY, CERTAIN = "possible", "likely", "certain"
"""How sure it is; certain is what was looked at on the node."""

HIGH_PERFORMANCE = "high-performance"
SHARED_ANNOTATION = "cpu-shared.crio.io"
SHARED_RESOURCE = "workload.openshift.io/enable-shared-cpus"
"""What a container asks for; the API server then writes SHARED_ANNOTATION/CONTAINER (openshift-kube-apiserver)."""
_WITH_AFFINITY, _RELIABLE, _BY_DEFAULT = (1, 34, 0), (1, 34, 4), (1, 35, 0)
"""CRI-O's releases: the first with it, the first that does it by a cgroup, that of OpenShift 4.22 (on by default)."""
FIXED_CRI_O = "CRI-O 1.34.4 or 1.35"
CGROUP_V1 = "cgroup v1"
"""CRI-O keeps execs by a folder of their own on v2 only."""
SHARED_CPUS = "shared CPUs"
"""SHARED_RESOURCE, where the profile has some."""
_PROFILE_CLASS = "performance-"
"""performance-NAME is the RuntimeClass of a PerformanceProfile (Node Tuning Operator), with that handler."""
_MANAGES_PODS = (1, 36, 0)


class Landing(NamedTuple):
    """Where, how sure that is, and why; ``cpu`` where its number is known."""

    kind: str
    verdict: str = LIKELY
    cpu: int | None = None
    cpus: int | None = None
    """How many the container has for itself."""
    unreliable: str = ""
    """Under what the runtime may fail to keep it there: CGROUP_V1, or its release; "" where it does not."""
    why: tuple[str, ...] = ()
    better: str = ""
    """What would make it land off the container's threads, of what the cluster has."""

    @property
    def words(self) -> str:
        """As it stands in a table."""
        return _WORDS[self.kind] if self.cpu is None else f"{_WORDS[self.kind]} {self.cpu}"

    @property
    def on_own_cpus(self) -> bool:
        """Where the container's own threads are."""
        return self.kind in (FIRST, ANY, OF_CLAIM)


def is_high_performance(handler: str | None, runtime_class: str) -> bool:
    """By the handler, or by the class's name where that may not be read."""
    if handler is not None:
        return HIGH_PERFORMANCE in handler
    return HIGH_PERFORMANCE in runtime_class or runtime_class.startswith(_PROFILE_CLASS)


def left_to_runtime(node: NodeFacts) -> str:
    """The node's release, where it is one of CRI-O's that leave exec_cpu_affinity to the OCI runtime; "" else."""
    if node.runtime != CRI_O or node.version is None or not _WITH_AFFINITY <= node.version < _RELIABLE:
        return ""
    return node.runtime_words


def asks_for_shared(pod: Json, container: Json) -> bool:
    """Whether it asked for shared CPUs: the annotation of its name, or the resource behind it."""
    annotations = (pod.get("metadata") or {}).get("annotations") or {}
    resources = container.get("resources") or {}
    asked = {**(resources.get("requests") or {}), **(resources.get("limits") or {})}
    return annotations.get(f"{SHARED_ANNOTATION}/{container.get('name')}") == "enable" or SHARED_RESOURCE in asked


def by_api(pod: Json, container: Json, own: Owned, node: NodeFacts, handler: str | None) -> Landing:
    """Where it lands by what the API server says. ``handler`` None: the pod's class could not be read."""
    runtime_class = str((pod.get("spec") or {}).get("runtimeClassName") or "")
    if SANDBOXED.search(handler or runtime_class):
        return Landing(ELSEWHERE, why=(f"runtime class {runtime_class}: it has a kernel of its own",))
    if own.kind == CLAIM:
        return Landing(OF_CLAIM, POSSIBLE, why=("a driver gives it CPUs; which, the node knows",))
    pool = _why_pool(own, node)
    if pool is not None:
        return Landing(IN_POOL, why=pool)
    if own.kind == POD_LEVEL:
        why = "pod-level resources: exclusive with the kubelet's PodLevelResourceManagers only"
        return Landing(ANY, POSSIBLE, cpus=own.cpus, why=(why,))
    return _exclusive(pod, container, own, node, is_high_performance(handler, runtime_class))


def _why_pool(own: Owned, node: NodeFacts) -> tuple[str, ...] | None:
    """Why the container has no CPU for itself; None where it has."""
    if own.kind == POOL:
        return ()
    if node.profile is not None and node.profile.by_claims:
        return (f"profile {node.profile.name} gives CPUs away by claims only",)
    if own.kind == POD_LEVEL and node.kubelet is not None and node.kubelet < _MANAGES_PODS:
        return ("pod-level resources get no exclusive CPUs before Kubernetes 1.36",)
    return None


def _exclusive(pod: Json, container: Json, own: Owned, node: NodeFacts, hooks: bool) -> Landing:  # noqa: FBT001 - a fact
    """Of a Guaranteed container of whole CPUs."""
    tuned = f"profile {node.profile.name}" if node.profile else "exclusive where the kubelet's policy is static"
    sure = LIKELY if node.profile else POSSIBLE
    without, missing = _why_no_affinity(node, hooks)
    shared = [SHARED_CPUS] if node.profile is not None and node.profile.shared else []
    if without or node.version is None or node.profile is None:
        # With the affinity alone a single CPU stays the loop's.
        better = " and ".join([missing, *shared]) if missing and (shared or own.cpus != 1) else ""
        return Landing(ANY, sure, cpus=own.cpus, why=(tuned, without), better=better)
    unreliable = left_to_runtime(node)
    sure = LIKELY if node.version >= _BY_DEFAULT else POSSIBLE
    why = (tuned, f'{node.runtime_words}, exec_cpu_affinity = "first"')
    fixed = [FIXED_CRI_O] if unreliable else []
    if asks_for_shared(pod, container):
        first = min(node.profile.shared) if node.profile.shared else None
        return Landing(SHARED_CPU, sure, first, own.cpus, unreliable, why, *fixed)
    return Landing(FIRST, sure, None, own.cpus, unreliable, why, " and ".join([*fixed, *shared]))


def _why_no_affinity(node: NodeFacts, hooks: bool) -> tuple[str, str]:  # noqa: FBT001 - as above
    """Why an exec is kept nowhere in particular, and what is missing; "" where CRI-O has the affinity."""
    if node.runtime != CRI_O:
        return f"{node.runtime} keeps an exec nowhere in particular" if node.runtime else "the runtime is not known", ""
    if node.profile is None:
        return "whether CRI-O has exec_cpu_affinity is not known: no profile was seen", ""
    if not hooks:
        return f"its handler is not {HIGH_PERFORMANCE}, so CRI-O sets no affinity", "the profile's runtime class"
    if node.version is None or node.version < _WITH_AFFINITY:
        return f"{node.runtime_words} has no exec_cpu_affinity (1.34 has)", FIXED_CRI_O
    if node.profile.no_exec_affinity:
        return "the profile opts out of exec_cpu_affinity", f"exec_cpu_affinity (profile {node.profile.name} opts out)"
    return "", ""
