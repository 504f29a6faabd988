"""The transport by a helper pod: its main process holds the lease, the exec subresource is the session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubectl_nsexec.errors import HelperPodError
from kubectl_nsexec.helper import life
from kubectl_nsexec.helper.manifest import CONTAINER, entrance, new_id
from kubectl_nsexec.kube.api import pod_path
from kubectl_nsexec.kube.connection import V5_PROTOCOL
from kubectl_nsexec.protocol import commands
from kubectl_nsexec.transport.channels import RemoteStream, Streams

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import ExitStack

    from kubectl_nsexec.kube import Cluster
    from kubectl_nsexec.model.cpuset import CpuSet
    from kubectl_nsexec.model.deadline import Deadline
    from kubectl_nsexec.model.http import Json
    from kubectl_nsexec.session.context import Context
    from kubectl_nsexec.transport.base import Result, Talk


class HelperPod:
    """The Transport by a helper pod of the run's own. ``stack`` closes its streams, and ends the pod after that."""

    in_shared_pool = True
    name: str
    streams: Streams

    def __init__(self, context: Context, stack: ExitStack) -> None:
        self.lease: RemoteStream | None = None
        self._context = context
        self._stack = stack

    def start(self, talk: Talk[Result]) -> Result:
        """See Transport."""
        plan = self._context.plan
        pod = life.run_one_of(self._stack, self._context, plan.helper, program_is_there=plan.program_is_there)
        self._use(pod)
        self._stack.callback(self.streams.close)
        self.lease = self._attach()
        cpus = talk.hold(self.lease, commands.HOLD)
        return talk.enter(self._exec(self._enter_words(cpus, new_id())))

    def _use(self, pod: Json) -> None:
        """From now on it is about this helper, as the API server shows it, by streams of its own."""
        metadata = pod["metadata"]
        self.name = f"helper pod {metadata['namespace']}/{metadata['name']}"
        self.streams = Streams()
        self._pod = pod

    def _attach(self) -> RemoteStream:
        """The stream of the helper's main process, which lives as long as that is open."""
        lease = self._open("attach", [])
        self._refuse_v4(lease)
        return lease

    def _refuse_v4(self, stream: RemoteStream) -> None:
        request = self._context.request
        if request.stdin and not request.tty and stream.connection.protocol != V5_PROTOCOL:
            raise HelperPodError(
                "the server speaks only the v4 exec protocol, which cannot pass on the end of stdin: "
                "the command would wait for ever; run it without -i, or against Kubernetes 1.30 or newer"
            )

    def _enter_words(self, cpus: CpuSet, session_id: str, *, again: bool = False) -> list[str]:
        plan, privileges = self._context.plan, self._context.request.privileges
        return commands.enter_words(plan.nonce, cpus, session_id, plan.target, privileges, again=again)

    def _exec(self, words: Sequence[str]) -> RemoteStream:
        return self._open("exec", exec_query(self._pod, words))

    def stray_output(self) -> str:
        """See Transport: the API server passes nothing on that is not the agent's."""
        return ""

    def _open(self, subresource: str, query: Sequence[tuple[str, str]]) -> RemoteStream:
        self._context.waits.on(f"node {self._context.plan.target.node} to open the connection")
        stream = open_stream(self._context.cluster, self._pod, subresource, query, self._context.deadline)
        self.streams.add(stream)
        return stream


def exec_query(helper: Json, words: Sequence[str]) -> list[tuple[str, str]]:
    """The command line of an exec into ``helper``, which its shim starts."""
    return [("command", word) for word in (*entrance(helper), *words)]


def open_stream(
    cluster: Cluster, helper: Json, subresource: str, query: Sequence[tuple[str, str]], deadline: Deadline
) -> RemoteStream:
    """An exec or attach to the helper pod, with stdin, stdout and stderr. Raises ApiError."""
    channels = [("container", CONTAINER), ("stdin", "true"), ("stdout", "true"), ("stderr", "true"), *query]
    timeout = max(0.1, deadline.remaining_seconds())
    path = pod_path(helper["metadata"]["namespace"], helper["metadata"]["name"], subresource)
    return RemoteStream(cluster.open_stream(path, channels, timeout_seconds=timeout))
