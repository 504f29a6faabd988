"""The rules: an id that never changes its meaning, what it says, and the rule of certsuite that it corresponds to.

certsuite: github.com/redhat-best-practices-for-k8s/certsuite, tests/identifiers/performance.go (2026). The limits of
probes are Red Hat's for RAN DU workloads ("Telco RAN DU application workloads" of the OpenShift documentation,
Scalability and performance): no exec probes with CPU pinning; else fewer than 10, and none more often than every 10 s;
startup probes count little.
"""

from __future__ import annotations

from typing import NamedTuple

from kubectl_nsexec.model.severity import DANGER, INFO, LATENCY, SEVERITIES

FEWER_EXEC_PROBES_THAN = 10
LEAST_PERIOD_SECONDS = 10
IGNORE_PREFIX = "nsexec.io/ignore-"
"""Annotation of a pod, followed by a rule's id; its value is the reason."""


class Rule(NamedTuple):
    """``severity``: as a rule; of startup probes and hooks only DANGER counts for more than INFO."""

    id: str
    name: str
    severity: str
    meaning: str
    certsuite: tuple[str, ...] = ()


ON_REAL_TIME = Rule(
    "NSX001",
    "exec-lands-on-realtime-thread",
    DANGER,
    "The command lands where threads of the container are, or may be, real-time: it starves there, perhaps holding a "
    "lock of the kernel or of the runtime, or takes the CPU in pieces that the loop misses.",
    ("performance-rt-apps-no-exec-probes", "performance-exclusive-cpu-pool-rt-scheduling-policy"),
)
ON_EXCLUSIVE = Rule(
    "NSX002",
    "exec-lands-on-exclusive-cpus",
    LATENCY,
    "The command lands on any of the CPUs that the container has for itself, and takes its share from what runs there.",
    ("performance-cpu-pinning-no-exec-probes",),
)
ON_FIRST = Rule(
    "NSX003",
    "exec-lands-on-first-exclusive-cpu",
    LATENCY,
    "CRI-O keeps the command on the first of the container's exclusive CPUs: tolerable where only slow threads are "
    "there, dangerous beside a real-time one.",
    ("performance-cpu-pinning-no-exec-probes",),
)
UNRELIABLE = Rule(
    "NSX004",
    "exec-affinity-is-unreliable",
    LATENCY,
    "CRI-O 1.34.0 to 1.34.3, and any on cgroup v1, leaves exec_cpu_affinity to the runtime: the command may fail with "
    "EINVAL or slip to other CPUs of the container (runc#5036).",
)
PROBE_PINNED = Rule(
    "NSX005",
    "exec-probe-with-cpu-pinning",
    LATENCY,
    "A liveness or readiness probe starts a process on the container's exclusive CPUs again and again.",
    ("performance-cpu-pinning-no-exec-probes", "performance-rt-apps-no-exec-probes"),
)
HOOK_PINNED = Rule(
    "NSX006",
    "exec-hook-with-cpu-pinning",
    INFO,
    "A hook starts a process on the container's exclusive CPUs when the container starts or stops.",
)
TOO_OFTEN = Rule(
    "NSX007",
    "exec-probe-too-often",
    INFO,
    "A liveness or readiness probe starts a process more often than every 10 s, Red Hat's limit.",
    ("performance-max-resources-exec-probes",),
)
TOO_MANY = Rule(
    "NSX008",
    "too-many-exec-probes-on-node",
    INFO,
    "The node's containers have 10 or more exec probes, liveness and readiness; Red Hat's limit is fewer than 10.",
    ("performance-max-resources-exec-probes",),
)
STUCK = Rule(
    "NSX009",
    "exec-is-stuck",
    DANGER,
    "A process of the runtime's, on its way into the container, has been able to run for more than a second and has "
    "not run: an exec or a probe starves there now.",
)
RULES = (ON_REAL_TIME, ON_EXCLUSIVE, ON_FIRST, UNRELIABLE, PROBE_PINNED, HOOK_PINNED, TOO_OFTEN, TOO_MANY, STUCK)
BY_ID = {rule.id: rule for rule in RULES}


class Finding(NamedTuple):
    """What a rule says of one way in."""

    rule: Rule
    severity: str
    verdict: str
    remedy: str
    suppressed: str = ""
    """The reason, where somebody gave one."""


def worst(findings: tuple[Finding, ...]) -> str:
    """The worst severity of those that are not suppressed; "" for none."""
    there = {finding.severity for finding in findings if not finding.suppressed}
    return next((severity for severity in SEVERITIES if severity in there), "")
