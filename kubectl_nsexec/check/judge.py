"""What the rules say of one way into one container, given where it lands and what lives there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubectl_nsexec.check import rules
from kubectl_nsexec.check.landing import CERTAIN, CGROUP_V1, FIRST, FIXED_CRI_O, LIKELY, POSSIBLE, SHARED_CPU
from kubectl_nsexec.check.rules import Finding
from kubectl_nsexec.check.ways import EXEC
from kubectl_nsexec.model.severity import DANGER, INFO, LATENCY, SEVERITIES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kubectl_nsexec.check.landing import Landing
    from kubectl_nsexec.check.tenants import Tenants
    from kubectl_nsexec.check.ways import WayIn

FIXED_ON_V2 = f"cgroup v2, with {FIXED_CRI_O}"
_OTHER_PROBE = "httpGet, tcpSocket or grpc"


def findings(
    way: WayIn, landing: Landing, tenants: Tenants, annotations: Mapping[str, str], *, stuck: bool = False
) -> tuple[Finding, ...]:
    """All that the rules find, the worst first; ``annotations``, of the pod, may suppress some, with a reason.

    ``stuck``: a runtime's process is starving on its way into the container.
    """
    found = [*_where(way, landing, tenants), *_how_often(way)]
    if stuck and way.kind == EXEC:  # by which way it came nobody can tell
        found.append(Finding(rules.STUCK, DANGER, CERTAIN, remedy_of(way, landing)))
    found.sort(key=lambda finding: SEVERITIES.index(finding.severity))
    return tuple(finding._replace(suppressed=reason(finding.rule, annotations)) for finding in found)


def without_reason(annotations: Mapping[str, str]) -> list[str]:
    """The annotations that would suppress a rule and give no reason, or name no rule: they count for nothing."""
    named = [name for name in annotations if name.startswith(rules.IGNORE_PREFIX)]
    known = {f"{rules.IGNORE_PREFIX}{rule.id}" for rule in rules.RULES}
    return sorted(name for name in named if name not in known or not str(annotations[name] or "").strip())


def reason(rule: rules.Rule, annotations: Mapping[str, str]) -> str:
    """Why a pod with these annotations leaves ``rule`` alone; "" where it does not."""
    return str(annotations.get(f"{rules.IGNORE_PREFIX}{rule.id}") or "").strip()


def _where(way: WayIn, landing: Landing, tenants: Tenants) -> Iterator[Finding]:
    slips = bool(landing.unreliable) and landing.kind in (FIRST, SHARED_CPU)
    remedy = remedy_of(way, landing)
    seen = tenants.real_time == CERTAIN
    if not landing.on_own_cpus and not slips:
        if seen:  # in the shared pool, or on a shared CPU
            yield Finding(rules.ON_REAL_TIME, DANGER, CERTAIN, remedy)
        return
    once = not way.recurs and way.kind != EXEC
    beside_the_loop = landing.kind != FIRST or landing.cpus == 1 or slips or seen
    if tenants.real_time and beside_the_loop:
        yield Finding(rules.ON_REAL_TIME, DANGER, _surer_of(landing, tenants, slips=slips), remedy)
    elif landing.kind == FIRST:
        tolerable = not tenants.real_time and not slips  # the usual pattern: slow threads on the first CPU
        yield Finding(rules.ON_FIRST, INFO if once or tolerable else LATENCY, landing.verdict, remedy)
    elif landing.kind != SHARED_CPU:
        yield Finding(rules.ON_EXCLUSIVE, INFO if once else LATENCY, landing.verdict, remedy)
    if slips:
        steady = FIXED_ON_V2 if landing.unreliable == CGROUP_V1 else FIXED_CRI_O
        yield Finding(rules.UNRELIABLE, INFO if once else LATENCY, landing.verdict, steady)
    if way.recurs and landing.on_own_cpus:
        yield Finding(rules.PROBE_PINNED, LATENCY, landing.verdict, remedy)
    elif way.is_hook and landing.on_own_cpus:
        yield Finding(rules.HOOK_PINNED, INFO, landing.verdict, remedy)


def _surer_of(landing: Landing, tenants: Tenants, *, slips: bool) -> str:
    """How sure both together are."""
    both = {landing.verdict, tenants.real_time}
    if slips or POSSIBLE in both:
        return POSSIBLE
    return LIKELY if LIKELY in both else CERTAIN


def _how_often(way: WayIn) -> Iterator[Finding]:
    if way.recurs and way.period_seconds is not None and way.period_seconds < rules.LEAST_PERIOD_SECONDS:
        remedy = f"periodSeconds: {rules.LEAST_PERIOD_SECONDS}, or {_OTHER_PROBE}"
        yield Finding(rules.TOO_OFTEN, INFO, LIKELY, remedy)


def remedy_of(way: WayIn, landing: Landing) -> str:
    """What to do instead; for people ``oc nsexec``, which needs no change of the workload."""
    if way.kind == EXEC:
        return "oc nsexec"
    if way.only_sleeps:
        return f"lifecycle.{way.kind}.sleep"
    instead = "httpGet or sleep" if way.is_hook else _OTHER_PROBE
    return f"{instead}; or {landing.better}" if landing.better else instead
