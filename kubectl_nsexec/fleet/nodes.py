"""What leads a fleet to its nodes: one thing for each, made when its first target comes and ended after its last."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from kubectl_nsexec.errors import NsexecError
from kubectl_nsexec.session.context import Context
from kubectl_nsexec.ui.interrupts import Interrupts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from kubectl_nsexec.cpus.policy import CpuPolicy
    from kubectl_nsexec.fleet.setting import Setting
    from kubectl_nsexec.session.plan import Plan
    from kubectl_nsexec.transport.base import Transport

T = TypeVar("T")


class Node(ABC, Generic[T]):
    """The way to one node. Every method is for any thread."""

    what = "the way"
    """For errors."""
    error: type[NsexecError] = NsexecError

    def __init__(self, setting: Setting, plan: Plan) -> None:
        """``plan``: of the first of its targets."""
        self._setting = setting
        self._plan = plan
        self._stack = ExitStack()
        self._opening = threading.Lock()
        self._open: T | None = None
        self._failure: NsexecError | None = None
        self._over = False
        self.policy: CpuPolicy | None = None
        """The CPUs on which all of ours stands there, once that is known."""

    @abstractmethod
    def transport(self, context: Context, stack: ExitStack) -> Transport:
        """For one session. ``stack`` closes its own streams. Raises as ``opened``."""

    @abstractmethod
    def _made(self) -> T: ...

    @abstractmethod
    def _ended(self, made: T, cause: str) -> None:
        """Whatever goes that way ends at once."""

    def opened(self) -> T:
        """What leads there; made by whoever comes first. Raises the NsexecError family, for each the same."""
        with self._opening:
            if self._failure is not None:
                raise self.error(self._failure.message, code=self._failure.code)
            if self._over or self._setting.ending.cause:
                raise self.error(self._setting.ending.cause or f"{self.what} has ended")
            if self._open is None:
                try:
                    self._open = self._made()
                except NsexecError as error:
                    self._failure = error
                    raise
                if self._over:  # meanwhile
                    self._ended(self._open, self._setting.ending.cause or "")
            return self._open

    def end(self, cause: str) -> None:
        """Ends whatever goes that way, at once; it is still to be closed."""
        self._over = True
        made = self._open
        if made is not None:
            self._ended(made, cause)

    def close(self) -> None:
        """Ends the way. Raises the NsexecError family naming what stays."""
        with self._opening:
            self._over = True
            self._open = None  # its buffers would stay as long as the list of all that was closed
            self._stack.close()

    def _context(self) -> Context:
        """For what leads there; its deadline is that of the target that waits for it."""
        setting = self._setting
        return Context(
            setting.request,
            setting.cluster,
            self._plan,
            setting.ending.deadline(setting.request.timeout_seconds),
            setting.console,
            Interrupts(),  # signals come in the main thread only, which waits for this one
            setting.reaper,
        )


class Nodes:
    """Those of all nodes."""

    def __init__(
        self, firsts: Mapping[str, Plan], make: Callable[[str, Plan], Node[Any]], what: str, error: type[NsexecError]
    ) -> None:
        """``firsts``: of each node, the plan of its first target. ``what`` leads there; ``error``: see ``late``."""
        self._what = what
        self._error = error
        self._firsts = firsts
        self._make = make
        self._made: dict[str, Node[Any]] = {}
        self._making = threading.Lock()

    def late(self) -> NsexecError:
        """Of one that does not end in time."""
        return self._error(f"{self._what} has not ended yet; it does now that we are gone")

    def on(self, node: str) -> Node[Any]:
        """The one of that node, which may have to be opened."""
        with self._making:
            if node not in self._made:
                self._made[node] = self._make(node, self._firsts[node])
            return self._made[node]

    def taken(self, node: str) -> Node[Any] | None:
        """The one of that node, for whoever closes it; it is nobody else's any more."""
        with self._making:
            return self._made.pop(node, None)

    def open_ones(self) -> list[str]:
        """The nodes that have one."""
        with self._making:
            return [*self._made]

    def end(self, cause: str) -> None:
        """See Node."""
        for node in self.open_ones():
            self.on(node).end(cause)


def first_plans(plans: Sequence[Plan]) -> dict[str, Plan]:
    """Of each node, the plan of its first target."""
    firsts: dict[str, Plan] = {}
    for plan in plans:
        firsts.setdefault(plan.target.node, plan)
    return firsts
