"""The text formats of proc(5) that describe a process, and the kernel's numbers for capabilities and limits."""

from __future__ import annotations

RLIM_INFINITY = 2**64 - 1

_CAPABILITIES = (
    "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE "
    "NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN "
    "SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE "
    "MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE"
)
CAPABILITY_NUMBERS = {f"CAP_{name}": number for number, name in enumerate(_CAPABILITIES.split())}
"""include/uapi/linux/capability.h."""

_RLIMITS = (
    # (name in the OCI spec, name in /proc/PID/limits), in the order of their numbers on every
    # architecture but mips, sparc and alpha: include/uapi/asm-generic/resource.h, fs/proc/base.c.
    ("CPU", "Max cpu time"),
    ("FSIZE", "Max file size"),
    ("DATA", "Max data size"),
    ("STACK", "Max stack size"),
    ("CORE", "Max core file size"),
    ("RSS", "Max resident set"),
    ("NPROC", "Max processes"),
    ("NOFILE", "Max open files"),
    ("MEMLOCK", "Max locked memory"),
    ("AS", "Max address space"),
    ("LOCKS", "Max file locks"),
    ("SIGPENDING", "Max pending signals"),
    ("MSGQUEUE", "Max msgqueue size"),
    ("NICE", "Max nice priority"),
    ("RTPRIO", "Max realtime priority"),
    ("RTTIME", "Max realtime timeout"),
)
RLIMIT_NUMBERS = {f"RLIMIT_{name}": number for number, (name, _) in enumerate(_RLIMITS)}


def parse_status(status: bytes) -> dict[str, str]:
    """/proc/PID/status as ``{"Pid": "7", …}``, values stripped (several numbers stay apart by tabs)."""
    fields: dict[str, str] = {}
    for line in status.decode("utf-8", "replace").splitlines():
        key, separator, value = line.partition(":")
        if separator:
            fields[key] = value.strip()
    return fields


def parse_environ(environ: bytes) -> dict[bytes, bytes]:
    """/proc/PID/environ as ``{KEY: KEY=VALUE}``; what is not ``KEY=VALUE`` is left out."""
    pairs = {pair.partition(b"=")[0]: pair for pair in environ.split(b"\0") if b"=" in pair}
    pairs.pop(b"", None)
    return pairs


def parse_limits(limits: bytes) -> dict[int, tuple[int, int]]:
    """/proc/PID/limits as ``{RLIMIT_ number: (soft, hard)}``.

    Lines that are not known are left out. Raises ValueError for a known line without two numbers.
    """
    parsed: dict[int, tuple[int, int]] = {}
    for line in limits.decode("ascii", "replace").splitlines():
        for number, (_, title) in enumerate(_RLIMITS):
            if line.startswith(title + " "):
                words = line[len(title) :].split()
                if len(words) < 2:  # noqa: PLR2004 - soft and hard
                    raise ValueError(f"/proc/PID/limits: {line!r}")
                parsed[number] = (_limit(words[0]), _limit(words[1]))
    return parsed


def _limit(word: str) -> int:
    return RLIM_INFINITY if word == "unlimited" else int(word)
