"""``--check`` from the request to the exit status."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from kubectl_nsexec.check import gather, show, workloads
from kubectl_nsexec.check.lookups import Lookups
from kubectl_nsexec.check.report import Report, starts_nothing
from kubectl_nsexec.errors import ApiError, TargetError, UsageError
from kubectl_nsexec.kube import load
from kubectl_nsexec.kube.lists import GONE
from kubectl_nsexec.ui import waiting

if TYPE_CHECKING:
    from collections.abc import Callable

    from kubectl_nsexec.check.on_node import Looks
    from kubectl_nsexec.kube import Cluster
    from kubectl_nsexec.model.request import CheckRequest
    from kubectl_nsexec.ui.console import Console


def run(request: CheckRequest, console: Console) -> int:
    """Does what ``request`` says and returns the exit status. Raises the NsexecError family."""
    waits = waiting.on_terminal(console, os.environ)
    return check(request, console, lambda: load(request.connection, waits.console.say), waits=waits)


def check(
    request: CheckRequest,
    console: Console,
    connect: Callable[[], Cluster],
    looks: Looks | None = None,
    waits: waiting.Waiting = waiting.NOBODY,
) -> int:
    """Looks at the pods or the manifest, prints the report and returns the exit status (report.exit_status).

    A manifest takes no cluster, unless a node is named for it. ``looks``: at nodes, where they are to be. ``waits`` is
    told what is waited for.
    """
    if request.manifest is not None:
        report = _of_manifest(request, Lookups(connect()) if request.nodes else None, console)
    else:
        cluster = connect()
        with waits:
            report = _of_cluster(request, cluster, looks, waits)
    warn = console.notice if request.output in show.WITH_WARNINGS else console.say
    for note in report.notes:
        warn(f"warning: {note}")
    text = show.report(report, request)
    if text:
        console.print(text)
    console.notice(show.summary(report))
    return report.exit_status(request.fail_on)


def _of_cluster(request: CheckRequest, cluster: Cluster, looks: Looks | None, waits: waiting.Waiting) -> Report:
    """Raises TargetError where nothing matches what was asked for."""
    lookups = Lookups(cluster)
    try:
        report = _looked_at(request, cluster, lookups, looks, waits)
    except ApiError as error:
        if error.status != GONE:
            raise
        report = _looked_at(request, cluster, lookups, looks, waits)  # the list grew too old between two pages
    if not report.pods + report.finished:
        raise TargetError(f"no pod matches {_what(request, cluster)}")
    return report


def _looked_at(
    request: CheckRequest, cluster: Cluster, lookups: Lookups, looks: Looks | None, waits: waiting.Waiting
) -> Report:
    waits.on("the API server to tell of pods, nodes and what owns them")
    pods, nodes = gather.pods(cluster, request), None
    if looks is not None:
        from kubectl_nsexec.check.on_node import OnNodes  # noqa: PLC0415 - only for --on-node

        held = list(pods)  # all nodes are looked at before the first row
        waits.on("a look at the nodes by a helper pod on each")
        pods, nodes = iter(held), OnNodes((pod for pod in held if not starts_nothing(pod)), looks)
    report = Report(lookups, nodes)
    for pod in pods:
        report.add(pod)
    return report


def _of_manifest(request: CheckRequest, lookups: Lookups | None, console: Console) -> Report:
    """On each node that is named, or on one of which nothing is known."""
    found = workloads.read(request.manifest or "", request.filename or "", request.namespace)
    report = Report(workloads.Together(found.facts, lookups) if lookups else found.facts)
    for planned in found.pods:
        for node in request.nodes or (str(planned.pod["spec"].get("nodeName") or ""),):
            _add(report, planned, node, request.filename or "")
    if lookups is None and any(each.row.landing.on_own_cpus for each in report.replicas):
        console.notice(
            "the runtime is not known, so exec is taken to land anywhere on exclusive CPUs; --node NODE judges the "
            "manifest as if it ran there"
        )
    return report


def _add(report: Report, planned: workloads.Planned, node: str, source: str) -> None:
    """Raises UsageError for a pod that is not built as one: no API server has validated it."""
    pod, line = planned
    try:
        report.add({**pod, "spec": {**pod["spec"], "nodeName": node}}, line)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{source}, line {line}: not built as a pod is ({type(error).__name__}: {error})") from error


def _what(request: CheckRequest, cluster: Cluster) -> str:
    named = [
        *([request.pod] if request.pod else []),
        *([f"-l {request.selector}"] if request.selector else []),
        *(f"--node {node}" for node in request.nodes),
        "in all namespaces" if request.all_namespaces else f"in namespace {request.namespace or cluster.namespace}",
    ]
    return " ".join(named)
