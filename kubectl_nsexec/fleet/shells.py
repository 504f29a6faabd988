"""The ways of a fleet without helper pods: one ssh connection for each node, or shells on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubectl_nsexec.errors import NodeAccessError
from kubectl_nsexec.fleet.nodes import Node, Nodes, first_plans
from kubectl_nsexec.transport.common_end import CommonEnd
from kubectl_nsexec.transport.control_folder import ControlFolder
from kubectl_nsexec.transport.node_shell import InNodeShell, NodeLogin

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import ExitStack

    from kubectl_nsexec.fleet.setting import Setting
    from kubectl_nsexec.session.context import Context
    from kubectl_nsexec.session.plan import Plan
    from kubectl_nsexec.transport.base import Transport


class Login(Node[NodeLogin]):
    """The way to one node by its ssh connection."""

    what = "the ssh connection"
    error = NodeAccessError

    def __init__(self, setting: Setting, plan: Plan, folder: str) -> None:
        """``folder``: see NodeLogin."""
        super().__init__(setting, plan)
        self._folder = folder

    def transport(self, context: Context, stack: ExitStack) -> Transport:
        """See Node."""
        login = self.opened()
        return InNodeShell(context, stack, login.common, login)

    def _made(self) -> NodeLogin:
        login = NodeLogin(self._context(), self._stack, self._folder)
        login.open()
        return login

    def _ended(self, made: NodeLogin, cause: str) -> None:
        made.common.end(cause)


class Here(Node[CommonEnd]):
    """The way to this machine's own containers: nothing is shared but the end."""

    error = NodeAccessError

    def transport(self, context: Context, stack: ExitStack) -> Transport:
        """See Node."""
        return InNodeShell(context, stack, self.opened())

    def _made(self) -> CommonEnd:
        return CommonEnd()

    def _ended(self, made: CommonEnd, cause: str) -> None:
        made.end(cause)


def logins(setting: Setting, plans: Sequence[Plan], stack: ExitStack) -> Nodes:
    """One for each node of ``plans``; ``stack`` removes what they have on this machine. Raises NodeAccessError."""
    folder = ControlFolder()
    stack.callback(folder.close)
    return Nodes(
        first_plans(plans), lambda _, plan: Login(setting, plan, folder.path), "an ssh connection", Login.error
    )


def here(setting: Setting, plans: Sequence[Plan]) -> Nodes:
    """The way to this machine, for all of ``plans``."""
    return Nodes(first_plans(plans), lambda _, plan: Here(setting, plan), "a shell", Here.error)
