"""The transport without a helper pod where many sessions of this client are on one node: over one ssh, or from here.

Each session is an ordinary one of ``shell``, with a folder, a program and a guard of its own on the node. What they
share is the connection: ssh's own multiplexing (ControlMaster, ssh_config(5)). The connection runs a ``cat`` that reads
from us, so it ends when we do, however that is.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from kubectl_nsexec.errors import ConnectionLostError, NodeAccessError, NsexecError
from kubectl_nsexec.helper.manifest import new_id
from kubectl_nsexec.transport.channels import RemoteStream, Streams
from kubectl_nsexec.transport.common_lease import CommonLease
from kubectl_nsexec.transport.process_connection import ProcessConnection
from kubectl_nsexec.transport.shell import Shell, ssh_argv

if TYPE_CHECKING:
    from contextlib import ExitStack

    from kubectl_nsexec.session.context import Context
    from kubectl_nsexec.transport.common_end import CommonEnd

_UP = b"up"
_STAY = r'printf "\n%s ready\n%s up\n" "$1" "$1"; exec cat >/dev/null'
"""Run at the far end of the connection; see ProcessConnection for its lines."""
_QUIETLY = ("-o", "BatchMode=yes")
"""So many logins cannot ask on one terminal."""


class NodeLogin:
    """One connection by the user's ssh to a node. ``stack`` ends it."""

    def __init__(self, context: Context, stack: ExitStack, folder: str) -> None:
        """``folder``: a private one, for the socket by which ssh finds the connection."""
        self._context = context
        self._up = False
        self._socket = Path(folder, new_id())
        self.control = ("-S", str(self._socket).replace("%", "%%"))
        """What leads ssh to it."""
        self._streams = Streams()
        stack.callback(self._streams.close)
        argv = self._argv()
        nonce = new_id() + new_id()
        remote = shlex.join(["/bin/sh", "-c", _STAY, "nsexec", nonce])
        self._connection = ProcessConnection([*argv, remote], nonce, b"", self._refused, own_session=True)
        self._stream = RemoteStream(self._connection)
        self._streams.add(self._stream)
        self._prefix = f"{nonce} ".encode()
        self.common = CommonLease(self._streams, self._stream)
        """Ends with the connection."""
        stack.callback(self.common.close)

    def _argv(self) -> list[str]:
        request, plan = self._context.request, self._context.plan
        master = (*self.control, "-o", "ControlMaster=yes", "-o", "ControlPersist=no")
        return ssh_argv(request.via, plan.address, master, _QUIETLY)

    def open(self) -> None:
        """Waits until it is there. Raises NodeAccessError."""
        deadline = self._context.deadline
        line = self._streams.wait_for_line(self._stream, deadline)
        if line is None or line.removeprefix(self._prefix) != _UP:
            node, seconds = self._context.plan.target.node, deadline.allowed_seconds
            raise NodeAccessError(f"ssh could not reach node {node} within {seconds:g}s; give it longer by --timeout")
        self._up = True
        self.common.start()

    @property
    def ended(self) -> bool:
        """Whether nothing can go over it any more; its socket goes before all that went over it hears of its end."""
        return self.common.ended or not self._socket.exists()

    def _refused(self, status: int | None, words: str) -> NsexecError:
        """What ssh says last is why it could not; before that come banners."""
        if self._up:
            return ConnectionLostError(f"the ssh connection ended: {words}")
        said = words.splitlines()[-1].strip() if words else f"it ended with status {status} and said nothing"
        return NodeAccessError(f"ssh could not reach node {self._context.plan.target.node}: {said}")


class InNodeShell(Shell):
    """The Transport of one session. ``stack`` ends its own streams."""

    def __init__(self, context: Context, stack: ExitStack, end: CommonEnd, login: NodeLogin | None = None) -> None:
        """``end``: when it ends with all others. ``login``: the connection that they share, where it is by ssh."""
        super().__init__(context.request, context.plan, stack)
        self._own_session = True  # the first Ctrl-C is a question
        self._login = login
        self._share = end.share()
        stack.callback(end.give_back, self._share)
        if login is not None:
            # A server that allows no more sessions on it (MaxSessions, sshd_config(5)) gets a connection for this one.
            over = (*login.control, "-o", "ControlMaster=no")
            argv = ssh_argv(context.request.via, context.plan.address, over, _QUIETLY)
            self._argv = [*argv, self._argv[-1]]

    def _begin(self) -> RemoteStream:
        if self._login is not None and self._login.ended:
            raise NodeAccessError(f"the ssh connection to node {self._plan.target.node} has ended; nothing was started")
        stream = super()._begin()
        self.streams.add(self._share)  # after the session: what came on that is taken before the share ends it
        return stream
