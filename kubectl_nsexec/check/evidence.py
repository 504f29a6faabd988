"""What was seen where an exec lands, for each row: the threads that live there, and an exec that is stuck now."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kubectl_nsexec.check import on_node

if TYPE_CHECKING:
    from kubectl_nsexec.check.on_node import OnNodes
    from kubectl_nsexec.check.report import Replicas
    from kubectl_nsexec.cpus.threads import Thread

MOST = 20
"""Threads that are named: a DPDK worker on each CPU of a large node is more, and all alike."""


class Evidence(NamedTuple):
    """Of one of the pods behind a row, for all of them are alike."""

    node: str
    pod: str
    threads: tuple[Thread, ...] = ()
    """The real-time ones first, then whoever is busy."""
    more: int = 0
    """So many beyond MOST."""
    stuck: tuple[Thread, ...] = ()

    def lines(self) -> list[str]:
        """For people; none where nothing lives there."""
        found = [_line(thread) for thread in self.threads]
        found += [f"and {self.more} more"] if self.more else []
        found += [f"{each.thread} (pid {each.pid}): on its way in, can run and does not" for each in self.stuck]
        return [f"what lives there, in pod {self.pod} on node {self.node}:", *found] if found else []


def of_row(replicas: Replicas, on_nodes: OnNodes | None, node: str | None = None) -> Evidence | None:
    """Of the row's first pod on ``node``; None: on its first one. None where no node was looked at."""
    if on_nodes is None:
        return None
    where = next(iter(replicas.examples)) if node is None else node
    row, pod = replicas.row, replicas.examples[where]
    seen = on_nodes.container(row.namespace, pod, row.container)
    if seen is None:
        return None
    there = on_node.living(row.landing, seen)
    return Evidence(where, pod, tuple(there[:MOST]), len(there[MOST:]), tuple(on_node.stuck(seen)))


def document(evidence: Evidence) -> dict[str, object]:
    """For scripts."""
    return {
        "node": evidence.node,
        "pod": evidence.pod,
        "threads": [thread_object(each) for each in evidence.threads],
        "more": evidence.more,
        "stuck": [stuck_object(each) for each in evidence.stuck],
    }


def thread_object(thread: Thread) -> dict[str, object]:
    """As docs/reference/check.schema.json has it."""
    return {
        "pid": thread.pid,
        "tid": thread.tid,
        "process": thread.process,
        "thread": thread.thread,
        "affinity": str(thread.affinity),
        "policy": thread.policy,
        "priority": thread.priority,
        "cpu": thread.cpu,
        "state": thread.state,
        "share": None if thread.share is None else round(thread.share, 3),
    }


def stuck_object(thread: Thread) -> dict[str, object]:
    """The same of a runtime's process that starves."""
    return {"pid": thread.pid, "tid": thread.tid, "thread": thread.thread}


def _line(thread: Thread) -> str:
    where = f"CPU{'s' if len(thread.affinity) > 1 else ''} {thread.affinity}"
    share = "" if thread.share is None else f", {thread.share:.0%} of a CPU"
    line = f"{thread.words} (process {thread.process}, pid {thread.pid}, tid {thread.tid}) on {where}{share}"
    return " ".join(line.split())  # a name is the workload's own word: it makes no line of its own
