"""The start of the command: by a helper pod of its own, by one that is shared, by ssh or a shell here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubectl_nsexec.errors import NsexecError
from kubectl_nsexec.helper import life, shared
from kubectl_nsexec.model.via import POD
from kubectl_nsexec.session.handshake import Handshake
from kubectl_nsexec.transport import shared_helper_pod
from kubectl_nsexec.transport.channels import Links
from kubectl_nsexec.transport.helper_pod import HelperPod
from kubectl_nsexec.transport.shared_helper_pod import SharedHelperPod

if TYPE_CHECKING:
    from contextlib import ExitStack

    from kubectl_nsexec.cpus.policy import CpuPolicy
    from kubectl_nsexec.helper.manifest import HelperSpec
    from kubectl_nsexec.model.http import Json
    from kubectl_nsexec.session.context import Context
    from kubectl_nsexec.session.handshake import StartedCommand
    from kubectl_nsexec.transport.base import Transport


def start(stack: ExitStack, context: Context) -> tuple[Handshake, CpuPolicy, StartedCommand]:
    """The command, started on the CPUs of that policy; ``stack`` ends what it needs. Raises the NsexecError family."""
    request, plan, notice = context.request, context.plan, context.console.notice
    if plan.shared is not None:
        if found := _in_shared(stack, context, plan.shared):
            return found
    elif request.keep_seconds and request.via.kind == POD:
        notice("the helper pod is not kept: only the node itself says which CPUs are reserved; --cpus names them")
    links = Links()
    if request.via.kind == POD:
        helper = life.run_one_of(stack, context, plan.helper, program_is_there=plan.program_is_there)
        transport: Transport = HelperPod(context, helper, links)
    else:
        from kubectl_nsexec.transport.shell import Shell  # noqa: PLC0415 - not for a helper pod

        transport = Shell(request, plan, links)
    stack.callback(links.close)
    handshake = Handshake(context, transport)
    policy = handshake.hold_lease()
    if policy is not plan.policy:
        for note in policy.notes:
            notice(note)
    return handshake, policy, handshake.start_command()


def _in_shared(
    stack: ExitStack, context: Context, spec: HelperSpec
) -> tuple[Handshake, CpuPolicy, StartedCommand] | None:
    """The command, started in the shared helper pod; ``stack`` closes its links, and ends it for ``--keep 0``.

    The helper is made where there is none, but not only to be ended (``--keep 0``): then None. One whose time ran out
    as we came is replaced, once. Raises the NsexecError family.
    """
    gone = ""
    while helper := shared.find(
        context, spec, gone, lambda: shared.make_unless_there(context, spec, lambda pod: _hold(context, pod))
    ):
        links = Links()
        handshake = Handshake(context, SharedHelperPod(context, helper.pod, links))
        try:
            policy = handshake.hold_lease()
            command = handshake.start_command()
        except BaseException as error:
            links.close()
            if gone or helper.new or not isinstance(error, NsexecError):
                raise
            if not shared.has_ended(context.cluster, helper.pod, error):
                raise
        else:
            if context.reaper:
                context.reaper.dismiss()
            if not context.request.keep_seconds:
                stack.callback(shared_helper_pod.remove, context.cluster, spec)
            stack.callback(links.close)
            return handshake, policy, command
        gone = helper.uid
    return None


def _hold(context: Context, pod: Json) -> None:
    """Holds the lease of a new helper for a moment: then it knows its CPUs, and goes on without us."""
    links = Links()
    try:
        Handshake(context, HelperPod(context, pod, links)).hold_lease()
    finally:
        links.close()
