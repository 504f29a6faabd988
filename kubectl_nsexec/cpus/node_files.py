"""What the node's own files say about CPUs: CRI-O's configuration, workload pinning, the kubelet's configuration.

Sources: crio.conf(5), crio.conf.d(5); openshift/enhancements, workload-partitioning; kubelet.config.k8s.io/v1beta1.
MicroShift has the same files, written by hand, but for the kubelet's, which it makes of its own config.yaml.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from kubectl_nsexec.cpus.kubelet import KubeletCpus, parse_config
from kubectl_nsexec.errors import CpuPolicyError
from kubectl_nsexec.model.cpuset import CpuSet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from kubectl_nsexec.model.messages import NodeFile, NodeFiles

MAX_FILE_BYTES = 65536
"""As in node/agent/sources.sh."""
_MANAGEMENT = "management"
"""The workload of OpenShift's own pods; others are somebody's pods, on any CPUs."""
_FIELDS = {"--reserved-cpus": "reservedSystemCPUs", "--cpu-manager-policy": "cpuManagerPolicy"}
"""What the kubelet's deprecated flags set."""


class Claim(NamedTuple):
    """CPUs by the word of one file; ``source`` names the file and the field."""

    cpus: CpuSet
    source: str


class NodeCpus(NamedTuple):
    """The node's word, understood."""

    reserved: tuple[Claim, ...] = ()
    """infra_ctr_cpuset, then workload pinning; an empty value means that the node is not partitioned: no claim."""
    shared: Claim | None = None
    """CRI-O's shared_cpuset: what containers may share beside their own CPUs."""
    kubelet: KubeletCpus | None = None
    problems: tuple[str, ...] = ()
    """What could not be understood, each a sentence that names the file."""


def read(sources: NodeFiles) -> NodeCpus:
    """Reads all of it; a file that is not what it should be is a problem, not an error."""
    problems: list[str] = []
    reserved: list[Claim] = []
    shared = kubelet = None
    try:
        reserved, shared = _crio(_of(sources, "crio"))
    except CpuPolicyError as error:
        problems.append(error.message)
    try:
        reserved = [*reserved, *_pinning(_of(sources, "pinning"))]
    except CpuPolicyError as error:
        problems.append(error.message)
    try:
        kubelet = _kubelet(_of(sources, "kubelet"), sources.kubelet_flags)
    except CpuPolicyError as error:
        problems.append(error.message)
    return NodeCpus(tuple(reserved), shared, kubelet, tuple(problems))


def _of(sources: NodeFiles, whose: str) -> list[NodeFile]:
    return [file for file in sources.files if file.of == whose]


def _understood(file: NodeFile, parser: Callable[[str], Any]) -> dict[str, Any]:
    """The file's content, a mapping. Raises CpuPolicyError naming the file."""
    if file.data is None:
        raise CpuPolicyError(f"{file.path} on the node cannot be read")
    if len(file.data) > MAX_FILE_BYTES:
        raise CpuPolicyError(f"{file.path} on the node is longer than {MAX_FILE_BYTES} bytes")
    try:
        found = parser(file.data.decode())
    except (ValueError, RecursionError) as error:
        raise CpuPolicyError(f"{file.path} on the node cannot be understood: {error}") from error
    return _mapping(found, file.path)


def _mapping(value: object, where: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise CpuPolicyError(f"{where} on the node is {type(value).__name__}, not a table")
    return value


def _claim(value: object, source: str) -> Claim | None:
    """None for the empty set: not partitioned. Raises CpuPolicyError for what is no CPU list."""
    try:
        cpus = CpuSet.parse(value) if isinstance(value, str) else CpuSet()
    except ValueError as error:
        raise CpuPolicyError(f"{source} on the node: {error}") from error
    if not isinstance(value, str | None):
        raise CpuPolicyError(f"{source} on the node is {type(value).__name__}, not a CPU list")
    return Claim(cpus, source) if cpus else None


def _crio(files: Iterable[NodeFile]) -> tuple[list[Claim], Claim | None]:
    """(reserved, shared). CRI-O reads in lexical order, folder by folder, and the last to set a thing wins."""
    infra = shared = management = None
    for file in sorted(files, key=lambda file: file.path.split("/")):
        runtime = _understood(file, _toml)
        for key in ("crio", "runtime"):
            runtime = _mapping(runtime.get(key), f"{file.path}, {key}")
        if "infra_ctr_cpuset" in runtime:
            infra = _claim(runtime["infra_ctr_cpuset"], f"{file.path}, infra_ctr_cpuset")
        if "shared_cpuset" in runtime:
            shared = _claim(runtime["shared_cpuset"], f"{file.path}, shared_cpuset")
        workloads = _mapping(runtime.get("workloads"), f"{file.path}, workloads")
        if _MANAGEMENT in workloads:  # taken whole: a later file's workload inherits nothing of an earlier one's
            name = f"workloads.{_MANAGEMENT}"
            workload = _mapping(workloads[_MANAGEMENT], f"{file.path}, {name}")
            resources = _mapping(workload.get("resources"), f"{file.path}, {name}.resources")
            management = _claim(resources.get("cpuset"), f"{file.path}, {name}")
    return [claim for claim in (infra, management) if claim], shared


def _toml(text: str) -> object:
    if sys.version_info >= (3, 11):
        import tomllib  # noqa: PLC0415 - start-up time: most nodes have no CRI-O, or need no look at it
    else:
        import tomli as tomllib  # noqa: PLC0415 - as above
    return tomllib.loads(text)


def _pinning(files: Iterable[NodeFile]) -> list[Claim]:
    claims = []
    for file in files:
        workload = _mapping(_understood(file, json.loads).get(_MANAGEMENT), f"{file.path}, {_MANAGEMENT}")
        claims.append(_claim(workload.get("cpuset"), f"{file.path}, {_MANAGEMENT}"))
    return [claim for claim in claims if claim]


def _yaml(text: str) -> object:
    import yaml  # noqa: PLC0415 - start-up time

    try:
        # Every scalar stays the text that it is: 0, 010 and 2-3 are CPU lists here, not numbers or dates.
        return yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - of all loaders it makes the fewest types
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from error


def _kubelet(files: list[NodeFile], flags: bytes) -> KubeletCpus | None:
    """The kubelet's word: its file, overridden by its drop-ins, overridden by its flags.

    Without flags nobody knows which of the places for such a file the kubelet reads: all of them have to agree.
    """
    configs = [(_understood(file, _yaml), file.path) for file in files]
    if not flags:
        found = [parse_config(config, path) for config, path in configs]
        for other in found[1:]:
            if (other.policy, other.reserved) != (found[0].policy, found[0].reserved):
                raise CpuPolicyError(
                    f"{found[0].source} and {other.source} on the node say different things about CPUs"
                )
        return found[0] if found else None
    named = _flags(flags)
    if "--config" in named and not configs:
        raise CpuPolicyError(f"the kubelet's configuration, {named['--config']} on the node, was not found")
    by_flags = {field: named[flag] for flag, field in _FIELDS.items() if flag in named}
    if by_flags:
        configs.append((by_flags, "the kubelet's command line"))
    merged: dict[str, Any] = {}
    source = ""
    for config, path in configs:
        merged |= {field: config[field] for field in _FIELDS.values() if config.get(field)}
        if config.get("reservedSystemCPUs") or not source:
            source = path
    return parse_config(merged, source) if configs else None


def _flags(cmdline: bytes) -> dict[str, str]:
    """The flags in a /proc/PID/cmdline that count here: ``--name=value`` or ``--name value``; the last wins."""
    words = cmdline.decode(errors="replace").split("\0")
    found = {}
    for word, following in zip(words, [*words[1:], ""], strict=True):
        name, equals, value = word.partition("=")
        if name == "--config" or name in _FIELDS:
            found[name] = value if equals else following
    return found
