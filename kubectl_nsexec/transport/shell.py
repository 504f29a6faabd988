"""The transport without a helper pod: one program, ssh or a shell here, that carries lease and session."""

from __future__ import annotations

import os
import shlex
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from kubectl_nsexec.cpus.owners import ISOLATED
from kubectl_nsexec.cpus.policy import CpuPolicy
from kubectl_nsexec.errors import NodeAccessError, NsexecError
from kubectl_nsexec.helper.manifest import new_id
from kubectl_nsexec.model.cpuset import CpuSet
from kubectl_nsexec.model.via import SSH
from kubectl_nsexec.protocol import commands
from kubectl_nsexec.transport.channels import PING_SECONDS, RemoteStream, Streams
from kubectl_nsexec.transport.process_connection import ProcessConnection

if TYPE_CHECKING:
    from contextlib import ExitStack

    from kubectl_nsexec.model.request import Request
    from kubectl_nsexec.model.via import Via
    from kubectl_nsexec.session.plan import Plan
    from kubectl_nsexec.transport.base import Result, Talk

_AS_ROOT = 'if [ "$(id -u)" = 0 ]; then exec "$@"; else exec sudo -n -- "$@"; fi'
"""Whoever logs in; a sudo that wants a password says so instead of asking."""
_SSH = ("-T", "-a", "-x", "-o", "ClearAllForwardings=yes", "-o", "RemoteCommand=none")
"""What a host's entry in the user's configuration may set for their own shells, and would be in our way."""
_ALIVE = ("-o", f"ServerAliveInterval={PING_SECONDS:.0f}")
"""The guard's pings end with the command, whose output may wait for its reader longer than a firewall for traffic.

Three without an answer (ServerAliveCountMax, ssh_config(5)), and the host is gone.
"""
_NO_PASSWORD = "sudo:"  # noqa: S105 - how sudo begins what it says


class Shell:
    """The Transport by the user's own ssh, or by a shell on this machine. ``stack`` ends that."""

    in_shared_pool = False

    def __init__(self, request: Request, plan: Plan, stack: ExitStack) -> None:
        self.name = "ssh" if request.via.kind == SSH else "a shell on the node"
        self.lease: RemoteStream | None = None
        self.streams = Streams()
        stack.callback(self.streams.close)
        self._ssh = request.via.kind == SSH
        self._own_session = not self._ssh  # ssh asks its questions on the terminal; here Ctrl-C is ours to pass on
        self._plan = plan
        self._argv = command(request, plan)
        self._by_hand = shlex.join(ssh_argv(request.via, plan.address))
        self._connection: ProcessConnection | None = None

    def start(self, talk: Talk[Result]) -> Result:
        """See Transport: the agent is told all of the session at its start, and goes on by itself once it holds.

        Raises NodeAccessError when the node cannot be reached, or there is no root on it.
        """
        stream = self._begin()
        talk.hold(stream, self._plan.program.shim)
        return talk.enter(stream)

    def _begin(self) -> RemoteStream:
        if not self._ssh:
            refuse_unless_root(self._plan.target.node)
            if isinstance(self._plan.policy, CpuPolicy):
                _leave_other_cpus(self._plan.policy.reserved)
        self._connection = ProcessConnection(
            self._argv,
            self._plan.nonce,
            self._plan.program.agent.encode(),
            self._refused,
            own_session=self._own_session,
        )
        stream = RemoteStream(self._connection)
        self.streams.add(stream)
        return stream

    def stray_output(self) -> str:
        """See Transport."""
        return self._connection.stray_output() if self._connection else ""

    def _refused(self, status: int | None, words: str) -> NsexecError:
        node_name = self._plan.target.node
        said = f":\n{words}" if words else ""
        ended = "could not be run" if status is None else f"ended with status {status}"
        if not self._ssh:
            return NodeAccessError(f"the agent on this machine {ended} before it could begin{said}")
        if any(line.startswith(_NO_PASSWORD) for line in words.splitlines()):
            return NodeAccessError(
                f"node {node_name} can be reached, but the user there does not become root without a password{said}\n"
                "Next: allow that in its sudoers (NOPASSWD), or log in as another user by --ssh-user"
            )
        return NodeAccessError(
            f"node {node_name}: ssh {ended} before the agent answered{said}\nNext: try it by hand: {self._by_hand}"
        )


def refuse_unless_root(node: str) -> None:
    """Raises NodeAccessError where the containers of ``node``, this machine, cannot be entered."""
    if os.geteuid() != 0:
        raise NodeAccessError(
            f"--via local enters the container from this machine, node {node}, and that takes root: run it by sudo, "
            "or from a debug pod after chroot /host"
        )


def command(request: Request, plan: Plan) -> list[str]:
    """The program that leads onto the node, with its arguments."""
    words = commands.alone_command(
        plan.nonce,
        plan.policy.reserved if isinstance(plan.policy, CpuPolicy) else None,
        new_id(),
        plan.target,
        request.privileges,
        agent_bytes=len(plan.program.agent.encode()),
        shim=plan.program.shim,
    )
    return ssh_command(request.via, plan.address, words) if request.via.kind == SSH else words


def ssh_command(via: Via, address: str, words: list[str]) -> list[str]:
    """The user's own ssh, by its own configuration, that runs ``words`` as root at ``address``."""
    # ssh joins its arguments and hands them to a shell over there: quote them for it.
    return [*ssh_argv(via, address), shlex.join(["/bin/sh", "-c", _AS_ROOT, "nsexec", *words])]


def ssh_argv(via: Via, address: str, first: tuple[str, ...] = (), last: tuple[str, ...] = ()) -> list[str]:
    """The same without what it runs there. The user's options stand after ``first`` and before ``last``.

    Of several values for a setting ssh takes the first (ssh_config(5)).
    """
    options = [part for option in via.ssh_options for part in ("-o", option)]
    user = ["-l", via.ssh_user] if via.ssh_user else []
    return ["ssh", *first, *options, *last, *_SSH, *_ALIVE, *user, "--", address]


def _leave_other_cpus(reserved: CpuSet) -> None:
    """The client itself runs on the node here: off the isolated CPUs with it, as far as it may."""
    with suppress(OSError, AttributeError, ValueError):
        isolated = CpuSet.parse(Path(ISOLATED).read_text(encoding="ascii"))  # some call these reserved: see owners
        if wanted := set(reserved - isolated) & os.sched_getaffinity(0):
            os.sched_setaffinity(0, wanted)
