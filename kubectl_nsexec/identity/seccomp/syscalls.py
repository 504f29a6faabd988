"""System calls by name: architectures, numbers, and which calls have two numbers, as libseccomp knows them."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

X32_BIT = 0x40000000
"""In the number of every x32 call, which has the AUDIT_ARCH_ of x86_64 (__X32_SYSCALL_BIT)."""


class Architecture(NamedTuple):
    """One way of numbering system calls."""

    table: str
    """Its name in syscalls.json."""
    audit: int
    """AUDIT_ARCH_ of linux/audit.h."""
    wide: bool = True
    """Whether libseccomp compares all 64 bits of an argument."""
    big_endian: bool = False


ARCHITECTURES = {
    "SCMP_ARCH_X86_64": Architecture("x86_64", 0xC000003E),
    "SCMP_ARCH_X32": Architecture("x32", 0xC000003E, wide=False),
    "SCMP_ARCH_X86": Architecture("x86", 0x40000003, wide=False),
    "SCMP_ARCH_AARCH64": Architecture("aarch64", 0xC00000B7),
    "SCMP_ARCH_ARM": Architecture("arm", 0x40000028, wide=False),
    "SCMP_ARCH_PPC64LE": Architecture("ppc64le", 0xC0000015),
    "SCMP_ARCH_S390X": Architecture("s390x", 0x80000016, big_endian=True),
}
NATIVE = {
    "amd64": "SCMP_ARCH_X86_64",
    "arm64": "SCMP_ARCH_AARCH64",
    "ppc64le": "SCMP_ARCH_PPC64LE",
    "s390x": "SCMP_ARCH_S390X",
}
"""By the node's own word for its architecture (label kubernetes.io/arch)."""
# Some architectures have two doors to these: a number of their own in newer kernels, and the number of a family, whose
# first argument says which of its calls it is (linux/net.h, linux/ipc.h; libseccomp abi_rule_add).
_SOCKET_CALLS = ["socket", "bind", "connect", "listen", "accept", "getsockname", "getpeername", "socketpair", "send"]
_SOCKET_CALLS += ["recv", "sendto", "recvfrom", "shutdown", "setsockopt", "getsockopt", "sendmsg", "recvmsg", "accept4"]
_SOCKET_CALLS += ["recvmmsg", "sendmmsg"]
_IPC_CALLS = {"semop": 1, "semget": 2, "semctl": 3, "semtimedop": 4, "msgsnd": 11, "msgrcv": 12, "msgget": 13}
_IPC_CALLS |= {"msgctl": 14, "shmat": 21, "shmdt": 22, "shmget": 23, "shmctl": 24}
DOORS = {name: ("socketcall", place) for place, name in enumerate(_SOCKET_CALLS, start=1)}
DOORS |= {name: ("ipc", place) for name, place in _IPC_CALLS.items()}


@lru_cache
def numbers() -> dict[str, dict[str, int]]:
    """Architecture (``Architecture.table``) → name of a system call → its number.

    Made by the build (hatch_build.py) from the kernel's own headers, which the compiler brings.
    """
    return dict(json.loads(Path(__file__).with_name("syscalls.json").read_text(encoding="utf-8")))
