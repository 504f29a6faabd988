"""Who the command is: ids, capabilities, limits, environment, directory, as the runtime's own exec would set them.

The runtime's exec (kubelet → CRI → runc or crun) takes ``process`` of the container's config.json with other args,
so that file is the authority. The sets are those that it puts in place right before execve(2); the kernel then
derives the final ones itself (capabilities(7)), e.g. empty permitted and effective sets for a non-root user.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from kubectl_nsexec.errors import AgentError
from kubectl_nsexec.identity import apparmor, capabilities, devices, variables
from kubectl_nsexec.identity.proc import RLIMIT_NUMBERS, parse_environ, parse_limits, parse_status
from kubectl_nsexec.identity.seccomp.compiler import UNFILTERED, Filter, compile_filter, compiled_by_crun

if TYPE_CHECKING:
    from kubectl_nsexec.model.messages import TargetFacts

DEFAULT_UMASK = 0o022
"""What runc and crun set where the spec has no user.umask."""
SOURCE_SPEC = "the runtime's config.json"
SOURCE_PROC = "the init process in /proc"
_FILTERED = "2"
"""SECCOMP_MODE_FILTER, in the field Seccomp of /proc/PID/status (proc(5))."""


_NO_FILTER = ("the command has no seccomp filter, as the container has: the runtime's config.json cannot be read",)
_USUAL_DEVICES = (
    "the command can open no device but those that every container has, or that the container's cgroup tells of: "
    "the runtime's config.json cannot be read"
)


class Identity(NamedTuple):
    """Everything that the shim sets before execve. Capability sets are bit masks (bit n is capability n)."""

    uid: int
    gid: int | None
    """None: that of the uid's entry in the container's /etc/passwd, else 0."""
    groups: tuple[int, ...]
    bounding: int
    permitted: int
    effective: int
    inheritable: int
    ambient: int
    no_new_privs: bool
    umask: int
    cwd: bytes
    rlimits: tuple[tuple[int, int, int], ...]
    """(RLIMIT_ number, soft, hard), ascending; 2**64-1 is infinity."""
    env: tuple[bytes, ...]
    """``KEY=VALUE``, no key twice."""
    source: str
    seccomp: Filter = UNFILTERED
    selinux: bytes = b""
    apparmor: bytes = b""
    """What the security modules call the command; empty where the container has no such label."""
    user_namespace: bool = False
    """Whether ids and capabilities are those of a user namespace of the container's own (``hostUsers: false``)."""
    streams_group: bool = False
    """Whether the runtime gives the command's pipes to the group as well as to the user, as crun does."""
    devices: bytes = devices.DEFAULT
    """Which the command may open, in the shim's words (node/shim/devices.h)."""
    lacks: tuple[str, ...] = ()
    """What the runtime's own exec would have set and this cannot: sentences."""


def of_target(facts: TargetFacts, architecture: str) -> Identity:
    """The identity by the runtime's spec, else by the container's init.

    ``architecture``: the node's, ``amd64`` and so on. Raises AgentError (code ``identity``).
    """
    if not facts.spec:
        config, who = {}, from_proc(facts.status, facts.environ, facts.limits, facts.cwd)
    else:
        try:
            config = json.loads(facts.spec)
        except ValueError as error:
            raise _doubt(f"the runtime's config.json is not JSON: {error}") from error
        who = from_spec(config, architecture, runtime_limits=facts.limits, crun_filter=facts.crun_filter)
        who = who._replace(
            apparmor=apparmor.confining(who.apparmor, facts.label, crun=facts.crun), streams_group=facts.crun
        )
    return _granted(who if facts.cgroup == "v2" else _by_list(who, config, facts.devices_list), facts)


def _by_list(who: Identity, config: dict[str, Any], listed: bytes) -> Identity:
    """WHO on cgroup v1, with the devices that the container's own folder lists, else those of its CONFIG."""
    try:
        words = devices.on_v1(_device_rules(config), listed)
    except ValueError as error:
        raise _doubt(f"the list of the container's devices cannot be understood: {error!r}") from error
    return who._replace(
        devices=words, lacks=tuple(line for line in who.lacks if not (listed and line == _USUAL_DEVICES))
    )


def _granted(who: Identity, facts: TargetFacts) -> Identity:
    """WHO without the capabilities that cannot be had on this node, and a line about these; runtimes go on as well."""
    given, missed = facts.capabilities, who.bounding | who.permitted | who.inheritable
    if who.user_namespace:
        # Whoever joins one has all that the kernel knows, whatever they had outside (user_namespaces(7)).
        given |= capabilities.bounding_of(facts.status)
    missed &= ~given
    if not missed:
        return who
    return who._replace(
        bounding=who.bounding & given,
        permitted=who.permitted & given,
        effective=who.effective & given,
        inheritable=who.inheritable & given,
        ambient=who.ambient & given,
        lacks=(*who.lacks, capabilities.missed(missed, capabilities.bounding_of(facts.status))),
    )


def from_spec(
    config: dict[str, Any], architecture: str, *, runtime_limits: bytes = b"", crun_filter: bytes = b""
) -> Identity:
    """The identity by ``process`` of an OCI runtime config.json.

    ``runtime_limits`` (/proc/PID/limits of the runtime's process, the parent of the container's first one) gives what
    the spec leaves open, for that is what an exec inherits. HOME is not in every spec: the shim takes it from
    the container's /etc/passwd, as the runtime does. ``crun_filter``: see TargetFacts.
    Raises AgentError (code ``identity``) for what is not understood.
    """
    try:
        process = config["process"]
        user = process["user"]
        sets, unknown = capabilities.of_spec(process.get("capabilities") or {})
        limits = parse_limits(runtime_limits) | dict(map(_rlimit, process.get("rlimits") or []))
        linux = config.get("linux") or {}
        profile = linux.get("seccomp")
        permitted, inheritable = sets.get("permitted", 0), sets.get("inheritable", 0)
        return Identity(
            uid=int(user["uid"]),
            gid=int(user["gid"]),
            groups=tuple(sorted({int(group) for group in user.get("additionalGids") or []})),
            bounding=sets.get("bounding", 0),
            permitted=permitted,
            effective=sets.get("effective", 0),
            inheritable=inheritable,
            # The kernel refuses to raise any other (prctl(2), PR_CAP_AMBIENT_RAISE), and runtimes ignore that.
            ambient=sets.get("ambient", 0) & permitted & inheritable,
            no_new_privs=bool(process.get("noNewPrivileges")),
            umask=int(user["umask"]) if user.get("umask") is not None else DEFAULT_UMASK,
            cwd=_bytes(process.get("cwd") or "/"),
            rlimits=_triples(limits),
            env=variables.of_pairs([_bytes(pair) for pair in process.get("env") or []]),
            source=SOURCE_SPEC,
            seccomp=_filter(profile, crun_filter, architecture),
            selinux=_bytes(process.get("selinuxLabel") or ""),
            apparmor=_bytes(process.get("apparmorProfile") or ""),
            user_namespace=any(space["type"] == "user" for space in linux.get("namespaces") or []),
            devices=devices.in_order(_device_rules(config)),
            lacks=unknown,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _doubt(f"the runtime's config.json cannot be understood: {error!r}") from error


def from_proc(status: bytes, environ: bytes, limits: bytes, cwd: bytes) -> Identity:
    """The identity by the container's init: /proc/PID/{status,environ,limits} and its cwd (readlink).

    Second best: an init that has changed its own ids since it started shows the changed ones. Raises AgentError
    (code ``identity``) for what is missing.
    """
    directory = cwd.removesuffix(b"\n").removesuffix(b" (deleted)")
    if not directory.startswith(b"/"):
        raise _doubt(f"the working directory of the container's init is {directory!r}")
    try:
        fields = parse_status(status)
        rlimits = _triples(parse_limits(limits))
        return Identity(
            uid=int(fields["Uid"].split()[1]),
            gid=int(fields["Gid"].split()[1]),
            groups=tuple(sorted({int(group) for group in fields["Groups"].split()})),
            bounding=int(fields["CapBnd"], 16),
            permitted=int(fields["CapPrm"], 16),
            effective=int(fields["CapEff"], 16),
            inheritable=int(fields["CapInh"], 16),
            ambient=int(fields["CapAmb"], 16),
            no_new_privs=fields["NoNewPrivs"] == "1",
            umask=int(fields["Umask"], 8) if "Umask" in fields else DEFAULT_UMASK,
            cwd=directory,
            rlimits=rlimits,
            env=tuple(parse_environ(environ).values()),
            source=SOURCE_PROC,
            lacks=(*(_NO_FILTER if fields.get("Seccomp") == _FILTERED else ()), _USUAL_DEVICES),
        )
    except (KeyError, IndexError, ValueError) as error:
        # No default for anything that is missing: a wrong guess here would be too many rights.
        raise _doubt(f"the container's init cannot be understood by /proc: {error!r}") from error


def _device_rules(config: dict[str, Any]) -> list[dict[str, Any]]:
    return ((config.get("linux") or {}).get("resources") or {}).get("devices") or []


def _filter(profile: dict[str, Any] | None, crun_filter: bytes, architecture: str) -> Filter:
    if crun_filter:
        return compiled_by_crun(crun_filter, profile or {}, architecture)
    return compile_filter(profile, architecture) if profile else UNFILTERED


def _rlimit(entry: dict[str, Any]) -> tuple[int, tuple[int, int]]:
    kind = str(entry["type"])
    if kind not in RLIMIT_NUMBERS:
        raise ValueError(f"unknown resource limit {kind}")
    return RLIMIT_NUMBERS[kind], (int(entry["soft"]), int(entry["hard"]))


def _triples(limits: dict[int, tuple[int, int]]) -> tuple[tuple[int, int, int], ...]:
    return tuple((number, soft, hard) for number, (soft, hard) in sorted(limits.items()))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _doubt(message: str) -> AgentError:
    return AgentError(f"{message}; nothing was started", code="identity")
