"""The agent's lines of events: ``NONCE {json}``, decoded."""

from __future__ import annotations

import base64
import binascii
import json
import math
from typing import TYPE_CHECKING, Any

from kubectl_nsexec.errors import AgentError
from kubectl_nsexec.model.cpuset import CpuSet
from kubectl_nsexec.model.messages import (
    AgentFailure,
    Claims,
    ContainerSeen,
    FolderCpus,
    Held,
    NodeFile,
    NodeFiles,
    NodeLook,
    Started,
    SurveyBegun,
    Surveyed,
    TargetFacts,
    ThreadsSeen,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Event = Held | NodeLook | TargetFacts | Started | SurveyBegun | ContainerSeen | ThreadsSeen | Surveyed | AgentFailure


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
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise AgentError(f"the agent on the node sent something that is not an event ({error!r})") from error


def _cpus(fields: dict[str, Any], key: str) -> CpuSet:
    return CpuSet.parse(_text(fields, key))


def _text(fields: dict[str, Any], key: str) -> str:
    value = fields[key]
    if not isinstance(value, str):
        raise TypeError(f"{key} is not a string")
    return value


def _truth(fields: dict[str, Any], key: str) -> bool:
    value = fields[key]
    if not isinstance(value, bool):
        raise TypeError(f"{key} is neither true nor false")
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


def _sources(fields: dict[str, Any]) -> NodeFiles:
    files = tuple(
        NodeFile(
            of=_text(file, "of"), path=_text(file, "path"), data=None if file["data"] is None else _blob(file, "data")
        )
        for file in fields["files"]
    )
    return NodeFiles(files, _blob(fields, "kubelet_flags"))


def _claims(fields: dict[str, Any]) -> Claims:
    def of_kernel(key: str) -> CpuSet | None:
        return None if fields[key] is None else _cpus(fields, key)

    return Claims(
        isolated=of_kernel("isolated"),
        nohz_full=of_kernel("nohz_full"),
        partitions=of_kernel("partitions"),
        folders=tuple(FolderCpus(_cpus(folder, "cpus"), _text(folder, "path")) for folder in fields["claims"]),
        cores=tuple(CpuSet.parse(core) for core in fields["cores"]),
        pool=_cpus(fields, "pool"),
    )


def _node(fields: dict[str, Any]) -> NodeLook:
    return NodeLook(
        mask=_cpus(fields, "mask"),
        online=_cpus(fields, "online"),
        cpu_manager_state=_blob(fields, "cpu_manager_state"),
        sources=_sources(fields),
        claims=_claims(fields),
    )


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
        crun=_truth(fields, "crun"),
        crun_filter=_blob(fields, "crun_filter"),
        label=_blob(fields, "label"),
        devices_list=_blob(fields, "devices_list"),
        cwd=_blob(fields, "cwd"),
        root=_blob(fields, "root"),
        capabilities=int(_text(fields, "capabilities"), 16),
        cpu_manager_state=_blob(fields, "cpu_manager_state"),
        sources=_sources(fields),
        claims=_claims(fields),
    )


def _survey(fields: dict[str, Any]) -> SurveyBegun:
    runtime = _text(fields, "rt_runtime")
    return SurveyBegun(
        node=_node(fields),
        cgroup=_text(fields, "cgroup"),
        release=_text(fields, "release"),
        rt_runtime_us=int(runtime) if runtime else None,
        stalld=_truth(fields, "stalld"),
    )


def _container(fields: dict[str, Any]) -> ContainerSeen:
    return ContainerSeen(
        id=_text(fields, "id"),
        missing=_text(fields, "missing"),
        cpus=_cpus(fields, "cpus"),
        exec_folder=None if fields["exec_folder"] is None else _cpus(fields, "exec_folder"),
        affinity=_blob(fields, "affinity"),
        processes=tuple(_pid({"process": pid}, "process") for pid in fields["processes"]),
    )


def _threads(fields: dict[str, Any]) -> ThreadsSeen:
    look = _pid(fields, "look")
    if look not in (1, 2):
        raise ValueError(f"look {look} is neither the first nor the second")
    uptime_seconds = float(_text(fields, "uptime"))
    if not math.isfinite(uptime_seconds):
        raise ValueError("uptime is no time")
    return ThreadsSeen(look, uptime_seconds, _blob(fields, "stat"), _blob(fields, "status"))


def _surveyed(_: dict[str, Any]) -> Surveyed:
    return Surveyed()


def _started(fields: dict[str, Any]) -> Started:
    return Started(pid=_pid(fields), mask=_cpus(fields, "mask"), tty=_text(fields, "tty"))


def _failure(fields: dict[str, Any]) -> AgentFailure:
    return AgentFailure(code=_text(fields, "code"), message=_text(fields, "message"))


_DECODERS: Mapping[str, Callable[[dict[str, Any]], Event]] = {
    "held": _held,
    "node": _node,
    "target": _target,
    "start": _started,
    "survey": _survey,
    "container": _container,
    "threads": _threads,
    "surveyed": _surveyed,
    "error": _failure,
}
