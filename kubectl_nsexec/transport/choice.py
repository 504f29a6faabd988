"""Which transport a run takes, and what it would create or run there (``--dry-run``)."""

from __future__ import annotations

import shlex
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from kubectl_nsexec.helper import config_map
from kubectl_nsexec.model.via import POD, SSH
from kubectl_nsexec.transport.helper_pod import HelperPod
from kubectl_nsexec.transport.shared_helper_pod import SharedHelperPod

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubectl_nsexec.kube import Cluster
    from kubectl_nsexec.model.request import Request
    from kubectl_nsexec.session.context import Context
    from kubectl_nsexec.session.plan import Plan
    from kubectl_nsexec.transport.base import Transport


@contextmanager
def chosen(context: Context) -> Iterator[Transport]:
    """The transport that the request asks for. What it creates is undone on every way out, its streams closed first.

    Nothing is created before its ``start``. Raises HelperPodError naming what could not be undone.
    """
    with ExitStack() as stack:
        yield _chosen(context, stack)


def _chosen(context: Context, stack: ExitStack) -> Transport:
    request, plan = context.request, context.plan
    if request.via.kind != POD:
        from kubectl_nsexec.transport.shell import Shell  # noqa: PLC0415 - not for a helper pod

        if request.via.kind == SSH:
            context.waits.over()  # ssh may ask for a password on the terminal
        return Shell(request, plan, stack)
    if plan.shared is not None:
        return SharedHelperPod(context, stack, plan.shared)
    if request.keep_seconds:
        context.console.notice(
            "the helper pod is not kept: only the node itself says which CPUs are reserved; --cpus names them"
        )
    return HelperPod(context, stack)


def dry_run(request: Request, cluster: Cluster, plan: Plan) -> str:
    """What would be created or run; as with kubectl, several objects are a List. Raises the NsexecError family."""
    if request.via.kind != POD:
        from kubectl_nsexec.transport import shell  # noqa: PLC0415 - as above

        return shlex.join(shell.command(request, plan))
    from kubectl_nsexec.ui import output  # noqa: PLC0415 - not for a command

    objects = config_map.would_be_made(cluster, plan.shared or plan.helper)
    several = {"apiVersion": "v1", "kind": "List", "metadata": {}, "items": objects}
    return output.in_form(several if len(objects) > 1 else objects[0], request.output or "yaml")
