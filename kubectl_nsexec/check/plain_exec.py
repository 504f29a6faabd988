"""What plain ``oc exec`` would have done in the container of one run (``--verify``), as ``on_node`` finds it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubectl_nsexec.check import on_node
from kubectl_nsexec.check.facts import NodeFacts, runtime_of
from kubectl_nsexec.check.landing import ANY, FIRST, IN_POOL, SHARED_CPU, Landing
from kubectl_nsexec.model.proof import PlainExec

if TYPE_CHECKING:
    from kubectl_nsexec.cpus.survey import Container

_SHOWN = 3
_SAFE = "no real-time thread lives there: oc exec is safe here"
_TOLERABLE = "no real-time thread lives there now"


def told(seen: Container, cgroup: str, runtime: str) -> PlainExec:
    """By one look. ``cgroup``: v1 or v2; ``runtime``: the node's, as ``facts.runtime_of`` takes it."""
    lands = on_node.landing(Landing(ANY), seen, cgroup, NodeFacts("", *runtime_of(runtime)))
    there = on_node.beside(lands, seen)
    cpus = seen.allowed if lands.unreliable else seen.exec_on
    safe = not there and lands.kind in (SHARED_CPU, IN_POOL) and not lands.unreliable
    words = _SAFE if safe else _TOLERABLE
    if there:
        more = f" and {len(there) - _SHOWN} more" if len(there) > _SHOWN else ""
        live = "lives" if len(there) == 1 else "live"
        words = f"{', '.join(each.words for each in there[:_SHOWN])}{more} {live} there"
    return PlainExec(
        lands.kind,
        cpus,
        tuple(each.words for each in there),
        safe,
        f"would land on {_place(lands, seen)}: {words}",
    )


def _place(lands: Landing, seen: Container) -> str:
    where = f"CPU{'s' if len(seen.exec_on) > 1 else ''} {seen.exec_on}"
    slips = f"; under {lands.unreliable} it may fail with EINVAL or slip to its others" if lands.unreliable else ""
    if lands.kind == SHARED_CPU:
        return f"{where} (a shared one{slips})"
    if lands.kind == FIRST:
        return f"{where} (its first exclusive{slips})"
    if lands.kind == IN_POOL:
        return f"{where} (the shared pool)"
    return f"{where} (its only exclusive)" if len(seen.exec_on) == 1 else f"any of {where} (its own)"
