"""The client's half of the talk with the agent on the node: its command lines, and its lines of events."""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kubectl_nsexec.asked import AS_EXEC, Powers
from kubectl_nsexec.cpuset import CpuSet
from kubectl_nsexec.errors import AgentError, CpuPolicyError, NsexecError, PlacementError, TargetError
from kubectl_nsexec.helper_manifest import AGENT_VARIABLE
from kubectl_nsexec.results import AgentFailure, Held, Started, TargetFacts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kubectl_nsexec.target import Target

SHELL = "/usr/bin/sh"
"""The node's own; absolute, because a standalone BusyBox would run itself instead."""

_SESSION_ID = re.compile(r"[a-z0-9]{5,20}")
_NONCE = re.compile(r"[0-9A-Za-z]{8,64}")
_SHA256 = re.compile(r"[0-9a-f]{64}")

Event = Held | TargetFacts | Started | AgentFailure


@dataclass(frozen=True)
class FailureContext:
    """What an error about the node has to name."""

    pod: str
    container: str
    node: str
    reserved: CpuSet
    source: str


def hold_command(nonce: str, reserved: CpuSet, link_bytes: int, link_sha256: str, *, shell: str = SHELL) -> list[str]:
    """Command line of the helper's main process, which then reads ``link_bytes`` of the last link on its stdin.

    Raises ValueError for values that do not fit the protocol.
    """
    if not _SHA256.fullmatch(link_sha256) or link_bytes <= 0:
        raise ValueError("the last link is named by its size and SHA-256 sum")
    return _agent(shell, "hold", nonce, reserved, str(link_bytes), link_sha256)


def enter_command(
    nonce: str,
    reserved: CpuSet,
    session_id: str,
    target: Target,
    powers: Powers = AS_EXEC,
    *,
    shell: str = SHELL,
) -> list[str]:
    """Command line of a session (exec subresource). Raises ValueError for values that do not fit the protocol."""
    if not _SESSION_ID.fullmatch(session_id):
        raise ValueError("a session's ID is 5 to 20 lower-case letters and digits")
    wanted = "1" if target.shares_host_pid else "0"
    place = [session_id, target.cgroup_uid, target.container_id, wanted]
    files = "node" if powers.host_tools else "container"
    return _agent(shell, "enter", nonce, reserved, *place, _process_word(powers.process), files)


def _process_word(process: int | str | None) -> str:
    """Never empty, and a name is never taken for anything else, whatever it is."""
    if process is None:
        return "first"
    return f"pid:{process}" if isinstance(process, int) else f"name:{process}"


def _agent(shell: str, verb: str, nonce: str, reserved: CpuSet, *rest: str) -> list[str]:
    if not _NONCE.fullmatch(nonce):
        raise ValueError("a nonce is 8 to 64 letters and digits")
    if not reserved:
        raise ValueError("the reserved set is empty")
    return [shell, "-c", f'eval "${AGENT_VARIABLE}"', "nsexec-agent", verb, nonce, str(reserved), *rest]


_FRAME_BYTES = 65535


def go_line(identity_bytes: int) -> bytes:
    """What the agent waits for after its ``target`` event; the identity follows, then the command's stdin."""
    return b"go %d\n" % identity_bytes


def typed(data: bytes) -> bytes:
    """What the user has typed, as the last link takes it for a terminal (node/terminal.c)."""
    parts = [data[at : at + _FRAME_BYTES] for at in range(0, len(data), _FRAME_BYTES)]
    return b"".join(b"d" + len(part).to_bytes(2, "big") + part for part in parts)


def window(rows: int, columns: int) -> bytes:
    """The window's new size, as the last link takes it for a terminal (node/terminal.c)."""
    size = rows.to_bytes(2, "big") + columns.to_bytes(2, "big")
    return b"w" + len(size).to_bytes(2, "big") + size


def parse_event(line: bytes, nonce: str) -> Event | None:
    """Decodes ``NONCE {json}``, with or without its newline; None when the line is not the agent's.

    Raises AgentError when it begins with the nonce but is not an event of the protocol.
    """
    prefix = nonce.encode() + b" "
    if not line.startswith(prefix):
        return None
    try:
        fields = json.loads(line[len(prefix) :])
        return _DECODERS[fields["event"]](fields)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise AgentError(f"the agent on the node sent something that is not an event ({error!r})") from error


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
    "no-target": TargetError,
    "host-namespace": TargetError,
    "user-namespace": TargetError,
}
"""Class by the failure's code, which is stable; AgentError for all others."""

_NEXT_STEPS: Mapping[str, str] = {
    "placement": "asked for were the CPUs {reserved} ({source}). Compare them with node {node}'s online CPUs, "
    "or name others with --cpus LIST",
    "overlap": "asked for were the CPUs {reserved} ({source}). Name CPUs that the target does not use with --cpus LIST",
    "no-target": "it may have just ended or been restarted: see oc get pod {pod}, then try again",
    "process": "name one of these by its number: --process PID",
    "host-namespace": "entering it would run the command on the node itself; for that there is oc debug node/{node}",
    "user-namespace": "pods with hostUsers: false cannot be entered yet; use oc exec",
    "last-link": "does node {node} forbid it to run programs from memory, or is its architecture not amd64?",
    "identity": "the command would not run as who the container is; use oc exec",
    "node": "if node {node} has no util-linux, name an image that has it with --image",
}


def _cpus(fields: dict[str, Any], key: str) -> CpuSet:
    return CpuSet.parse(_text(fields, key))


def _text(fields: dict[str, Any], key: str) -> str:
    value = fields[key]
    if not isinstance(value, str):
        raise TypeError(f"{key} is not a string")
    return value


def _pid(fields: dict[str, Any], key: str = "pid") -> int:
    value = fields[key]
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise TypeError(f"{key} is not a process number")
    return value


def _blob(fields: dict[str, Any], key: str) -> bytes:
    try:
        return base64.b64decode(_text(fields, key), validate=True)
    except binascii.Error as error:
        raise ValueError(f"{key} is not base64: {error}") from error


def _held(fields: dict[str, Any]) -> Held:
    return Held(mask=_cpus(fields, "mask"), cgroup=_text(fields, "cgroup"), pin=_text(fields, "pin"))


def _target(fields: dict[str, Any]) -> TargetFacts:
    return TargetFacts(
        pid=_pid(fields),
        inner_pid=_pid(fields, "inner"),
        entry_mask=_cpus(fields, "entry_mask"),
        mask=_cpus(fields, "mask"),
        target_mask=_cpus(fields, "target_mask"),
        online=_cpus(fields, "online"),
        pin=_text(fields, "pin"),
        cgroup=_text(fields, "cgroup"),
        spec=_blob(fields, "spec"),
        status=_blob(fields, "status"),
        environ=_blob(fields, "environ"),
        limits=_blob(fields, "limits"),
        cwd=_blob(fields, "cwd"),
        root=_blob(fields, "root"),
        capabilities=int(_text(fields, "capabilities"), 16),
        cpu_manager_state=_blob(fields, "cpu_manager_state"),
    )


def _started(fields: dict[str, Any]) -> Started:
    return Started(pid=_pid(fields), mask=_cpus(fields, "mask"), tty=_text(fields, "tty"))


def _failure(fields: dict[str, Any]) -> AgentFailure:
    return AgentFailure(code=_text(fields, "code"), message=_text(fields, "message"))


_DECODERS: Mapping[str, Callable[[dict[str, Any]], Event]] = {
    "held": _held,
    "target": _target,
    "start": _started,
    "error": _failure,
}
