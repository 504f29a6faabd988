"""What lives on a container's own CPUs, as far as its pod tells: whether threads of it may be real-time."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kubectl_nsexec.check.facts import version
from kubectl_nsexec.check.landing import LIKELY, POSSIBLE, is_high_performance

if TYPE_CHECKING:
    from kubectl_nsexec.check.facts import NodeFacts
    from kubectl_nsexec.model.http import Json

_TUNED = ("cpu-load-balancing.crio.io", "cpu-quota.crio.io", "irq-load-balancing.crio.io")
"""CRI-O's annotations for a loop that nothing may interrupt: of the pod, or with /CONTAINER of that one."""
_OFF = frozenset({"disable", "true", "housekeeping"})
_FAIR_SERVER = (6, 12, 0)
_PERIOD_US = 1_000_000
"""sched_rt_period_us, as it is unless somebody changed it."""
_HUGE_PAGES = "hugepages-"
_MAY_BE_REAL_TIME = frozenset({"SYS_NICE", "ALL"})
"""sched(7): who has CAP_SYS_NICE may give itself SCHED_FIFO."""


class Tenants(NamedTuple):
    """``real_time``: LIKELY, POSSIBLE, or "" where the pod gives no sign of real-time threads; and the signs.

    CERTAIN, and the policies of those that are there, where the node was looked at.
    """

    real_time: str = ""
    why: tuple[str, ...] = ()
    harm: str = ""
    """What the node's kernel does to an ordinary process beside a real-time loop."""


def by_api(pod: Json, container: Json, node: NodeFacts, handler: str | None) -> Tenants:
    """The signs: the right to have such threads, a real-time kernel, tuning for a loop."""
    spec = pod.get("spec") or {}
    right, tuning = _right(container), _tuning(pod, container)
    if is_high_performance(handler, str(spec.get("runtimeClassName") or "")):
        tuning = [f"runtime class {spec.get('runtimeClassName')}", *tuning]
    kernel = ["real-time kernel"] if node.real_time else []
    signs = (*right, *kernel, *tuning)
    if right and (kernel or tuning):
        return Tenants(LIKELY, signs, harm(node.kernel))
    if right or (kernel and tuning):
        return Tenants(POSSIBLE, signs, harm(node.kernel))
    return Tenants("", signs)


def harm(release: str, rt_runtime_us: int | None = None, *, stalld: bool | None = None) -> str:
    """What a kernel does to an ordinary process beside a real-time loop; what is not known of its node is None.

    Since Linux 6.12 ordinary tasks have a deadline server (sched/fair: Fair server for starvation); before that there
    is real-time throttling (sched(7)), which real-time nodes switch off, and stalld.
    """
    kernel = version(release)
    if kernel is None:
        return ""
    linux = f"Linux {kernel[0]}.{kernel[1]}"
    if kernel >= _FAIR_SERVER:
        return f"{linux}: it waits, and takes up to 50 ms of each second from the loop"
    if rt_runtime_us is not None and rt_runtime_us >= 0:
        return (
            f"{linux}: real-time throttling takes {_PERIOD_US - rt_runtime_us} µs of each second from the loop for it"
        )
    if stalld:
        return f"{linux}: it starves until stalld runs it over the loop"
    if stalld is None:
        return f"{linux}: it may never run, or stalld runs it over the loop"
    return f"{linux}: it never runs while the loop does, and may hold locks that others wait for"


def _right(container: Json) -> list[str]:
    security = container.get("securityContext") or {}
    if security.get("privileged"):
        return ["privileged"]
    added = {str(name).upper().removeprefix("CAP_") for name in (security.get("capabilities") or {}).get("add") or []}
    return [f"capability {name}" for name in sorted(added & _MAY_BE_REAL_TIME)]


def _tuning(pod: Json, container: Json) -> list[str]:
    annotations = (pod.get("metadata") or {}).get("annotations") or {}
    own = {name: annotations.get(f"{name}/{container.get('name')}", annotations.get(name)) for name in _TUNED}
    signs = [f"{name}: {value}" for name, value in own.items() if value in _OFF]
    limits = (container.get("resources") or {}).get("limits") or {}
    return [*signs, *(["huge pages"] if any(str(name).startswith(_HUGE_PAGES) for name in limits) else [])]
