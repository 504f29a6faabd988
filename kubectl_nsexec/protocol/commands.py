"""The client's half of the talk with the agent on the node: its command lines, and its failures as our errors."""

from __future__ import annotations

import hashlib
import math
import re
from typing import TYPE_CHECKING, NamedTuple

from kubectl_nsexec.errors import AgentError, CpuPolicyError, NsexecError, PlacementError, TargetError
from kubectl_nsexec.model.privileges import AS_EXEC, Privileges

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kubectl_nsexec.model.cpuset import CpuSet
    from kubectl_nsexec.model.messages import AgentFailure
    from kubectl_nsexec.target.container_choice import Target

_AGENT_VARIABLE = "NSEXEC_AGENT"
"""Holds the agent's text where there is no helper pod, so nothing has to be written anywhere to run it."""
_MOST_PATIENCE_SECONDS = 99_999_999
"""More than the agent can count to is for ever."""
_SESSION_ID = re.compile(r"[a-z0-9]{5,20}")
_NONCE = re.compile(r"[0-9A-Za-z]{8,64}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class FailureContext(NamedTuple):
    """What an error about the node has to name."""

    pod: str
    container: str
    node: str
    reserved: CpuSet
    source: str


def hold_words(nonce: str, reserved: CpuSet | None, patience_seconds: float) -> list[str]:
    """What the shim starts as the helper's main process, which then waits for HOLD on its stdin.

    ``reserved`` None: it waits for LOOK before, tells what the node says, and is told the CPUs by ``place_line``.
    ``patience_seconds``: for so long it waits for a client, which may have been killed.
    Raises ValueError for values that do not fit the protocol.
    """
    return _words("hold", nonce, reserved, str(min(_MOST_PATIENCE_SECONDS, math.ceil(patience_seconds))))


def _shim_words(size_bytes: int, sha256: str) -> list[str]:
    if not _SHA256.fullmatch(sha256) or size_bytes <= 0:
        raise ValueError("the shim is named by its size and SHA-256 sum")
    return [str(size_bytes), sha256]


def enter_words(
    nonce: str,
    reserved: CpuSet,
    session_id: str,
    target: Target,
    privileges: Privileges = AS_EXEC,
    *,
    again: bool = False,
) -> list[str]:
    """What the shim starts as a session (exec subresource). Raises ValueError as ``hold_words``.

    ``again``: the node is looked at anew; what the helper saw when it began may be true no more.
    """
    place = _place(session_id, target, privileges)
    return _words("enter", nonce, reserved, *place, *(["again"] if again else []))


def survey_words(nonce: str, reserved: CpuSet) -> list[str]:
    """What the shim starts to look at containers of the node, which ``survey_lines`` name. Raises as ``hold_words``."""
    return _words("survey", nonce, reserved)


def survey_lines(targets: Iterable[Target]) -> bytes:
    """What it reads then, to the last line."""
    return b"".join(f"of {each.cgroup_uid} {each.container_id}\n".encode() for each in targets) + b"end\n"


def _place(session_id: str, target: Target, privileges: Privileges) -> list[str]:
    if not _SESSION_ID.fullmatch(session_id):
        raise ValueError("a session's ID is 5 to 20 lower-case letters and digits")
    wanted = "1" if target.shares_host_pid else "0"
    files = "node" if privileges.host_tools else "container"
    return [session_id, target.cgroup_uid, target.container_id, wanted, _process_word(privileges.process), files]


def alone_command(
    nonce: str,
    reserved: CpuSet | None,
    session_id: str,
    target: Target,
    privileges: Privileges,
    *,
    agent_bytes: int,
    shim: bytes,
) -> list[str]:
    """Command line of lease and session at once, for root on the node itself, where there is no helper pod.

    It reads the agent's text, of ``agent_bytes``, from its stdin. ``reserved`` as for ``hold_words``.
    Raises ValueError as the others do.
    """
    words = [*_shim_words(len(shim), hashlib.sha256(shim).hexdigest()), *_place(session_id, target, privileges)]
    return ["/bin/sh", "-c", _ALONE.format(agent_bytes), "nsexec-agent", *_words("alone", nonce, reserved, *words)]


_ALONE = (
    "PATH=/usr/sbin:/usr/bin:/sbin:/bin; unset LD_PRELOAD LD_LIBRARY_PATH; umask 022; cd /; "
    f"NSEXEC_HOST=; {_AGENT_VARIABLE}=$(head -c {{}}); "
    f'export PATH NSEXEC_HOST {_AGENT_VARIABLE}; eval "${_AGENT_VARIABLE}"'
)


def _process_word(process: int | str | None) -> str:
    """Never empty, and a name is never taken for anything else, whatever it is."""
    if process is None:
        return "first"
    return f"pid:{process}" if isinstance(process, int) else f"name:{process}"


def _words(verb: str, nonce: str, reserved: CpuSet | None, *rest: str) -> list[str]:
    if not _NONCE.fullmatch(nonce):
        raise ValueError("a nonce is 8 to 64 letters and digits")
    return [verb, nonce, "ask" if reserved is None else _some(reserved), *rest]


def _some(reserved: CpuSet) -> str:
    if not reserved:
        raise ValueError("the reserved set is empty")
    return str(reserved)


HOLD = b"hold\n"
"""What the helper's main process waits for: only then somebody hears what it says."""
LOOK = b"look\n"
"""What a lease's holder that was given no CPUs waits for; its NodeLook is the answer."""


def place_line(reserved: CpuSet) -> bytes:
    """Where it goes then; what it waits for otherwise follows. Raises ValueError for no CPUs."""
    return b"place %s\n" % _some(reserved).encode()


_FRAME_BYTES = 65535


def go_line(identity_bytes: int) -> bytes:
    """What the agent waits for after its ``target`` event; the identity follows, then the command's stdin."""
    return b"go %d\n" % identity_bytes


def narrow_line(cpus: CpuSet) -> bytes:
    """Moves the agent, after its ``target`` event, onto ``cpus``, a part of its own; a new ``target`` event follows."""
    return f"narrow {cpus}\n".encode()


THREADS = b"threads\n"
"""Asks the agent, after its ``target`` event, for the container's threads: the events of a survey, one look, follow."""


def typed(data: bytes) -> bytes:
    """What the user has typed, as the shim takes it for a terminal (node/shim/terminal.c)."""
    parts = [data[at : at + _FRAME_BYTES] for at in range(0, len(data), _FRAME_BYTES)]
    return b"".join(b"d" + len(part).to_bytes(2, "big") + part for part in parts)


def window(rows: int, columns: int) -> bytes:
    """The window's new size, as the shim takes it for a terminal (node/shim/terminal.c)."""
    size = rows.to_bytes(2, "big") + columns.to_bytes(2, "big")
    return b"w" + len(size).to_bytes(2, "big") + size


def to_error(failure: AgentFailure, context: FailureContext) -> NsexecError:
    """The member of our family for what the node refused: what was asked, what it found, the next step."""
    found, newline, listed = failure.message.partition("\n")
    message = (
        f"container {context.container} of pod {context.pod} on node {context.node}: "
        f"{found.rstrip('.')}; nothing was started"
    )
    if failure.code in _NEXT_STEPS:
        step = _NEXT_STEPS[failure.code]
        filled = step.format(reserved=context.reserved, source=context.source, node=context.node, pod=context.pod)
        message = f"{message}. Next: {filled}"
    return _KINDS.get(failure.code, AgentError)(f"{message}{newline}{listed}", code=failure.code)


_KINDS: Mapping[str, type[NsexecError]] = {
    "placement": PlacementError,
    "overlap": CpuPolicyError,
    "isolated": CpuPolicyError,
    "no-target": TargetError,
    "host-namespace": TargetError,
    "user-namespace": TargetError,
}
"""Class by the failure's code, which is stable; AgentError for all others."""

_NEXT_STEPS: Mapping[str, str] = {
    "placement": "asked for were the CPUs {reserved} ({source}). Compare them with node {node}'s online CPUs, "
    "or name others with --cpus LIST",
    "overlap": "asked for were the CPUs {reserved} ({source}). Name CPUs that the target does not use with --cpus LIST",
    "isolated": "asked for were the CPUs {reserved} ({source}); what the kernel isolates is somebody's own, whoever "
    "calls it reserved. Name CPUs that it does not isolate with --cpus LIST",
    "no-target": "it may have just ended or been restarted: see oc get pod {pod}, then try again",
    "process": "name one of these by its number: --process PID",
    "host-namespace": "entering it would run the command on the node itself; for that there is oc debug node/{node}",
    "user-namespace": "the command would not have the ids and rights that the container has; use oc exec",
    "shim": "does node {node} forbid it to run programs from memory, or is its architecture not amd64?",
    "command": "an admission webhook changes what an exec runs (kubectl get mutatingwebhookconfigurations): let it put "
    "nothing there but env NAME=VALUE, or leave the helpers' namespace alone",
    "identity": "the command would not run as who the container is; use oc exec",
    "node": "if node {node} has no util-linux, name an image that has it with --image",
}
