"""``--cleanup``: what runs have left, which of it nobody needs any more, and its deletion."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from kubectl_nsexec.errors import EXIT_USAGE, ApiError, NsexecError
from kubectl_nsexec.helper import preflight, sharing
from kubectl_nsexec.helper.config_map import path as config_map_path
from kubectl_nsexec.helper.manifest import program_of
from kubectl_nsexec.kube import load
from kubectl_nsexec.kube.api import delete, pod_path
from kubectl_nsexec.model.http import CONFLICT, NOT_FOUND
from kubectl_nsexec.session import left_behind
from kubectl_nsexec.session.left_behind import FINISHED, KEPT, Helper
from kubectl_nsexec.transport import shared_helper_pod
from kubectl_nsexec.ui import output, waiting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kubectl_nsexec.kube import Cluster
    from kubectl_nsexec.model.http import Json
    from kubectl_nsexec.model.request import CleanupRequest
    from kubectl_nsexec.ui.console import Console

_DELETED, _HELD = "deleted", "held"
"""Held: it ends, and whoever set a finalizer has to let its record go."""
_WOULD_BE = "would be "
"""Before both, of a dry run."""
_NONE_THERE = "nothing to clean up"


def run(request: CleanupRequest, console: Console) -> int:
    """Does what ``request`` says and returns the exit status. Raises the NsexecError family."""
    waits = waiting.on_terminal(console, os.environ)
    cluster = load(request.connection, waits.console.say)
    with waits:
        waits.on("the API server to tell of helper pods")
        return clean(cluster, request, waits.console)


def clean(cluster: Cluster, request: CleanupRequest, console: Console) -> int:
    """Lists what helper pods there are and deletes those that are over; then the programs that no helper needs.

    The exit status is 1 where that failed. Raises ApiError where the pods may not be listed.
    """
    now = datetime.now(timezone.utc)
    pods = left_behind.pods(cluster, request, console)
    helpers = [left_behind.helper_of(pod, now) for pod in pods]
    asks_whose = not request.force and any(helper.state == KEPT for helper in helpers)
    own = _own_keeper(cluster, console) if asks_whose else ""
    done = [_dealt_with(cluster, pod, helper, request, own, console) for pod, helper in zip(pods, helpers, strict=True)]
    needed = {
        (helper.namespace, program_of(pod))
        for pod, helper in zip(pods, done, strict=True)
        if helper.result.removeprefix(_WOULD_BE) not in (_DELETED, _HELD)
    }
    done += [
        _deleted(cluster, config_map_path(program.namespace, program.name), program, request, console)
        for program in left_behind.programs(cluster, request, console, now)
        if (program.namespace, program.name) not in needed
    ]
    if request.output or done:
        console.print(output.helper_list([left_behind.fields(helper) for helper in done], request.output))
    if all(helper.result == "left" for helper in done):
        console.notice(_NONE_THERE)
    left = [helper for helper in done if helper.result == "left"]
    if left:
        console.notice(f"{len(left)} in use or about to be; --cleanup --force ends these as well, whosever they are")
    return EXIT_USAGE if any(helper.result == "failed" for helper in done) else 0


def _own_keeper(cluster: Cluster, console: Console) -> str:
    """The user's own KEEPER_LABEL; "", which no helper has, where the server does not tell who that is."""
    user = preflight.user_name(cluster)
    if user is None:
        console.notice("whose the kept helpers are is not known: this API server does not tell who you are")
        return ""
    return sharing.keeper(user)


def _dealt_with(
    cluster: Cluster, pod: Json, helper: Helper, request: CleanupRequest, own: str, console: Console
) -> Helper:
    """``own``: the user's own KEEPER_LABEL."""
    over = request.force or helper.state == FINISHED
    may_be_idle = helper.state == KEPT and helper.keeper == own
    if not over and not may_be_idle:
        return helper._replace(result="left")
    if not over and request.dry_run:
        would_be = _gone(helper, helper.finalizers, request, console)
        return would_be._replace(result=f"{would_be.result} if idle")
    try:
        if not over and not shared_helper_pod.end(cluster, pod):
            return helper._replace(result="left")
    except NsexecError as error:
        return _failed(helper, error, console)
    return _deleted(cluster, pod_path(helper.namespace, helper.name), helper, request, console)


def _deleted(cluster: Cluster, path: str, helper: Helper, request: CleanupRequest, console: Console) -> Helper:
    if request.dry_run:
        return _gone(helper, helper.finalizers, request, console)
    try:
        # The uid: an object of the same name that is not the one looked at is not touched.
        held = (delete(cluster, path, helper.uid).get("metadata") or {}).get("finalizers") or []
    except ApiError as error:
        if error.status not in (NOT_FOUND, CONFLICT):  # somebody else was faster
            return _failed(helper, error, console)
        held = []
    return _gone(helper, held, request, console)


def _gone(helper: Helper, held: Sequence[str], request: CleanupRequest, console: Console) -> Helper:
    """Deleted, or ``held`` by these finalizers; of a dry run, what it would be."""
    would_be = _WOULD_BE if request.dry_run else ""
    if not held:
        return helper._replace(result=would_be + _DELETED)
    named = ", ".join(f'"{name}"' for name in held)
    console.notice(
        f"{helper.kind} {helper.name} in namespace {helper.namespace} {would_be or 'is '}held by the finalizer {named}"
    )
    return helper._replace(result=would_be + _HELD)


def _failed(helper: Helper, error: NsexecError, console: Console) -> Helper:
    what = f"({helper.kind} {helper.name} in namespace {helper.namespace})"
    console.say(f"{error.rendered()} {what} [{error.code}]")
    return helper._replace(result="failed")
