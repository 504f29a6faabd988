"""The transport by a helper pod: its main process holds the lease, the exec subresource is the session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubectl_nsexec.errors import HelperPodError
from kubectl_nsexec.helper.manifest import CONTAINER, entrance, new_id
from kubectl_nsexec.kube.api import pod_path
from kubectl_nsexec.kube.connection import V5_PROTOCOL
from kubectl_nsexec.protocol import commands
from kubectl_nsexec.transport.channels import Links, RemoteStream

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kubectl_nsexec.kube import Cluster
    from kubectl_nsexec.model.cpuset import CpuSet
    from kubectl_nsexec.model.deadline import Deadline
    from kubectl_nsexec.model.http import Json
    from kubectl_nsexec.session.context import Context


class HelperPod:
    """The Transport by a helper pod that runs; ``helper`` is what the API server shows of it."""

    def __init__(self, context: Context, helper: Json, links: Links) -> None:
        metadata = helper["metadata"]
        self.name = f"helper pod {metadata['namespace']}/{metadata['name']}"
        self.links = links
        self.opening = commands.HOLD
        self.lease_is_session = False
        self._context = context
        self._helper = helper

    def hold(self) -> RemoteStream:
        """Attaches to the helper's main process, which lives as long as this stream."""
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

    def enter(self, cpus: CpuSet) -> RemoteStream:
        """See Transport."""
        plan, privileges = self._context.plan, self._context.request.privileges
        return self._exec(commands.enter_words(plan.nonce, cpus, new_id(), plan.target, privileges))

    def _exec(self, words: Sequence[str]) -> RemoteStream:
        return self._open("exec", exec_query(self._helper, words))

    def stray_output(self) -> str:
        """See Transport: the API server passes nothing on that is not the agent's."""
        return ""

    def _open(self, subresource: str, query: Sequence[tuple[str, str]]) -> RemoteStream:
        stream = open_stream(self._context.cluster, self._helper, subresource, query, self._context.deadline)
        self.links.add(stream)
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
